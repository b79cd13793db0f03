"""What one test filled, kept apart until it is known whether anybody can see it after the test.

1. A memo-shaped function begins: what runs is charged to a context of this test and this function.
2. It ends: its slots say which objects hold what it filled, or that everybody does.
3. The test ends: if all these objects are dead, the context stays with the test alone. Else it is a
   fill, credited to everyone who can reach the name.

What somebody lasting made out of a fill lasts too: if a fixture or a fill that stays ran in this test
and mentions the name, the fill stays as well.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from testcache.recording.context import Context, Place
from testcache.recording.holders import Held
from testcache.slots import Slot


@dataclass(slots=True, eq=False)
class Fill:
    """What ran while memo-shaped code filled state that outlives a test.

    Attributes:
        context: what is credited to everyone who can reach one of the names.
        names: under which the state is stored.
        slots: where the function keeps it, if all places are known.
        running: what the runs of the function that are going on are charged to.
    """

    context: Context
    names: frozenset[str]
    slots: frozenset[Slot] = frozenset()
    running: list[Context] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Kept:
    """What one function filled in the test that runs.

    Attributes:
        context: what ran in it.
        lasts: whether everybody may see what it filled.
        held: the objects that hold it otherwise.
        around: what else ran around runs of the function that were too many to follow.
        number: when it began.
    """

    context: Context
    number: int
    lasts: bool = False
    held: Held = field(default_factory=Held)
    around: set[Context] = field(default_factory=set)

    def is_seen(self) -> bool:
        """Whether anybody can still see what was filled."""
        return self.lasts or self.held.is_seen()


class Pending:
    """The fills of the test that runs now."""

    def __init__(self) -> None:
        self._kept: dict[Fill, _Kept] = {}
        self._lasting: dict[Context, list[tuple[int, set[Place]]]] = {}
        self._flooded: set[Context] = set()
        self._test: Context | None = None
        self._collected: set[Context] = set()
        self._clock = itertools.count()

    @property
    def active(self) -> bool:
        """Whether a test runs."""
        return self._test is not None

    def begin(self, test: Context) -> None:
        """A test begins; what it is linked to now is over, as its file's collection is."""
        self._test = test
        self._collected = {context for context in test.links if not context.is_module}

    def context(self, fill: Fill) -> Context:
        """What a run of a memo-shaped function is charged to."""
        if not self.active or not fill.slots:
            return fill.context
        kept = self._kept.get(fill)
        if kept is None:
            kept = self._kept[fill] = _Kept(Context(fill.context.name), next(self._clock))
        return kept.context

    def ended(self, fill: Fill, frame: FrameType | None) -> None:
        """The function is about to return; without a frame it is gone already."""
        kept = self._kept.get(fill)
        if kept is not None and not kept.lasts:
            kept.lasts = frame is None or not kept.held.watch(frame, fill.slots)

    def around(self, fill: Fill, context: Context) -> bool:
        """From here on runs of the function are charged to this context alone.

        Whether the ends of its runs are still of interest.
        """
        if not self.active or not fill.slots:
            fill.context.links.add(context)
            if self.active:
                self._flooded.add(fill.context)
            return False
        self.context(fill)
        kept = self._kept[fill]
        kept.around.add(context)
        return not kept.lasts

    def lasting(self, context: Context) -> None:
        """A context that stays ran in this test."""
        if self.active:
            self._lasting.setdefault(context, [])

    def ran(self, context: Context, places: set[Place]) -> None:
        """This ran in a context."""
        known = self._lasting.get(context)
        if known is not None:
            known.append((next(self._clock), places))

    def end(self, mentions: Callable[[Place], frozenset[str]]) -> None:
        """The test is over: turn what somebody can still see into fills, and forget the rest."""
        test, self._test = self._test, None
        waiting, self._kept = self._kept, {}
        lasting, self._lasting = self._lasting, {}
        flooded, self._flooded = self._flooded, set()
        if test is None or not (waiting or flooded):
            return
        filled = list(waiting.items())  # a thread may be about to add to the dict that it has got hold of
        own = {test, *self._collected, *(kept.context for _, kept in filled)}
        for context in list(flooded):
            _take_over(context, own)
        code: list[tuple[int, set[Place]]] = []
        for context, ran in list(lasting.items()):
            if context not in own:
                code += [*ran, (next(self._clock), _take_over(context, own))]
        if any(not kept.lasts and kept.held.is_seen() for _, kept in filled):
            gc.collect(1)  # most of what looks alive is left over in cycles; a full collection frees no more
        for fill, kept in filled:
            if fill.running:  # a function around the whole test: more will be charged to it
                fill.context.links.add(kept.context)
                code.append((next(self._clock), kept.context.places))
            elif kept.is_seen():
                code.append((next(self._clock), _settle(fill, waiting.pop(fill), own)))
        while code and waiting:
            number, places = code.pop()
            names = frozenset[str]().union(*map(mentions, places))
            for fill, kept in list(waiting.items()):
                if kept.number < number and not names.isdisjoint(fill.names):
                    code.append((number, _settle(fill, waiting.pop(fill), own)))


def _settle(fill: Fill, kept: _Kept, own: set[Context]) -> set[Place]:
    """Credit a fill with what ran in one test; that code."""
    fill.context.links.update((kept.context, *kept.around))
    return _take_over(fill.context, own)


def _take_over(context: Context, own: set[Context]) -> set[Place]:
    """Give a context that stays what it is linked to of the test's own: copied, as these are forgotten."""
    seen: set[Context] = set()
    places: set[Place] = set()
    queue = list(context.links & own)
    while queue:
        other = queue.pop()
        if other not in seen:
            seen.add(other)
            places |= other.places
            context.absorb(other)
            queue += other.links & own
    if seen:
        context.links -= own
        context.unlinked += 1
    return places
