"""Contexts: who is charged with what runs and what is read, and how charges are joined."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from testcache.inputs.files import Signature
from testcache.model import Digest, Found, Input, NodeId
from testcache.reasons import Reason
from testcache.structs import Struct, field

Place = tuple[str, int]
"""An absolute file name and the first line of the code that ran."""


class Problem(Struct, frozen=True):
    """Something that keeps a test from being stored, with its evidence."""

    reason: Reason
    evidence: str


class Context(Struct, eq=False, weakref=True):
    """One charge account: a test, an imported module, a wide fixture, the run itself.

    Attributes:
        name: for messages.
        is_module: whether this is the import of a module: shared by all tests that rest on it.
        places: code that ran while this context was on top.
        reads: inputs other than code, with the fingerprint each had when it was read.
        signatures: the stat of each file when it was read, to see whether it changed meanwhile.
        links: contexts whose charges count here too (imports, fixtures, children).
        imports: import statements already looked at, so that each costs once a context.
        written: paths this context wrote; reading them back is no input.
        assigned: environment variables this context set.
        problems: why nothing that rests on this context may be stored.
        fixtures: names of the fixtures it asked for.
        found: what it came upon in memory that tests had left; None if that is not known yet.
        at: the test in whose time it did, or `COLLECTED`; "" for the context of a test.
        ending: whether it is a wide fixture that comes to its end: what lies in its folders is the doing of others.
        failed: whether that end has failed, which is to be seen again.
        late: what the end of a wide fixture came upon: all who have used it rest on that, but not on what they leave.
        judged: what of that it may have judged.
        labels: remarks that replays repeat.
        number: its own in this process, for those who cannot hold on to the object.
    """

    name: str
    is_module: bool = False
    places: set[Place] = field(default_factory=set)
    reads: dict[Input, Digest] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    links: set[Context] = field(default_factory=set)
    imports: set[tuple[object, ...]] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    assigned: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    fixtures: set[str] = field(default_factory=set)
    found: frozenset[Found] | None = None
    at: NodeId = NodeId("")
    ending: bool = False
    failed: bool = False
    late: frozenset[Found] = frozenset()
    judged: frozenset[Found] = frozenset()
    number: int = field(default_factory=itertools.count().__next__)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was charged to it."""
        charged = (self.places, self.reads, self.links, self.written, self.assigned, self.problems, self.labels)
        return not any(charged) and not self.fixtures

    def reachable(self) -> Iterator[Context]:
        """This context and all it is linked to but modules, each once."""
        seen = {self}
        queue = [self]
        while queue:
            context = queue.pop()
            yield context
            for other in context.links:
                if other not in seen and not other.is_module:
                    seen.add(other)
                    queue.append(other)
