"""Tests that need others of their file to have run: reported as in a full run, and run together after."""

from __future__ import annotations

import pytest
from harness import ONE_WORKER, Project

A, B, C = "test_pair.py::test_a", "test_pair.py::test_b", "test_pair.py::test_c"


@pytest.fixture
def pair(project: Project) -> Project:
    """Two recorded tests of which the second needs the first, and one that needs nobody."""
    project.write("state.py", "SEEN = []\n")
    project.write("price.py", "def price(): return 3\n")
    project.write(
        "test_pair.py",
        "import state\nfrom price import price\ndef test_a(): state.SEEN.append(1)\n"
        "def test_b():\n    assert state.SEEN\n    assert 0 < price() < 9\ndef test_c(): pass\n",
    )
    project.run()
    assert project.run().executed == set()
    return project


@pytest.mark.parametrize("arguments", [(), ("-x",), ("-v",)], ids=" ".join)
def test_a_test_that_needs_its_neighbour_is_reported_as_in_a_full_run(
    pair: Project, arguments: tuple[str, ...]
) -> None:
    """It passes, with a note; the next time its file runs as a whole, and then all is replayed again."""
    pair.edit("price.py", "return 3", "return 4")
    run = pair.run(*arguments)
    assert (run.exit, run.outcomes) == (0, {A: "passed", B: "passed", C: "passed"}), run.text
    assert (
        f"testcache: {B}: failed only because its neighbours were replayed: it passes when test_pair.py runs "
        "as a whole [needs-neighbours]"
    ) in run.text
    assert "1 failed" not in run.text
    whole = pair.run(*arguments)
    assert (whole.exit, whole.executed) == (0, {A, B, C})
    assert "2 with neighbours" in whole.summary
    assert pair.run().executed == set()
    pair.edit("price.py", "return 4", "return 5")
    again = pair.run(*arguments)
    assert (again.exit, again.executed) == (0, {A, B, C})
    assert "[needs-neighbours]" not in again.text


@pytest.mark.parametrize("workers", [("-n0",), ONE_WORKER], ids=" ".join)
def test_a_real_failure_stays_one(pair: Project, workers: tuple[str, ...]) -> None:
    """A test that also fails after its neighbours ran is reported once, with its own first failure."""
    pair.edit("price.py", "return 3", "return 30")
    run = pair.run(*workers)
    assert (run.exit, run.outcomes[A], run.outcomes[B]) == (1, "passed", "failed")
    assert run.text.count("FAILED test_pair.py::test_b") == 1
    assert "[needs-neighbours]" not in run.text
    assert pair.run(*workers).executed >= {B}


@pytest.mark.parametrize("keeps", ["json", "decimal"])
def test_a_failure_stands_at_once_where_nothing_could_be_left_unseen(project: Project, keeps: str) -> None:
    """Its neighbours only run for it if it uses something in which they might leave what nobody looks at."""
    project.write("price.py", f"import {keeps}\ndef price(): return 3\n")
    project.write(
        "test_it.py",
        "from price import price\ndef test_a(): assert price\ndef test_b(): assert price() == 3\ndef test_c(): pass\n",
    )
    assert project.run().exit == 0
    project.edit("price.py", "return 3", "return 4")
    for _ in range(2):
        run = project.run()
        beside = {"test_it.py::test_a"} if keeps == "decimal" else set()
        assert (run.exit, run.executed) == (1, {"test_it.py::test_b"} | beside), run.text


ONE_BUG = """
import decimal, os, pytest
from price import price
def note(name):
    with open(os.environ["NOTES"], "a") as file: file.write(f"{name}\\n")
@pytest.mark.parametrize("number", range(4))
def test_other(number): note("other")
@pytest.mark.parametrize("number", range(3))
def test_price(number):
    note(f"price {number}")
    assert price() + number < 9
"""


def test_one_bug_is_tried_once(project: Project) -> None:
    """Failures of one test at one line are alike: the neighbours run for the first of them only."""
    project.write("price.py", "def price(): return 3\n")
    project.write("test_it.py", ONE_BUG)
    notes = project.path.parent / "notes"
    assert project.run(env={"NOTES": str(notes)}).exit == 0
    project.edit("price.py", "return 3", "return 30")
    notes.unlink()
    run = project.run(env={"NOTES": str(notes)})
    assert [test for test, outcome in run.outcomes.items() if outcome == "failed"] == [
        f"test_it.py::test_price[{number}]" for number in range(3)
    ]
    ran = notes.read_text().splitlines()
    assert [ran.count(name) for name in ("other", "price 0", "price 1", "price 2")] == [4, 3, 1, 1]


MANY = """
import os, pytest, random, state
from price import price
def note(name):
    with open(os.environ["NOTES"], "a") as file: file.write(f"{name} ")
@pytest.fixture(scope="module")
def shop(): return object()
def test_leaves(): note("leaves"); state.SEEN.append(1)
def test_shares(shop): note("shares")
@pytest.mark.parametrize("number", range(30))
def test_other(number, tmp_path_factory): note(number)
def test_seeds(): note("seeds"); random.seed(7)
def test_price(shop, tmp_path_factory):
    assert price() < NEEDS
"""


