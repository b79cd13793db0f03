"""What runs could not give: that of several joins so that the latest word on each test counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from travel import ENVIRONMENT, close_all, made, manifest, trace

from testcache.model import Manifest, NodeId
from testcache.storage.owed import both, count_owed, forget_owed, load_owed, note_owed
from testcache.storage.store import Store

PATH = "test_0.py"
FIRST, SECOND = NodeId(f"{PATH}::test_0"), NodeId(f"{PATH}::test_1")
SCOPE = "branch:main"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield made(tmp_path / "store")
    close_all()


def recorded(path: str = PATH) -> dict[str, Manifest]:
    return {path: Manifest(manifest(path).traces)}


def test_what_was_noted_is_owed_until_it_is_given(store: Store) -> None:
    """To its scope and for its environment, and some files at a time."""
    note_owed(store, ENVIRONMENT, SCOPE, recorded() | recorded("test_1.py"))
    owed = load_owed(store, ENVIRONMENT, SCOPE, 9)
    assert owed == recorded() | recorded("test_1.py")
    assert not load_owed(store, ENVIRONMENT, "branch:topic", 9)
    assert not load_owed(store, bytes(16), SCOPE, 9)
    assert len(load_owed(store, ENVIRONMENT, SCOPE, 1)) == 1
    forget_owed(store, ENVIRONMENT, SCOPE, [PATH])
    assert [*load_owed(store, ENVIRONMENT, SCOPE, 9)] == ["test_1.py"]
    assert count_owed(store) == 1


def test_only_what_the_store_still_holds_is_given(store: Store) -> None:
    """A result that is gone, or that was recorded anew by a run that gave it, is owed no more."""
    gone = {PATH: Manifest({FIRST: [trace(at=500.0)], SECOND: manifest(PATH).traces[SECOND]})}
    note_owed(store, ENVIRONMENT, SCOPE, gone)
    assert load_owed(store, ENVIRONMENT, SCOPE, 9)[PATH].traces.keys() == {SECOND}


def test_a_lie_that_was_found_out_stays_found_out(store: Store) -> None:
    """Noted or at hand: what is recorded after it counts, what was recorded before it does not."""
    lie = {PATH: Manifest({}, {FIRST: 2000.0})}
    note_owed(store, ENVIRONMENT, SCOPE, recorded())
    note_owed(store, ENVIRONMENT, SCOPE, lie)
    for owed in (both(recorded(), lie), load_owed(store, ENVIRONMENT, SCOPE, 9)):
        assert FIRST not in owed[PATH].traces
        assert SECOND in owed[PATH].traces
        assert owed[PATH].failed == {FIRST: 2000.0}
    later = both(lie, {PATH: Manifest({FIRST: [trace(at=3000.0)]})})[PATH]
    assert [one.recorded_at for one in later.traces[FIRST]] == [3000.0]
    assert later.failed == {FIRST: 2000.0}


def test_damage_is_as_if_nothing_was_owed(store: Store) -> None:
    """A row that does not decode is left out, and noting more mends it."""
    note_owed(store, ENVIRONMENT, SCOPE, recorded())
    (key,) = store.keys("owed")
    store.put_many([("owed", key, b"\xc1")])
    assert load_owed(store, ENVIRONMENT, SCOPE, 9) == {PATH: Manifest()}
    note_owed(store, ENVIRONMENT, SCOPE, recorded())
    assert load_owed(store, ENVIRONMENT, SCOPE, 9) == recorded()
