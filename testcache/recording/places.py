"""Places: each watched object has one of its own, by its name and a number if that is taken."""

from __future__ import annotations


class Places:
    """The places that are taken. A thousand functions made by one statement have the same name: `f`, `f~2`, `f~3`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._least: dict[str, int] = {}  # of names that several have, a number below which none is free

    def take(self, name: str) -> str:
        """The place with the least number that is free. Cost: a look-up, on average."""
        number = self._least.get(name, 1)
        place = _numbered(name, number)
        while place in self._taken:
            number += 1
            place = _numbered(name, number)
        if number > 1:
            self._least[name] = number + 1
        self._taken.add(place)
        return place

    def drop(self, place: str) -> None:
        """Nobody is there any more."""
        self._taken.discard(place)
        name, _, number = place.rpartition("~")
        if name in self._least and number.isdecimal():
            self._least[name] = min(self._least[name], int(number))
        if place in self._least:
            self._least[place] = 1


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}~{number}"
