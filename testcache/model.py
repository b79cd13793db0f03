"""The vocabulary as types: inputs, traces, manifests, and what deciding answers."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NewType

from testcache.reasons import Reason
from testcache.structs import Struct, field

Digest = NewType("Digest", bytes)
"""16 bytes of xxh3-128, or `ABSENT`."""

TRACES_PER_TEST = 8
"""Switching among a handful of branches must hit; more would mostly store what is never asked for."""

ABSENT = Digest(b"")
"""The fingerprint of what is not there: an absent path, an unset variable, a missing function."""

NodeId = NewType("NodeId", str)
"""pytest's id of a test, `path::class::name[params]`, without xdist's `@group` suffix."""

EnvironmentKey = NewType("EnvironmentKey", bytes)
"""Fingerprint of what holds for a whole run."""


class Kind(enum.IntEnum):
    """What sort of input it is; the numbers are stored and never reused."""

    BODY = 1  # name: path; what runs when one Python file is imported: all but functions and definitions
    BLOCK = 2  # name: path::qualname; one outermost function or method, or one separable class
    FILE = 3  # name: path; the bytes of a file
    EXISTS = 4  # name: path; is it there, and is it a file or a folder
    STAT = 5  # name: path; kind, size and permission bits
    TIMES = 6  # name: path; modification time, asked for by name
    LISTING = 7  # name: path; names and kinds of a folder's entries
    LINK = 8  # name: path; target of a symbolic link, or that it is none and what it is
    VARIABLE = 9  # name: an environment variable
    DISTRIBUTION = 10  # name: an installed distribution
    MODULE = 11  # name: a dotted module; where an import of it would be found
    OPTION = 12  # name: dest of an option that a conftest file added
    WHOLE = 13  # name: path; the body with all that is separable in it: what an importer of a test file sees
    DEFINITIONS = 14  # name: path; functions, constants and classes by name; `refine` says which of them matter
    EXPORTS = 15  # name: path; names, forms and places of all of them: what `from module import *` takes over
    PERMISSIONS = 16  # name: path; who may do what with it, asked for by name


IMPORT: Final = "<import>"
"""What stands in the place of a test in the node id of an import, which leaves something in memory as tests do."""

EVERY = "*"
"""`DEFINITIONS *`: this test may look up any name; `DEFINITIONS path::*`: any name of that file; `DEFINITIONS path::x`:
it has come upon what `x` of that file has made. Never changes."""

LISTED = ">"
"""Stands among the definitions of a file for what its module has besides them: see `Source.uses`."""


class Input(NamedTuple):
    """Anything a test read that may change its outcome."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name.lower()} {self.name}"


class Read(NamedTuple):
    """One input with the fingerprint it had when the test read it."""

    input: Input
    digest: Digest


STEP: Final = "+"
"""Behind the name of a place: not what was left there, but by how much it was counted up or what was added."""

SHELF: Final = "<shelf>"
"""Stands before the names of files in temporary folders that many tests share: `<shelf> fixture folder 0/x.txt`."""

INSIDE: Final = "!"
"""Behind the place of an object: all that a library keeps in it for itself."""

OPAQUE: Final = "?"
"""Behind that, if some of it cannot be looked at."""


class Leftover(NamedTuple):
    """A place in memory that outlives a test, with the fingerprint of what a test left there."""

    place: str
    value: Digest


class Access(NamedTuple):
    """How code comes upon a place in memory.

    Attributes:
        names: those by which it may do so; any of them is enough.
        files: modules in which one of the names stands; anywhere if empty.
        added: whether it is a key or an element that was not there before all tests.
        wide: whether a wide fixture did it.
    """

    names: frozenset[str]
    files: frozenset[str]
    added: bool
    wide: bool


class Found(NamedTuple):
    """What a test found in memory because another one, the filler, had left it there.

    Attributes:
        late: the test had ended by then: the teardown of a wide fixture that it rests on found it. What the test itself
            has left does not rest on that.
        at: the test in whose time it was found by a wide fixture or an import that this one rests on, `COLLECTED` if
            that was before all tests, "" if the test itself found it.
    """

    filler: NodeId
    place: str
    value: Digest
    late: bool = False
    at: NodeId = NodeId("")

    @property
    def leftover(self) -> Leftover:
        return Leftover(self.place, self.value)

    @property
    def is_inside(self) -> bool:
        """Whether only a library knows what it is."""
        return self.place.endswith(INSIDE)

    @property
    def state(self) -> Leftover:
        """Of an interior, what tells one state from another for sure: not two times, or two tokens."""
        return Leftover(self.place, Digest(self.value[:8]))


class Defined(NamedTuple):
    """What counts in one definition of a Python file.

    Attributes:
        place: how many statements of the rest of the file come before it.
        form: "function", "class", "type" (a value that may stand for a type), "value" (that may be the
            key of a dict), "object", "import", or "idle" for what does nothing.
        digest: fingerprint of its statement without the statements of functions in it.
    """

    place: int
    form: str
    digest: Digest