@pytest.mark.parametrize(
    ("needs", "outcome"),
    [
        ("9", "failed"),
        ("9 * len(state.SEEN)", "passed"),
        ("99 * (random.random() == random.Random(7).random())", "passed"),
    ],
)
def test_only_neighbours_that_may_matter_are_tried(project: Project, needs: str, outcome: str) -> None:
    """Those that left something in memory, share a wide fixture of the project, or are near; however many there are."""
    project.write("price.py", "def price(): return 3\n")
    project.write("state.py", "SEEN = [1]\n")
    project.write("test_it.py", MANY.replace("NEEDS", needs))
    notes = project.path.parent / "notes"
    assert project.run(env={"NOTES": str(notes)}).exit == 0
    project.edit("price.py", "return 3", "return 17 + 0")
    notes.unlink()
    run = project.run(env={"NOTES": str(notes)})
    assert run.outcomes["test_it.py::test_price"] == outcome
    assert notes.read_text().split() == ["leaves", "shares", *map(str, range(23, 30)), "seeds"]


def test_a_flaky_test_is_not_excused(project: Project) -> None:
    """A failure that is gone when the test runs again alone has nothing to do with neighbours."""
    state = project.path.parent / "state"
    project.write("price.py", "PRICE = 3\n")
    project.write(
        "test_it.py",
        "import ctypes, os\ndef test_a(): pass\ndef test_b():\n    from price import PRICE\n"
        f"    there = ctypes.CDLL(None).access({bytes(state)!r}, 0) == 0\n"
        f"    if there: ctypes.CDLL(None).unlink({bytes(state)!r})\n    assert PRICE and not there\n",
    )
    project.run()
    state.touch()
    project.write("price.py", "PRICE = 4\n")
    run = project.run()
    assert (run.exit, run.outcomes["test_it.py::test_b"]) == (1, "failed"), run.text
    assert "[needs-neighbours]" not in run.text


def test_fixtures_of_every_scope_are_set_up_and_torn_down_for_each_attempt(project: Project) -> None:
    """Neighbours in another class, module fixtures and a last test of the session leave nothing half open."""
    project.write("price.py", "def price(): return 3\n")
    project.write(
        "test_it.py",
        "import pytest\nfrom price import price\nSEEN = []\n"
        "@pytest.fixture(scope='module')\ndef m():\n    yield 1\n"
        "@pytest.fixture(scope='session', autouse=True)\ndef s():\n    yield 1\n"
        "class TestA:\n    @pytest.fixture(scope='class')\n    def c(self):\n        yield 1\n"
        "    def test_a(self, m, c): SEEN.append(m)\n"
        "class TestB:\n    @pytest.fixture(scope='class', autouse=True)\n    def c(self):\n        yield 1\n"
        "    def test_b(self, m): assert SEEN and price()\n    def test_c(self, m): assert price()\n",
    )
    project.run()
    project.edit("price.py", "return 3", "return 4")
    run = project.run()
    assert (run.exit, set(run.outcomes.values())) == (0, {"passed"}), run.text
    assert run.text.count("[needs-neighbours]") == 1


LEAVES = {
    "a variable": ("V = [0]\n", "m.V[0] = 1", "m.V == [0]"),
    "an attribute": ("class K: seen = 0\n", "m.K.seen = 1", "m.K.seen == 0"),
    "a wide fixture": ("V = [0]\n", "box.append(1)", "box == []"),
    "the environment": ("import os\n", "m.os.environ['ZZ'] = '1'", "'ZZ' not in m.os.environ"),
}
BOX = "import pytest\n@pytest.fixture(scope='module')\ndef box(): return []\n"


@pytest.mark.parametrize(("module", "leaves", "minds"), LEAVES.values(), ids=LEAVES.keys())
@pytest.mark.parametrize("files", [1, 2])
def test_a_failure_stays_one_where_it_is_left_something(
    project: Project, module: str, leaves: str, minds: str, files: int
) -> None:
    """It passes alone, when those before it are replayed; and that is not what a run of all tests shows."""
    if files == 2 and "box" in minds:
        pytest.skip("each file has its own")
    project.write("m.py", module)
    project.write("conftest.py", BOX)
    first, second = f"def test_a(box): {leaves}\n", f"def test_b(box): assert {minds}\n"
    project.write("test_1.py", f"import m\n{first}{second if files == 1 else ''}")
    if files == 2:
        project.write("test_2.py", f"import m\n{second}")
    node = f"test_{files}.py::test_b"
    for _ in range(4):
        run = project.run()
        assert (run.exit, run.outcomes[node]) == (1, "failed")
    project.edit("test_1.py", leaves, "pass")
    for _ in range(2):
        assert project.run().exit == 0


