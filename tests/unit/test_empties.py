"""Empties: whoever fills something empty is seen, in whatever way."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import pytest

from testcache.recording.empties import Empties
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import ELEMENTS

WAYS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "dict": (dict, lambda held: held.update(a=1)),
    "list": (list, lambda held: held.append(1)),
    "deque": (deque, lambda held: held.appendleft(1)),
    "set": (set, lambda held: held.add("a")),
}


def keeper_of(thing: object) -> Keeper:
    return Keeper(thing, ELEMENTS, thing, "m.py::X", frozenset(), frozenset())


@pytest.mark.parametrize("kind", WAYS)
def test_what_is_filled_is_seen_once(kind: str) -> None:
    """Also among others, and if it has been filled and cleared before."""
    make, fill = WAYS[kind]
    keepers = [keeper_of(make()) for _ in range(5)]
    empties = Empties()
    assert all(map(empties.add, keepers))
    for _ in range(200):
        fill(keepers[0].thing)
        keepers[0].thing.clear()  # type: ignore[attr-defined]
    fill(keepers[3].thing)
    assert empties.filled() == [keepers[3]]
    fill(keepers[1].thing)
    empties.drop(frozenset(keepers[2:3]))
    fill(keepers[2].thing)
    assert empties.filled() == [keepers[1]]
    assert empties.filled() == []


def test_what_has_something_in_it_is_none_of_them() -> None:
    """Nor are objects with code of their own."""
    empties = Empties()
    assert not any(map(empties.add, map(keeper_of, ([1], {1: 1}, OrderedDict(), type("Own", (list,), {})()))))