class Trace(Struct, frozen=True, gc=False):
    """One past execution of one test.

    Attributes:
        parts: what it read, with fingerprints, as sets that traces of one file share (first the test's
            own reads and those of its fixtures, then those of the modules that it rests on). Sharing the very
            same set object is what makes a manifest small and its check fast.
        outcome: "passed", "skipped" or "xfailed": what a replay will say.
        reports: its reports as pytest serialises them, without what the item itself knows.
        duration_s: seconds of set-up, call and teardown together.
        recorded_at: seconds since the epoch.
        lines: executed lines or arcs by path, only if coverage was measured (packed bytes).
        max_age_s: declared life time in seconds, or 0 for no limit.
        labels: remarks that each replay repeats, such as an allowed network host.
        left: what it left in memory for later tests of its process.
        found: what it found there that earlier ones had left.
        access: how code comes upon what it left, by place.
        since: when the first run began of which it is known that it recorded just this; 0 if none is.
    """

    parts: tuple[frozenset[Read], ...]
    outcome: str
    reports: tuple[dict[str, Any], ...]
    duration_s: float
    recorded_at: float
    lines: bytes = b""
    max_age_s: float = 0.0
    labels: tuple[str, ...] = ()
    left: frozenset[Leftover] = frozenset()
    found: frozenset[Found] = frozenset()
    access: Mapping[str, Access] = field(default_factory=dict)
    since: float = 0.0

    @property
    def begun(self) -> float:
        """From when on others may have been recorded together with it."""
        return self.since or self.recorded_at

    @property
    def is_of_test(self) -> bool:
        """Whether it is not that of an import, of which there is nothing to be told."""
        return bool(self.reports)

    @property
    def reads(self) -> frozenset[Read]:
        """Everything the test read, in one set. Cost: one union."""
        return frozenset().union(*self.parts)


def import_of(file: str) -> NodeId:
    """The node id under which it is known what the import of a file has left, by the stored name of that."""
    return NodeId(f"{file}::{IMPORT}")


HOOKS: Final = import_of("<hooks>")
"""Stands for the hooks of pytest that are called while tests are collected."""


COLLECTED: Final = import_of("<collected>")
"""Stands for the time in which tests are collected."""


def is_import(node: NodeId) -> bool:
    """Whether this is none of a test."""
    return node.endswith(f"::{IMPORT}")


class Manifest(Struct):
    """The past traces of the tests of one file, and of its import, under one environment key.

    Attributes:
        traces: newest first, at most `TRACES_PER_TEST` each.
        failed: tests whose latest run did not end in a cacheable outcome, with its recorded time.
    """

    traces: dict[NodeId, list[Trace]] = field(default_factory=dict)
    failed: dict[NodeId, float] = field(default_factory=dict)

    @property
    def tests(self) -> dict[NodeId, list[Trace]]:
        """The traces of tests."""
        return {node: traces for node, traces in self.traces.items() if not is_import(node)}


class Result(Struct, frozen=True, gc=False):
    """What running one test left: a trace, or why there is none.

    Attributes:
        path: the test's file, as in its node id.
        trace: None if the outcome is not stored.
        problems: (slug, evidence) of each reason against storing; empty for a plain failure.
        duration_s, recorded_at, left: as in the trace, also where there is none.
        access: of each place in which it left something.
    """

    path: str
    node_id: NodeId
    trace: Trace | None
    problems: tuple[tuple[str, str], ...] = ()
    duration_s: float = 0.0
    recorded_at: float = 0.0
    left: frozenset[Leftover] = frozenset()
    access: Mapping[str, Access] = field(default_factory=dict)


class Change(Struct, frozen=True):
    """One input that is no longer what a trace recorded.

    `names` are the definitions that matter, if the input is those of a file; empty if that is not known.
    """

    input: Input
    recorded: Digest
    now: Digest
    names: tuple[str, ...] = ()

    @property
    def reason(self) -> Reason:
        if self.now == ABSENT:
            return Reason.INPUT_GONE
        return Reason.INPUT_APPEARED if self.recorded == ABSENT else Reason.INPUT_CHANGED


class Hit(Struct, frozen=True):
    """A recorded trace whose every input is unchanged."""

    trace: Trace


class Miss(Struct, frozen=True):
    """No trace matches; `changes` are the differences from the nearest one, first or all.

    If every input of `nearest` is unchanged, `waits_for` is what it found that other tests must show to leave
    again: they run first, and then it may be replayed after all. `indifferent_to` is what it found that does not
    matter to it.
    """

    reason: Reason
    changes: tuple[Change, ...] = ()
    nearest: Trace | None = None
    waits_for: tuple[Found, ...] = ()
    indifferent_to: frozenset[Found] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether it may be replayed after all: what it came upon for the first time are leaks, so it has to run."""
        found = self.nearest.found if self.nearest is not None else frozenset()
        return bool(self.waits_for) and found.issuperset(self.waits_for)


Decision = Hit | Miss
