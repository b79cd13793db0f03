"""A test that fails only because it counts, and those that count before it are replayed, passes as in a run of all."""

from __future__ import annotations

import pytest
from harness import Project

COUNTERS = {
    "a sequence": "import itertools\nseq = itertools.count(1)\ndef number(): return next(seq)\n",
    "an attribute": "class Order:\n    last = 0\ndef number():\n    Order.last += 1\n    return Order.last\n",
    "a list": "seen = []\ndef number():\n    seen.append(0)\n    return len(seen)\n",
}
TESTS = "def test_{0}():\n    assert number() == {0}\n"


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_it_counts_as_far_as_in_a_run_of_all(project: Project, counter: str, place: int) -> None:
    """Whichever of them is edited, and with an edit that makes it fail, it fails."""
    project.write("shop.py", COUNTERS[counter])
    project.write("test_it.py", "from shop import number\n" + "".join(TESTS.format(each) for each in (1, 2, 3)))
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_it.py", f"== {place}", f"in ({place},)")
    run = project.run()
    assert run.exit == 0, run.text
    assert project.run().exit == 0
    project.edit("test_it.py", f"in ({place},)", "== 7")
    run = project.run()
    assert (run.exit, run.outcomes[f"test_it.py::test_{place}"]) == (1, "failed"), run.text


def test_those_in_other_files_count_too(project: Project) -> None:
    """The counter is everybody's."""
    project.write("shop.py", COUNTERS["a sequence"])
    for each in (1, 2, 3):
        project.write(f"test_{each}.py", "from shop import number\n" + TESTS.format(each))
    assert project.run().exit == 0
    project.edit("test_3.py", "== 3", "in (3,)")
    run = project.run()
    assert run.exit == 0, run.text
    assert project.run().exit == 0


DATABASE = """
import pytest, sqlite3

@pytest.fixture(scope="{0}")
def db():
    db = sqlite3.connect(":memory:")
    db.execute("create table t(id integer primary key autoincrement)")
    db.commit()
    yield db
    db.close()

def add(db):
    row = db.execute("insert into t default values").lastrowid
    db.commit()
    return row
"""


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_database_of_a_fixture_counts_from_the_beginning(project: Project, scope: str) -> None:
    """Its rows are gone before it is tried behind the others, also where these wait for what it leaves."""
    rows = "".join(f"def test_{each}(db): assert add(db) == {each}\n" for each in (1, 2, 3))
    project.write("test_it.py", DATABASE.format(scope) + rows)
    assert project.run().exit == 0
    project.edit("test_it.py", "== 2", "in (2,)")
    run = project.run()
    assert run.exit == 0, run.text
    assert project.run().exit == 0
    project.edit("test_it.py", "in (2,)", "== 7")
    assert project.run().exit == 1
