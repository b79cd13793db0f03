"""Coverage totals that stay whole: executed lines are kept with each trace and given back on a replay.

Only under a running measurement (`--cov`, `coverage run -m pytest`). Lines belong to the context that
was on top of the tape: a test, a wide fixture, an import; a trace takes the lines of all it rests on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from testcache import digest
from testcache.inputs.roots import Roots
from testcache.model import Digest, Trace
from testcache.recording.context import Context
from testcache.recording.tape import Tape
from testcache.storage.codec import decode_value, encode_value
from testcache.structs import Struct

if TYPE_CHECKING:
    from testcache.recording.measured import LineTape


class Kept(Struct, frozen=True):
    """What a trace's `lines` hold: the measurement's settings digested, and lines or arcs by stored name."""

    how: bytes
    lines: dict[str, list[Any]]


class Totals:
    """The lines of one process; `None` from `begin` if nothing is measured."""

    def __init__(self, lines: LineTape, roots: Roots, how: Digest) -> None:
        self._lines = lines
        self._roots = roots
        self._how = how
        self._taken: dict[str, dict[str, Any]] = {}
        self._replayed: dict[str, set[Any]] = {}

    @classmethod
    def begin(cls, config: pytest.Config, tape: Tape) -> Totals | None:
        """Start to charge lines to contexts, if coverage is measuring in this process."""
        if "coverage" not in sys.modules:  # then nothing measures, and importing it costs 0.1 s
            return None
        from testcache.recording.measured import LineTape

        lines = LineTape.current()
        if lines is None:
            return None
        totals = cls(lines, tape.roots, how_measured(config, lines))
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
                found.setdefault(self._roots.name(path), set()).update(lines)
        return encode_value(Kept(self._how, {name: sorted(lines) for name, lines in sorted(found.items())}))

    # -- replaying

    def has_lines(self, trace: Trace) -> bool:
        """Whether a replay of this trace could give its lines to this measurement."""
        return bool(trace.lines) and decode_value(trace.lines, Kept).how == self._how

    def replay(self, trace: Trace) -> None:
        """Note the lines of a replayed test."""
        for name, lines in decode_value(trace.lines, Kept).lines.items():
            rows = self._replayed.setdefault(self._roots.path(name), set())
            rows.update(tuple(line) if isinstance(line, list) else line for line in lines)

    def give_back(self) -> None:
        """Add all replayed lines to the measurement, before anybody reports its totals."""
        if self._replayed:
            self._lines.add({path: sorted(lines) for path, lines in self._replayed.items()})


def how_measured(config: pytest.Config, lines: LineTape) -> Digest:
    """What must be equal for lines of one run to stand in for lines of another."""
    option = config.option
    fields = [str(getattr(option, name, None)) for name in ("cov_source", "cov_branch", "cov_config")]
    return digest.of_fields("measured", lines.branch, *fields)
