"""Coverage totals that stay whole: executed lines are kept with each trace and given back on a replay.

Only under a running measurement (`--cov`, `coverage run -m pytest`). Lines belong to the context that
was on top of the tape: a test, a wide fixture, an import; a trace takes the lines of all it rests on.
Where its files have been edited since, they move with their code (`testcache.code.shift`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from testcache import digest
from testcache.inputs import files as fs
from testcache.inputs.world import World
from testcache.model import ABSENT, Digest, Input, Kind, Result, Trace
from testcache.recording.context import Context
from testcache.recording.tape import Tape
from testcache.storage.codec import decode_value, encode_value
from testcache.structs import Struct

if TYPE_CHECKING:
    import pytest

    from testcache.code.shift import Line, Shift
    from testcache.recording.measured import LineTape
    from testcache.storage.store import Store


class Kept(Struct, frozen=True, array_like=True):
    """What a trace's `lines` hold: what was measured, digested, and of each file by its stored name a digest of its
    bytes and the lines or arcs.
    """

    how: bytes
    files: dict[str, tuple[bytes, list[Any]]]


class Totals:
    """The lines of one process; `None` from `begin` if nothing is measured.

    Attributes:
        store: where layouts are kept, in the process that decides.
    """

    def __init__(self, lines: LineTape, tape: Tape, world: World) -> None:
        self.store: Store | None = None
        self._lines = lines
        self._tape = tape
        self._world = world
        self._how = digest.of_fields("measured", *lines.measures(tape.roots.name))
        self._taken: dict[str, dict[str, Any]] = {}
        self._shifts: dict[tuple[str, bytes], Shift | None] = {}
        self._replayed: dict[str, set[Line]] = {}

    @classmethod
    def begin(cls, config: pytest.Config, tape: Tape, world: World) -> Totals | None:
        """Start to charge lines to contexts, if coverage is measuring in this process."""
        if "coverage" not in sys.modules:  # then nothing measures, and importing it costs 0.1 s
            return None
        from testcache.recording.measured import LineTape

        lines = LineTape.current()
        if lines is None:
            return None
        totals = cls(lines, tape, world)
        if getattr(config.option, "tx", None) and not hasattr(config, "workerinput"):
            return totals  # xdist's controller measures no test, and its data file must not appear yet
        tape.switched = totals._switch
        totals._switch(tape.top)
        return totals

    def _switch(self, context: Context) -> None:
        self._lines.switch(str(context.number))

    # -- recording

    def take(self) -> None:
        """Read what was measured; once, at the end. Nothing is kept if somebody switched contexts too."""
        if not self._lines.conflict:
            self._taken = self._lines.taken()

    def of(self, contexts: Iterable[Context]) -> bytes:
        """The lines of these contexts together, packed; b"" if they are not known."""
        if self._lines.conflict:
            return b""
        found: dict[str, set[Any]] = {}
        for context in contexts:
            for path, lines in self._taken.get(str(context.number), {}).items():
                found.setdefault(path, set()).update(lines)
        name = self._tape.roots.name
        return encode_value(Kept(self._how, {name(p): (self._content(p), sorted(found[p])) for p in sorted(found)}))

    def _content(self, path: str) -> bytes:
        loaded = self._tape.loaded.get(path)
        return loaded.content if loaded is not None else self._tape.files.digest(path)

    def save_layouts(self, results: Iterable[Result]) -> None:
        """Keep how the measured files of these results are laid out. Raises StoreError."""
        from testcache.storage.layouts import save_layouts

        assert self.store is not None
        packed = {result.trace.lines for result in results if result.trace is not None and result.trace.lines}
        files = [file for lines in packed for file in decode_value(lines, Kept).files.items()]
        contents = {Digest(content): self._tape.roots.path(name) for name, (content, _) in files}
        save_layouts(self.store, contents, fs.read_bytes)

    # -- replaying

    def has_lines(self, trace: Trace) -> bool:
        """Whether a replay of this trace could give its lines to this measurement."""
        if not trace.lines:
            return False
        kept = decode_value(trace.lines, Kept)
        files = kept.files.items()
        return kept.how == self._how and all(self._now(name, *found) is not None for name, found in files)

    def replay(self, trace: Trace) -> None:
        """Note the lines of a replayed test."""
        for name, found in decode_value(trace.lines, Kept).files.items():
            self._replayed.setdefault(self._tape.roots.path(name), set()).update(self._now(name, *found) or ())

    def _now(self, name: str, content: bytes, lines: list[Any]) -> list[Line] | None:
        """Recorded lines of a file, where they are now; None if that is not known."""
        recorded: list[Line] = [tuple(line) if isinstance(line, list) else line for line in lines]
        if content == self._world.digest_of(Input(Kind.FILE, name)):
            return recorded
        if (name, content) not in self._shifts:
            self._shifts[name, content] = self._shift(name, Digest(content))
        shift = self._shifts[name, content]
        return shift.of(recorded) if shift is not None else None

    def _shift(self, name: str, content: Digest) -> Shift | None:
        """From a recorded content of a file to that of today.

        Statements that were not there are measured where this run has imported the file, and unknown elsewhere.
        """
        from testcache.code.layout import layout_of
        from testcache.code.shift import Shift
        from testcache.storage.layouts import load_layout

        path = self._tape.roots.path(name)
        present = self._world.digest_of(Input(Kind.FILE, name))
        try:
            data = fs.read_bytes(path) if present != ABSENT else b""
        except OSError:
            return None
        before = load_layout(self.store, content) if self.store is not None else None
        now = layout_of(data) if before is not None and digest.of_bytes(data) == present else None
        if before is None or now is None:
            return None
        shift = Shift(before, now)
        loaded = self._tape.loaded.get(path)
        is_measured = loaded is not None and loaded.content == present
        return shift if is_measured or not shift.grows else None

    def give_back(self) -> None:
        """Add all replayed lines to the measurement, before anybody reports its totals."""
        if self._replayed:
            self._lines.add({path: [*lines] for path, lines in self._replayed.items()})
