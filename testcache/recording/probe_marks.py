"""The marks that probes set: bytes in shared anonymous memory, one slice a file, one byte a line."""

from __future__ import annotations

import builtins
import mmap
import os
import re
from bisect import bisect_right

from testcache.recording.probe_tree import name_of
from testcache.recording.recorder import Place, Sink

CHUNK = 1 << 20
_SET = re.compile(b"\x01")
"""Bytes of memory taken at once: files with a million lines. Untouched pages cost nothing."""


class _Chunk:
    """One piece of shared memory, with the files that lie in it in the order of their offsets."""

    def __init__(self, size: int) -> None:
        # Shared and not a bytearray, though that is a fifth faster (22 and 28 ns a mark, of a call
        # of 50 ns): a forked child then marks right into its parent's memory, and may be killed.
        self.memory = mmap.mmap(-1, size)
        self.owner = os.getpid()
        self.used = 0
        self.starts: list[tuple[int, str]] = []
        self.begins: list[int] = []


class _Loud:
    """Stands in for a file's marks while they are streamed: Python code at every call."""

    def __init__(self, filename: str, marks: memoryview, tell: Sink) -> None:
        self.filename = filename
        self.marks = marks
        self.tell = tell

    def __setitem__(self, line: int, value: int) -> None:
        self.marks[line] = value
        self.tell((self.filename, line))


class Marks:
    """All marks of the process. Instrumented code keeps marking for as long as the process lives."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._files: dict[str, memoryview] = {}
        self._tell: Sink | None = None

    def __contains__(self, filename: str) -> bool:
        return filename in self._files

    def add(self, filename: str, last_line: int) -> None:
        """Make room for the marks of a file, before its code runs; the same file may come again."""
        known = self._files.get(filename)
        if known is not None and len(known) > last_line:
            return
        size = last_line + 1
        chunk = self._chunks[-1] if self._chunks else None
        # After a fork the parent's memory belongs to the parent: it would give the same bytes to
        # another file. What a child imports by itself is then seen by the child only.
        if chunk is None or chunk.owner != os.getpid() or chunk.used + size > len(chunk.memory):
            chunk = _Chunk(max(CHUNK, size))
            self._chunks.append(chunk)
        chunk.starts.append((chunk.used, filename))
        chunk.begins.append(chunk.used)
        self._files[filename] = memoryview(chunk.memory)[chunk.used : chunk.used + size]
        chunk.used += size
        self._publish(filename)

    def take(self) -> list[Place]:
        """All marks, which are cleared; those in a parent's memory are left for the parent.

        Each byte is cleared by itself: a mark set by another thread in between stays for the next
        take. Cost: a search through one byte for each line known, about 30 us for a million, and 0.5 us a mark.
        """
        places: list[Place] = []
        for chunk in self._chunks:
            found = _set_bytes(chunk)
            if chunk.owner == os.getpid():
                for at in found:
                    chunk.memory[at] = 0
            places += _places(chunk, found)
        return places

    def stream(self, sink: Sink | None) -> None:
        """While set, pass each place on whenever it is marked; what is marked already, at once."""
        self._tell = sink
        if sink is not None:
            for chunk in self._chunks:
                for place in _places(chunk, _set_bytes(chunk)):
                    sink(place)
        for filename in self._files:
            self._publish(filename)

    def _publish(self, filename: str) -> None:
        marks: object = self._files[filename]
        if self._tell is not None:
            marks = _Loud(filename, self._files[filename], self._tell)
        setattr(builtins, name_of(filename), marks)


def _set_bytes(chunk: _Chunk) -> list[int]:
    return [found.start() for found in _SET.finditer(chunk.memory, 0, chunk.used)]


def _places(chunk: _Chunk, found: list[int]) -> list[Place]:
    """Which functions have set these bytes, the first one first."""
    places = []
    for at in found:
        start, filename = chunk.starts[bisect_right(chunk.begins, at) - 1]
        places.append((filename, at - start))
    return places


MARKS = Marks()
"""One for the process: code instrumented for an earlier recorder is still there for a later one."""