def test_what_a_failure_leaves_is_found_by_the_next_test_although_it_was_tried_again(project: Project) -> None:
    """The first steps of a story have failed, so the later ones are expected to."""
    project.write(
        "conftest.py",
        "import pytest\nfailed = {}\n"
        "def pytest_runtest_makereport(item, call):\n    if call.excinfo: failed.setdefault('story', item.name)\n"
        "def pytest_runtest_setup(item):\n    if 'story' in failed: pytest.xfail(failed['story'])\n",
    )
    project.write("shop.py", "def pay(): return True\n")
    project.write(
        "test_it.py", "import shop\ndef test_1(): pass\ndef test_2(): assert shop.pay()\ndef test_3(): pass\n"
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "True", "False")
    for _ in range(2):
        outcomes = project.run().outcomes
        assert [outcomes[f"test_it.py::test_{number}"] for number in (1, 2, 3)] == ["passed", "failed", "xfailed"]
    project.edit("shop.py", "False", "True")
    assert set(project.run().outcomes.values()) == {"passed"}


@pytest.mark.parametrize("files", [1, 2])
def test_a_neighbour_that_must_run_itself_does_so_once(project: Project, files: int) -> None:
    """Whom a failure needs is tried when all others have run: one that registers something can do so but once."""
    project.write(
        "shop.py",
        "NAMES, MODE = {}, []\ndef register(name):\n    assert name not in NAMES\n    NAMES[name] = len(MODE)\n",
    )
    project.write("test_0.py", "import shop\ndef test_0(): pass\n")
    minds = "'y' in shop.NAMES" if files == 1 else "shop.NAMES == {}"
    texts = "def test_a(): shop.register('x')\n", f"def test_b(): assert {minds}\n"
    project.write("test_1.py", "import shop\n" + "".join(texts[: 3 - files]))
    if files == 2:
        project.write("test_2.py", "import shop\n" + texts[1])
    outcomes = {"test_0.py::test_0": "passed", "test_1.py::test_a": "passed", f"test_{files}.py::test_b": "failed"}
    for _ in range(2):
        assert project.run().outcomes == outcomes
    project.edit("test_0.py", "pass", "shop.MODE.append(1)")
    for _ in range(2):
        run = project.run()
        assert (run.exit, run.outcomes) == (1, outcomes), run.text


FILLED = {
    "a list": ("import state\ndef test_a(): state.SEEN.append(1)\n", "import state\ndef test_z(): assert state.SEEN\n"),
    "a variable": (
        "import os\ndef test_a(): os.environ['SHOP'] = '1'\n",
        "import os\ndef test_z(): assert os.environ.get('SHOP')\n",
    ),
    "the folder": ("import os\ndef test_a(): os.chdir('sub')\n", "def test_z(): assert open('data.txt').read()\n"),
}


@pytest.mark.parametrize("case", FILLED)
def test_who_has_found_what_a_test_of_another_file_left_finds_it_again(project: Project, case: str) -> None:
    """That one runs, too, when the other fails without it; the result is stored as any other."""
    fills, finds = FILLED[case]
    project.write("state.py", "SEEN = []\n")
    project.write("sub/data.txt", "1")
    project.write("test_a.py", fills + "".join(f"def test_{number}(): pass\n" for number in range(20)))
    project.write("test_z.py", finds)
    assert project.run().exit == 0
    project.edit("test_z.py", "assert", "assert 1 and")
    run = project.run()
    assert (run.exit, "failed" in run.text, run.executed) == (0, False, {"test_a.py::test_a", "test_z.py::test_z"})
    assert "21 cached, 1 run (1 changed)" in run.summary
    assert project.run().executed == set()
    project.edit("test_z.py", "assert 1", "assert 0")
    failed = project.run()
    assert (failed.exit, failed.outcomes["test_z.py::test_z"], failed.text.count("FAILED")) == (1, "failed", 1)


def test_a_registry_of_many_is_no_neighbour(project: Project) -> None:
    """Where more than a few have left something in other files, a failure is taken for one."""
    project.write("state.py", "SEEN = []\n")
    for number in range(12):
        project.write(f"test_{number:02}.py", "import state\ndef test_it(): state.SEEN.append(1)\n")
    project.write("test_z.py", "import state\ndef test_z(): assert len(state.SEEN) == 12\n")
    assert project.run().exit == 0
    project.edit("test_z.py", "== 12", "== 13")
    assert project.run().executed == {"test_z.py::test_z"}


def test_of_a_new_test_nobody_knows_that_it_ever_passed(project: Project) -> None:
    """Its failure stands without those that stand nearest; the next time they really run, and that counts."""
    project.write("test_a.py", "import decimal\ndef test_old(): pass\n")
    project.run()
    project.write("test_a.py", "import decimal\ndef test_old(): pass\ndef test_new(): assert 0\n")
    first, second = project.run(), project.run()
    assert first.executed == {"test_a.py::test_new"}
    assert second.executed == {"test_a.py::test_new", "test_a.py::test_old"}
    assert (first.exit, second.exit) == (1, 1)
