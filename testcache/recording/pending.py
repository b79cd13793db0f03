"""What one test filled, kept apart until it is known whether anybody can see it after the test.

1. A memo-shaped function begins: what runs is charged to a context of this test and this function.
2. It ends: its slots say which objects hold what it filled, or that everybody does.
3. The test ends: if all these objects are dead, the context stays with the test alone. Else it is a
   fill, credited to everyone who can reach the name.

To follow each run of a function costs 50 us. One whose objects all died in some tests is *familiar*: its
runs are no longer charged apart, and only its ends are looked at, for 3 us. If what it fills does last
one day, the fill is credited with all of that test, and the function is followed again for good.
Does not see: what a familiar function called in earlier tests, if a thread goes on with it over several.

What somebody lasting made out of a fill lasts too: if a fixture or a fill that stays ran in this test
and mentions the name, that one is credited with it.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType

from testcache.recording.context import Context, Place
from testcache.recording.holders import Held, Plan
from testcache.recording.keep import Keep
from testcache.slots import Filling

FAMILIAR = 100
"""Tests after which a function is familiar. With 20, marshmallow's mean share of tests on a function grows
from 43 to 47%; with 100 nothing is lost there, and markdown-it-py's 981 tests still take a fifth less."""

NOWHERE = Filling()


@dataclass(slots=True, eq=False)
class Fill:
    """What ran while memo-shaped code filled state that outlives a test.

    Attributes:
        context: what is credited to everyone who can reach one of the names.
        names: under which the state is stored.
        filling: where the function keeps it, as far as that is known.
        place: the function.
        running: what the runs of the function that are going on are charged to.
        died: tests in which everything died that held what it filled; -1 once something lasted.
        plan: in which order the slots of `filling` are looked at.
        asked: bare names by which one finds out whether it is filled.
    """

    context: Context
    names: frozenset[str]
    filling: Filling = NOWHERE
    place: Place = ("", 0)
    asked: frozenset[str] = frozenset()
    running: list[Context] = field(default_factory=list)
    died: int = 0
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.plan = Plan.of(self.filling.slots)


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
    held: Held
    lasts: bool = False
    around: set[Context] = field(default_factory=set)

    def ended(self, frame: FrameType | None) -> None:
        """A run of the function ended, or a round of a loop in it."""
        if not self.lasts:
            self.lasts = frame is None or not self.held.watch(frame)

    def is_seen(self) -> bool:
        """Whether anybody can still see what was filled."""
        return self.lasts or self.held.is_seen()


class Pending:
    """The fills of the test that runs now.

    Attributes:
        ends: of the functions that are familiar, what to call at each end; see `recorder.choose`.
    """

    def __init__(self, top: Callable[[], Context]) -> None:
        self.ends: dict[Place, Callable[[FrameType], None]] = {}
        self._top = top
        self._kept: dict[Fill, _Kept] = {}
        self._lasting: dict[Context, list[tuple[int, set[Place]]]] = {}
        self._flooded: set[Context] = set()
        self._keep = Keep()
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
        if not self.active or not fill.filling.slots:
            return fill.context
        kept = self._kept.get(fill)
        if kept is None:
            kept = self._kept[fill] = _Kept(Context(fill.context.name), next(self._clock), Held(fill.plan, self._keep))
        return kept.context

    def ended(self, fill: Fill, frame: FrameType | None) -> None:
        """The function is about to return; without a frame it is gone already."""
        kept = self._kept.get(fill)
        if kept is not None:
            kept.ended(frame)

    def _familiar(self, fill: Fill) -> Callable[[FrameType], None]:
        """What is called at each end of a familiar function, and at each round of a loop in it."""

        def end(frame: FrameType) -> None:
            kept = self._kept.get(fill)
            if kept is None or self._test is None:
                self.around(fill, self._top())
                kept = self._kept.get(fill)
                if kept is None:
                    return
                kept.number = -1  # some run of it may have begun before anything else did
            kept.around.add(self._top())
            kept.ended(frame)

        return end

    def around(self, fill: Fill, context: Context) -> bool:
        """From here on runs of the function are charged to this context alone.

        Whether the ends of its runs are still of interest.
        """
        if not self.active or not fill.filling.slots:
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

    def end(self, named: Callable[[Place], Iterable[Context]]) -> None:
        """The test is over: turn what somebody can still see into fills, and forget the rest.

        `named` gives the contexts of fills under names that the code at a place mentions.
        """
        test, self._test = self._test, None
        waiting, self._kept = self._kept, {}
        lasting, self._lasting = self._lasting, {}
        flooded, self._flooded = self._flooded, set()
        keep, self._keep = self._keep, Keep()
        if test is None or not (waiting or flooded):
            return
        filled = list(waiting.items())  # a thread may be about to add to the dict that it has got hold of
        own = {test, *self._collected, *(kept.context for _, kept in filled)}
        for context in list(flooded):
            _take_over(context, own)
        code: list[tuple[int, set[Place], Context]] = []
        for context, ran in list(lasting.items()):
            if context not in own:
                code += [(number, places, context) for number, places in ran]
                code.append((next(self._clock), _take_over(context, own), context))
        keep.release()
        if any(not kept.lasts and kept.held.is_seen() for _, kept in filled):
            gc.collect(1)  # most of what looks alive is left over in cycles
            keep.release()
        if any(fill.died > 0 and not kept.lasts and kept.held.is_seen() for fill, kept in filled):
            gc.collect()  # once for a function: what always died is seen for the first time
            keep.release()
        for fill, kept in filled:
            if fill.running:  # a function around the whole test: more will be charged to it
                fill.context.links.add(kept.context)
                code.append((next(self._clock), kept.context.places, fill.context))
            elif kept.is_seen():
                del waiting[fill]
                self._follow(fill)
                code.append((next(self._clock), _credit(fill.context, kept, own), fill.context))
        told: set[tuple[Fill, Context]] = set()
        by_context = {fill.context: (fill, kept) for fill, kept in waiting.items()}
        while code and waiting:
            number, places, context = code.pop()
            for reached in by_context.keys() & set().union(*map(named, places)):
                fill, kept = by_context[reached]
                if kept.number < number and (fill, context) not in told:
                    told.add((fill, context))
                    code.append((number, _credit(context, kept, own), context))
        for fill, _ in told:
            self._follow(fill)
        for fill in waiting.keys() - {fill for fill, _ in told}:
            if fill.died >= 0 and not fill.running:
                fill.died += 1
                if fill.died == FAMILIAR:
                    self.ends[fill.place] = self._familiar(fill)

    def _follow(self, fill: Fill) -> None:
        """Charge each run of a function apart from now on."""
        fill.died = -1
        self.ends.pop(fill.place, None)


def _credit(context: Context, kept: _Kept, own: set[Context]) -> set[Place]:
    """Charge a context that stays with what ran in one function in one test; that code."""
    context.links.update((kept.context, *kept.around))
    return _take_over(context, own)


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
