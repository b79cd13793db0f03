"""Order: that keys of a table have changed places, and in which order a test has added several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise, takewhile
from operator import eq
from typing import Any

from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import PAIRS, Key

_LABEL = "[order]"


def behind(keeper: Keeper, before: Mapping[Any, object]) -> dict[Any, object]:
    """For each key that has been added behind another one since the last look, that one.

    So the order counts for who comes upon the key, whichever others were there before. That a key comes behind those of
    earlier tests follows from the order of the tests. Cost: 50 ns a key.
    """
    found: dict[Any, object] = {}
    if keeper.kind is PAIRS and not keeper.inside:
        fresh = [slot for slot in keeper.last if slot not in before]
        found.update((slot, _told(last)) for last, slot in pairwise(fresh))
    return found


def moved(keeper: Keeper, before: Mapping[Any, object]) -> Iterator[Change]:
    """That keys have changed places, if they have: told are those from the first on that stands where another stood."""
    if keeper.kind is not PAIRS or keeper.inside:
        return
    now, last = [*keeper.last], [slot for slot in before if slot in keeper.last]
    same = sum(1 for _ in takewhile(bool, map(eq, now, last)))
    has_moved, restored = same < len(last), now == [*keeper.base]
    if keeper.reordered if restored else has_moved:
        keeper.reordered = not restored
        value, place = tuple(map(_told, now[same:])), keeper.place + _LABEL
        yield Change(keeper.place, place, MISSING, value, keeper.names, keeper.files, restored, added=False)


def _told(slot: object) -> object:
    return slot.label if type(slot) is Key else slot
