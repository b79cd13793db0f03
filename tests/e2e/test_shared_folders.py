"""What tests leave for each other in a temporary folder of a wide fixture, and in the fixture's value."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

HEAD = """
import os, sqlite3, sys, tempfile
from pathlib import Path
from subprocess import check_call
import pytest
from price import price

@pytest.fixture(scope="module")
def shared(tmp_path_factory): return tmp_path_factory.mktemp("shared")

@pytest.fixture(scope="module")
def filled(shared):
    (shared / "x").touch()
    return shared / "x"

@pytest.fixture(scope="module")
def opened(shared):
    with sqlite3.connect(shared / "x") as db: db.execute("create table t (n)")
    return db

@pytest.fixture(scope="module")
def table(): return {}
"""
WAYS = {
    "a file": (
        "def test_1(shared): (shared / 'x').write_text(price())",
        "def test_2(shared): assert (shared / 'x').read_text() == '1'",
    ),
    "a file in a folder of its own": (
        "def test_1(shared): (shared / 'sub').mkdir(); (shared / 'sub/x').write_text(price())",
        "def test_2(shared): assert (shared / 'sub/x').read_text() == '1'",
    ),
    "a name": (
        "def test_1(shared): (shared / price()).touch()",
        "def test_2(shared): assert os.listdir(shared) == ['1']",
    ),
    "a file that was not there": (
        "def test_1(shared): (shared / price()).touch()",
        "def test_2(shared): assert not (shared / '2').exists()",
    ),
    "a file that is there": (
        "def test_1(shared):\n    (shared / 'x').touch()\n    if price() == '2': (shared / 'x').unlink()",
        "def test_2(shared): assert (shared / 'x').exists()",
    ),
    "a line": (
        "def test_0(shared): (shared / 'x').touch()\ndef test_1(shared): print(price(), file=(shared / 'x').open('a'))",
        "def test_2(shared): assert (shared / 'x').read_text() == '1\\n'",
    ),
    "a row": (
        "def run(shared, text):\n    with sqlite3.connect(shared / 'x') as db: return [*db.execute(text)]\n"
        "def test_0(shared): run(shared, 'create table t (n)')\n"
        "def test_1(shared): run(shared, f'insert into t values ({price()})')",
        "def test_2(shared): assert run(shared, 'select n from t') == [(1,)]",
    ),
    "a row in a database that is open": (
        "def test_1(opened): opened.execute(f'insert into t values ({price()})'); opened.commit()",
        "def test_2(opened): assert [*opened.execute('select n from t')] == [(1,)]",
    ),
    "a folder": (
        "def test_1(shared): (shared / price()).mkdir()",
        "def test_2(shared): assert (shared / '1').exists()",
    ),
    "a right": (
        "def test_1(filled): filled.chmod(0o600 + 0o100 * int(price() == '1'))",
        "def test_2(filled): assert os.access(filled, os.X_OK) or filled.stat().st_mode & 0o100",
    ),
    "what a child writes": (
        "def test_1(shared): check_call([sys.executable, '-c', 'import sys, price\\n'\n"
        "    'open(sys.argv[1], \"w\").write(price.price())', shared / 'x'])",
        "def test_2(shared): assert (shared / 'x').read_text() == '1'",
    ),
    "a folder of a module": (
        "HERE = Path(tempfile.mkdtemp())\ndef test_1(): (HERE / 'x').write_text(price())",
        "def test_2(): assert (HERE / 'x').read_text() == '1'",
    ),
    "a value": (
        "def test_1(table): table['x'] = price()",
        "def test_2(table): assert table['x'] == '1'",
    ),
}


def write(project: Project, filler: str, finder: str) -> None:
    project.write("price.py", "def price(): return '1'\n")
    far = "def test_far(tmp_path):\n    (tmp_path / 'x').touch()\n    assert (tmp_path / 'x').exists()\n"
    project.write("test_it.py", f"{HEAD}{filler}\n{finder}\n{far}")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("price.py", "def price(): return '2'\n")


@pytest.mark.parametrize(("filler", "finder"), WAYS.values(), ids=WAYS.keys())
def test_who_finds_something_else_runs(project: Project, filler: str, finder: str) -> None:
    """And fails as in a run of all, though the folder was torn down before its turn came; the others are replayed."""
    write(project, filler, finder)
    run = project.run()
    assert (run.exit, run.outcomes["test_it.py::test_2"]) == (1, "failed"), run.text
    assert run.outcomes["test_it.py::test_1"] == "passed"
    assert "test_it.py::test_far" in run.replayed


@pytest.mark.parametrize("way", ["a file", "a value"])
def test_who_can_live_with_it_passes(project: Project, way: str) -> None:
    """The folder that it gets when its turn comes is empty: those that fill it do so once more, each but once."""
    filler, finder = WAYS[way]
    chain = finder.replace("== '1'", "in '12'") + "\n" + finder.replace("test_2", "test_3").replace("== '1'", "in '12'")
    write(project, filler, chain)
    for ran in ({1, 2, 3}, {1, 2, 3}, set()):
        run = project.run()
        assert run.exit == 0, run.text
        assert {f"test_it.py::test_{number}" for number in ran} <= run.executed
    assert run.executed == set()


@pytest.mark.parametrize("way", ["a file", "a value"])
def test_workers_run_them_together(project: Project, way: str) -> None:
    """With --dist=loadfile a test may rely on those before it in its file, which are on the same worker."""
    filler, finder = WAYS[way]
    write(project, filler, finder.replace("== '1'", "in '12'"))
    run = project.run(*TWO_WORKERS, "--dist=loadfile")
    assert (run.exit, run.executed) == (0, {"test_it.py::test_1", "test_it.py::test_2"}), run.text
    assert project.run(*TWO_WORKERS, "--dist=loadfile").executed == set()


def test_who_waits_for_the_same_is_replayed(project: Project) -> None:
    """The edit matters to nobody but the test that fills the folder."""
    write(project, *WAYS["a file"])
    project.write("price.py", "def price():\n    number = 1\n    return str(number)\n")
    run = project.run()
    assert (run.exit, run.executed) == (0, {"test_it.py::test_1"})


def test_a_shared_file_is_named_in_words(project: Project) -> None:
    """As who looks for it would say it."""
    write(project, *WAYS["a file"])
    run = project.run("-v")
    assert "x in a temporary folder of fixture shared, left by test_it.py::test_1" in run.text


CLEANED = """
from pathlib import Path
import pytest, shop

