"""Shelves: what tests leave for each other in temporary folders and files that a wide fixture or an import has made.

These are outputs of the run, so what is read there is no input. But one test may write a file, and the next
one read it, and then that rests on it. A file on a shelf is treated like a variable of the environment that is unset
when the run starts: who reads it has asked for its name, and who has changed it has left it something else.
Does not see: what a program that is not observed writes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from os.path import dirname
from sys import _getframe
from types import FrameType
from typing import Final

from testcache.inputs import files as fs
from testcache.model import ABSENT
from testcache.recording.ambience import HOLDER, slot
from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change
from testcache.recording.tape import Tape

_AS_MADE: Final = "as made"
"""What a file held that only the maker of the folder had written to."""


class Shelves:
    """Tells what has changed there."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._last: dict[str, object] = {}

    def changes(self) -> Iterator[Change]:
        """What has been written since the last look. Cost: the digest of each such file."""
        touched = self._tape.touched
        while touched:
            name, (path, was_there) = touched.popitem()
            before = self._last.setdefault(name, _AS_MADE if was_there else MISSING)
            value = self._state(path)
            yield from self._change(name, value)
            if (before is MISSING) != (value is MISSING):
                folder = self._tape.on_shelf(dirname(path))
                yield from self._change(folder, fs.listing_of(dirname(path)).hex())

    def _state(self, path: str) -> object:
        content = self._tape.files.digest(path)
        return MISSING if content == ABSENT else f"{content.hex()} {fs.stat_of(path).hex()}"

    def _change(self, name: str, value: object) -> Iterator[Change]:
        before = self._last.get(name, MISSING)
        self._last[name] = value
        if name and value != before:
            place = slot(name)
            yield Change(HOLDER, place, before, value, frozenset((place,)), frozenset(), restored=False, added=False)


def is_for_all() -> bool:
    """Whether pytest makes the folder of all temporary folders, at whoever's request."""
    frame: FrameType | None = _getframe(2)
    while frame is not None and frame.f_code.co_name != "getbasetemp":
        frame = frame.f_back
    return frame is not None
