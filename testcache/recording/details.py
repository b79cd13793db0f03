"""Details: what code goes on to look at in the state of a file, or in a folder's entries, that it is given whole.

The answer of `os.stat` has it all, but times and permissions differ between checkouts. So they count if the file in
which the asking code stands has a name for them, wherever in it.
Does not see: code that asks on behalf of another file; owners.
"""

from __future__ import annotations

import os
from os.path import abspath, isdir, join
from types import FrameType

from testcache.inputs import files as fs
from testcache.model import Kind
from testcache.recording.context import Context
from testcache.recording.tape import Tape

_TIMES = frozenset({"st_mtime", "st_mtime_ns", "st_ctime", "st_ctime_ns"})
_IDENTITY = frozenset({"st_ino", "st_dev", "samestat"})
_PERMISSIONS = frozenset({"st_mode", "S_IMODE", "filemode"})
_ENTRIES = frozenset({"stat"})
_ALL = _TIMES | _IDENTITY | _PERMISSIONS | _ENTRIES

_MOST_ENTRIES = 1000


class Details:
    """Charges them to a context."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._known: dict[str, frozenset[str]] = {}

    def state(self, frame: FrameType | None, context: Context, path: str) -> None:
        """Code has asked for the state of a file."""
        names = self._names(frame)
        if not names:
            return
        name = self._tape.roots.name(path)
        if not names.isdisjoint(_TIMES):
            self._tape.note(context, Kind.TIMES, name, fs.times_of(path))
        if not names.isdisjoint(_IDENTITY):
            self._tape.note(context, Kind.LINK, name, fs.link_of(path))
        if not names.isdisjoint(_PERMISSIONS):
            self._tape.note(context, Kind.PERMISSIONS, name, fs.permissions_of(path))

    def entries(self, frame: FrameType | None, context: Context, folder: str) -> None:
        """Code scans a folder itself: whatever it asks an entry cannot be watched."""
        if self._names(frame).isdisjoint(_ENTRIES) or not isdir(folder):
            return
        for entry in os.listdir(folder)[:_MOST_ENTRIES]:
            path = join(folder, entry)
            if not self._tape.roots.is_ignored(path) and not self._tape.is_own_output(path):
                self._tape.note(context, Kind.STAT, self._tape.roots.name(path), fs.stat_of(path))
                self.state(frame, context, path)

    def _names(self, frame: FrameType | None) -> frozenset[str]:
        """Those that the code of a frame, or its file, mentions. Cost: a look-up, once the file is known."""
        if frame is None:
            return frozenset()
        return self._in_file(frame.f_code.co_filename).union(_ALL.intersection(frame.f_code.co_names))

    def _in_file(self, filename: str) -> frozenset[str]:
        known = self._known.get(filename)
        if known is None:
            loaded = self._tape.loaded.get(abspath(filename))
            if loaded is None:
                return frozenset()
            known = self._known[filename] = _ALL & frozenset().union(*loaded.source.mentions.values())
        return known