@pytest.fixture(scope="session", autouse=True)
def clean():
    shop.BUILT.unlink(missing_ok=True)
    yield
    shop.BUILT.unlink(missing_ok=True)
"""
BUILDS = """
from pathlib import Path
from price import price
BUILT = Path(__file__).parent / "built.txt"
def get():
    if not BUILT.exists(): BUILT.write_text(price())
    return BUILT.read_text()
"""


def test_a_file_that_a_fixture_clears_away(project: Project) -> None:
    """One test writes it into the project, and another one reads it; the fixture removes it before and after them."""
    project.write("price.py", "def price(): return '1'\ndef other(): return 1\n")
    project.write("shop.py", BUILDS)
    project.write("conftest.py", CLEANED)
    for name in "ab":
        project.write(f"test_{name}.py", f"import shop\ndef test_{name}(): assert shop.get() == '1'\n")
    project.write("test_c.py", "import price\ndef test_c(): assert price.other()\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("price.py", "return 1", "return 2")
    assert project.run().executed == {"test_c.py::test_c"}
    project.edit("price.py", "'1'", "'2'")
    run = project.run("-v")
    assert "built.txt, a file of fixture clean, left by test_a.py::test_a" in run.text
    assert {test for test, how in run.outcomes.items() if how == "failed"} == {"test_a.py::test_a", "test_b.py::test_b"}


@pytest.mark.parametrize(
    "way", ["it.unlink()", "check_call([sys.executable, '-c', 'import os, sys; os.unlink(sys.argv[1])', it])"]
)
def test_a_file_of_a_fixture_that_a_test_removes(project: Project, way: str) -> None:
    """Nobody but the fixture has written to it: that it is gone counts for who asks, all the same."""
    project.write(
        "conftest.py",
        "import pytest\n@pytest.fixture(scope='session')\ndef it(tmp_path_factory):\n"
        "    it = tmp_path_factory.mktemp('x') / 'x'\n    it.touch()\n    return it\n",
    )
    project.write("test_a.py", f"import sys\nfrom subprocess import check_call\ndef test_a(it): {way}\n")
    project.write("test_b.py", "def test_b(it): assert not it.exists()\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("test_a.py", "def test_a(it): pass\n")
    assert project.run().outcomes == {"test_a.py::test_a": "passed", "test_b.py::test_b": "failed"}
