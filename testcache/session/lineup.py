"""Where the tests of a run stand: which replayed ones before a test may have left it something, and who has ended."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import pytest

from testcache.model import Miss, NodeId, Trace
from testcache.session.company import MOST
from testcache.session.names import node_id, path_of
from testcache.session.warm import CachedItem
from testcache.session.wide import is_of_pytest, wide
from testcache.storage.index import IndexedTest


class _Replayed(NamedTuple):
    """A test that is replayed, and its place among all."""

    position: int
    node: NodeId
    item: pytest.Item


_position = attrgetter("position")


class _File:
    """The tests of one file that are replayed: all, those that have left something, those of each wide fixture."""

    def __init__(self) -> None:
        self.all: list[_Replayed] = []
        self.leaving: list[_Replayed] = []
        self.sharing: defaultdict[pytest.FixtureDef[Any], list[_Replayed]] = defaultdict(list)

    def before(self, position: int, item: pytest.Item, nearest: int) -> Iterator[_Replayed]:
        """Those that may have left a test something, the nearest first. Cost: a search, and what is taken of them."""
        shared = [self.sharing[one] for one in wide(item) if one in self.sharing]
        near = islice(_until(self.all, position), nearest)
        last = -1
        for one in merge(
            near, *(_until(row, position) for row in (self.leaving, *shared)), key=_position, reverse=True
        ):
            if one.position != last:
                last = one.position
                yield one


def _until(row: Sequence[_Replayed], position: int) -> Iterator[_Replayed]:
    """Those that stand before a position, from there to the first."""
    return (row[at] for at in range(bisect_left(row, position, key=_position) - 1, -1, -1))


class Lineup:
    """All tests of a run in their order.

    Those that are to be replayed are the `hits` of now, and those that wait for what others leave.

    Attributes:
        ran: the replayed tests that have run for the sake of others.
    """

    def __init__(
        self,
        hits: Mapping[NodeId, Trace | IndexedTest],
        items: Sequence[pytest.Item],
        waiting: Mapping[NodeId, Miss],
    ) -> None:
        self.ran: set[NodeId] = set()
        self._hits = hits
        self._waiting = waiting
        self._ended: dict[NodeId, int] = {}  # the positions, in the order in which they ended
        self.take(items)

    def take(self, items: Sequence[pytest.Item]) -> None:
        """Take all tests in their order, again when some have been imported that were left out before."""
        self._items = {node_id(item): item for item in items}
        self._by_id = {item.nodeid: item for item in items}
        self._position = {node: position for position, node in enumerate(self._items)}
        self._files: dict[str, _File] = {}
        for node, item in self._items.items():
            hit = self._replayed(node)
            if hit is None or isinstance(item, CachedItem):
                continue
            one = _Replayed(self._position[node], node, item)
            file = self._files.setdefault(path_of(node), _File())
            file.all.append(one)
            if not isinstance(hit, Trace) or hit.left:
                file.leaving.append(one)
            for definition in wide(item):
                if not is_of_pytest(definition):
                    file.sharing[definition].append(one)

    def _replayed(self, node: NodeId) -> Trace | IndexedTest | None:
        miss = self._waiting.get(node)
        return self._hits.get(node) or (miss.nearest if miss is not None else None)

    def get(self, node: NodeId) -> pytest.Item | None:
        """The test of this id."""
        return self._items.get(node)

    def named(self, nodeid: str) -> pytest.Item | None:
        """The test that pytest names so."""
        return self._by_id.get(nodeid)

    def sorted(self, nodes: Iterable[NodeId]) -> list[pytest.Item]:
        """These tests in their order."""
        return [self._items[node] for node in sorted(nodes, key=self._position.__getitem__)]

    def is_before(self, item: pytest.Item) -> Callable[[NodeId], bool]:
        """Tells of others whether they stand before this one."""
        here = self._position.get(node_id(item), 0)
        return lambda node: self._position.get(node, here) < here

    def neighbours(self, item: pytest.Item, most_s: float, nearest: int = MOST) -> list[pytest.Item] | None:
        """Those of its file that may have left a test something, and have not run; None if they take too long.

        Those that have left something in memory, those that share a wide fixture with it, and the nearest, for what
        nobody sees them leave: a seed of `random`, say.
        """
        node = node_id(item)
        file = self._files.get(path_of(node))
        found, took_s = [], 0.0
        for one in file.before(self._position.get(node, 0), item, nearest) if file is not None else ():
            hit = self._replayed(one.node)  # one may have been taken back by now
            if hit is not None and one.node not in self.ran:
                took_s += hit.duration_s
                if took_s > most_s:
                    return None
                found.append(one.item)
        return found[::-1] if most_s >= 0 else None

    def ends(self, item: pytest.Item) -> int:
        """A test has run: how many others had ended before."""
        node = node_id(item)
        number = len(self._ended)
        self._ended.setdefault(node, self._position.get(node, len(self._items)))
        return number

    def is_overtaken(self, item: pytest.Item, number: int) -> bool:
        """Whether a test that stands before this one has ended after it, which was the one of this number to end."""
        here = self._position.get(node_id(item), 0)
        late = islice(reversed(self._ended.values()), max(0, len(self._ended) - number - 1))
        return any(position < here for position in late)
