"""Which replayed tests before one may have left it something."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from travel import trace

from testcache.digest import of_text
from testcache.model import Leftover, NodeId, Trace
from testcache.session.company import MOST
from testcache.session.lineup import Lineup

PATHS = ("test_a.py", "test_b.py")


class _Fixture(NamedTuple):
    """What is asked of pytest's definition of one."""

    argname: str
    scope: str
    func: object = None


WIDE = (_Fixture("database", "session"), _Fixture("folder", "module"))
NARROW = _Fixture("value", "function")


def _item(path: str, number: int, fixtures: Any) -> Any:
    info = SimpleNamespace(name2fixturedefs={one.argname: (one,) for one in fixtures})
    return SimpleNamespace(nodeid=f"{path}::test_{number}", path=path, _fixtureinfo=info)


@st.composite
def _runs(draw: st.DrawFn) -> tuple[list[Any], dict[NodeId, Trace]]:
    items, hits = [], {}
    for number in range(draw(st.integers(1, 40))):
        item = _item(draw(st.sampled_from(PATHS)), number, draw(st.sets(st.sampled_from((0, 1)))) and WIDE[:1])
        if draw(st.booleans()):
            item._fixtureinfo.name2fixturedefs |= {"folder": (WIDE[1],), "value": (NARROW,)}
        items.append(item)
        if draw(st.booleans()):
            left = frozenset([Leftover("shop.ITEMS", of_text("1"))]) if draw(st.booleans()) else frozenset()
            hits[NodeId(item.nodeid)] = trace(left=left, duration_s=0.001)
    return items, hits


def _shared(one: Any, other: Any) -> bool:
    known, names = one._fixtureinfo.name2fixturedefs, other._fixtureinfo.name2fixturedefs
    return any(name in known and known[name][0].scope != "function" for name in names)


@given(_runs(), st.data())
def test_those_count_that_left_something_share_a_wide_fixture_or_are_near(
    run: tuple[list[Any], dict[NodeId, Trace]], data: st.DataObject
) -> None:
    """Of its own file, before it, in their order; not those that have run since or are hits no more."""
    items, hits = run
    lineup = Lineup(hits, items, {})
    at = data.draw(st.integers(0, len(items) - 1))
    before = [one for one in items[:at] if one.path == items[at].path and one.nodeid in hits]
    near = before[-MOST:]
    wanted = [one for one in before if hits[NodeId(one.nodeid)].left or _shared(one, items[at]) or one in near]
    gone = data.draw(st.sets(st.sampled_from(sorted(hits)))) if hits else set()
    lineup.ran.update(gone)
    taken_back = data.draw(st.sets(st.sampled_from(sorted(hits)))) if hits else set()
    for node in taken_back:
        del hits[node]
    wanted = [one for one in wanted if one.nodeid not in gone | taken_back]
    assert lineup.neighbours(items[at], 10.0) == wanted
    if len(wanted) > 1:
        assert lineup.neighbours(items[at], 0.001) is None


@given(st.permutations(range(12)), st.integers(0, 11))
def test_a_test_is_overtaken_by_one_before_it_that_ends_later(ended: list[int], at: int) -> None:
    """A test that ran late, after others stood behind it, has to run again behind these."""
    items = [_item(PATHS[0], number, ()) for number in range(12)]
    lineup = Lineup({}, items, {})
    numbers = {number: lineup.ends(items[number]) for number in ended}
    late = ended[ended.index(at) + 1 :]
    assert lineup.is_overtaken(items[at], numbers[at]) is any(number < at for number in late)
