"""Order: that keys of a table have changed places, and in which order a test has added several."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, takewhile
from operator import eq
from typing import Any

from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import PAIRS, Key

_LABEL = "[order]"


def arranged(keeper: Keeper, before: Mapping[Any, object]) -> tuple[dict[Any, object], list[Change]]:
    """For each key of a table that has been added behind another one, that one; and whether others have changed places.

    The first counts for who comes upon the key, whichever others were there before: that it comes behind those of
    earlier tests follows from the order of the tests. Of keys that have moved, those are told from the first on that
    stands where another stood. Cost: 10 ns a key, and 100 where they have moved.
    """
    if keeper.kind is not PAIRS or keeper.inside:
        return {}, []
    last, now = [*before], [*keeper.last]
    if now[: len(last)] == last:  # nearly always
        fresh, has_moved, same = now[len(last) :], False, len(last)
    else:
        last, fresh = [slot for slot in last if slot in keeper.last], [slot for slot in now if slot not in before]
        same = sum(1 for _ in takewhile(bool, map(eq, now, last)))
        has_moved = same < len(last)
    if not has_moved and not keeper.base.keys().isdisjoint(fresh):  # what an earlier test has removed comes back
        has_moved = [slot for slot in now if slot in keeper.base] != [
            slot for slot in keeper.base if slot in keeper.last
        ]
    ahead = {slot: _told(other) for other, slot in pairwise(fresh)}
    restored = (has_moved or keeper.reordered) and now == [*keeper.base]
    if not (keeper.reordered if restored else has_moved):
        return ahead, []
    keeper.reordered = not restored
    value, place = tuple(map(_told, now[same:])), keeper.place + _LABEL
    return ahead, [Change(keeper.place, place, MISSING, value, keeper.names, keeper.files, restored, added=False)]


def _told(slot: object) -> object:
    return slot.label if type(slot) is Key else slot
