"""Where lines of one text of a Python file stand in another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from testcache.code.layout import Layout

Line = int | tuple[int, int]
"""A line that was executed, or an arc: a step from one to another. A negative number is the entry to, or the exit of,
the function (class, module) that begins there.
"""


class Shift:
    """Follows code from one text of a file to another by its units.

    Attributes:
        grows: whether there are statements of the module that were not there: nobody knows whether they were executed.
    """

    def __init__(self, before: Layout, now: Layout) -> None:
        self._stand: dict[int, set[int]] = {}
        self._gone: set[int] = set()
        for old, new in ((before.blocks, now.blocks), (before.body, now.body)):
            for key, pieces in old.items():
                if key in new:
                    self._follow(pieces, new[key])
                elif old is before.body:
                    self._gone.update(*(range(first, last + 1) for first, last in _pairs(pieces)))
        self.grows = not now.body.keys() <= before.body.keys()

    def _follow(self, old: Sequence[int], new: Sequence[int]) -> None:
        for (first, last), (at, end) in zip(_pairs(old), _pairs(new), strict=True):
            step = 1 if end - at == last - first else 0  # written otherwise: coverage counts them all as the first
            for number in range(last - first + 1):
                self._stand.setdefault(first + number, set()).add(at + number * step)

    def of(self, lines: Iterable[Line]) -> list[Line] | None:
        """The same lines, or arcs, now, without those of module statements that are gone; None if one is not known.

        What stood together on a line and does no longer is not known: `if a: b`, of which `b` may never have run.
        """
        moved: list[Line] = []
        for line in lines:
            first, *rest = map(self._of, line if isinstance(line, tuple) else (line,))
            if first is None or None in rest:
                return None
            moved += product(first, rest[0] or ()) if rest else first
        return moved

    def _of(self, end: int) -> list[int] | None:
        line = abs(end)
        stand = self._stand.get(line, set())
        if line <= 1 and (end < 0 or not (stand or line in self._gone)):  # a module begins there, whatever else does
            stand = stand | {line}
        if end > 0 and len(stand) > 1:
            return None
        if not stand:
            return [] if line in self._gone else None
        return [number if end > 0 else -number for number in stand]


def _pairs(pieces: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(pieces[::2], pieces[1::2], strict=True)
