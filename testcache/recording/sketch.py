"""Sketches: fingerprints of the first few parts of a value, which others may share. For names, never to compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testcache.digest import of_text
from testcache.model import Digest
from testcache.recording.parts import Word, can_be_looked_into
from testcache.recording.portrait import Painter


def sketch(value: object) -> Digest:
    """A fingerprint that is the same in each process. Cost: 0.06 ms at most."""
    return _Sketcher().paint(value)


class _Sketcher(Painter):
    """Comes to an end soon; does not enter sets, whose elements have an order only when all of them are drawn."""

    most = 12

    def too_much(self, words: list[str]) -> Digest:
        return of_text("\n".join(words))

    def parts_of(self, thing: object) -> tuple[object, ...]:
        return super().parts_of(thing) if can_be_looked_into(type(thing)) else ()

    def elements(self, elements: Iterable[object]) -> Iterator[object]:
        yield Word(f"{sum(1 for _ in elements)} of them")
