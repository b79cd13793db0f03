"""A cache that moves with its checkout: another path, another home, new dates, and everything is replayed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from harness import Project

FILES = {
    "src/shop/__init__.py": "",
    "src/shop/price.py": """
from pathlib import Path
HERE = Path(__file__).parent
def rates(): return (HERE / "rates.txt").read_text()
""",
    "src/shop/rates.txt": "1 2 3\n",
    "tests/conftest.py": """
import sys, pytest
@pytest.fixture(scope="session")
def home(tmp_path_factory): return tmp_path_factory.mktemp("home")
""",
    "tests/test_price.py": """
import os, subprocess, sys
import pytest
from shop.price import rates

def test_reads_beside_the_module(): assert rates()
def test_writes_and_reads(tmp_path):
    (tmp_path / "out.txt").write_text("1")
    assert (tmp_path / "out.txt").read_text() == "1"
def test_lists_its_folder(): assert "test_price.py" in os.listdir(os.path.dirname(__file__))
def test_wide_folder(home): (home / "x").write_text("1")
def test_asks_for_home_configuration(): assert not os.path.exists(os.path.expanduser("~/.shoprc"))
def test_reads_its_root(request): assert os.path.exists(request.config.rootpath / "pytest.ini")
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert False
""",
    "pytest.ini": "[pytest]\npythonpath = src\ntestpaths = tests\n",
}
ALL = "testcache: 8 tests: 8 cached, 0 run"
REPOSITORY = Path(__file__).parents[2]


def run(project: Project, *args: str, command: tuple[str, ...] = ("-m", "pytest"), cwd: str = ".") -> str:
    """What a run without the harness's own plugin writes: that one would tell of its folder in a variable."""
    plugins = ("-p", "testcache.plugin", "-p", "xdist.plugin")
    environment = {"PYTHONPATH": str(REPOSITORY)}
    return project.python(*command, *plugins, "--cached", "-v", *args, env=environment, cwd=cwd).stdout


def executed(text: str) -> list[str]:
    """The names of the tests that a run passed or failed, and did not replay."""
    return re.findall(r"::test_(\w+) (?:PASSED|FAILED)", text)


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with a source folder, data beside a module, temporary folders and a session fixture."""
    for name, text in FILES.items():
        project.write(name, text)
    assert "6 passed, 1 skipped, 1 xfailed" in run(project)
    return project


def copy(project: Project, place: Path) -> Project:
    """The same checkout with its cache somewhere else, with new dates and without byte code."""
    other = Project(place)
    (other.path / "pytest.ini").unlink()
    shutil.copytree(
        project.path, other.path, dirs_exist_ok=True, copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"),
    )  # fmt: skip
    return other


def test_a_copy_elsewhere_replays_everything(recorded: Project, tmp_path: Path) -> None:
    """In a folder of another name and depth, with another home, every test is replayed."""
    other = copy(recorded, tmp_path / "some where" / "else" / "checkout")
    text = run(other, "-n2")
    assert ALL in text, text
    assert str(recorded.path) not in text


def test_a_copy_runs_what_is_changed_in_it(recorded: Project, tmp_path: Path) -> None:
    """The copy looks at its own files and home, not at those of the place where it was recorded."""
    other = copy(recorded, tmp_path / "copy")
    other.write("src/shop/rates.txt", "4 5 6\n")
    text = run(other)
    assert executed(text) == ["reads_beside_the_module"], text
    (tmp_path / "copy-home" / ".shoprc").touch()
    text = run(other)
    assert executed(text) == ["asks_for_home_configuration"], text
    assert "1 failed" in text
    shutil.rmtree(recorded.path)
    assert executed(run(other)) == ["asks_for_home_configuration"]


def test_a_moved_checkout_replays_everything(recorded: Project, tmp_path: Path) -> None:
    """A renamed folder is no change, also when byte code and pytest's cache came along."""
    recorded.path.rename(tmp_path / "moved")
    moved = Project(tmp_path / "moved")
    moved.write("pytest.ini", FILES["pytest.ini"])
    moved.write("unrelated.txt", "")
    assert ALL in run(moved, "-p", "no:cacheprovider")


def test_new_dates_change_nothing(recorded: Project) -> None:
    """A checkout by git gives every file a new date: all is replayed."""
    for path in recorded.path.rglob("*"):
        if ".testcache" not in path.parts:
            os.utime(path)
    assert ALL in run(recorded)
    assert ALL in run(recorded, "--junitxml=/dev/null")


def test_the_store_is_found_from_below(recorded: Project) -> None:
    """The store belongs to the rootdir, wherever pytest is started."""
    assert ALL in run(recorded, cwd="tests")
    assert not (recorded.path / "tests" / ".testcache").exists()


def test_the_command_that_was_typed_is_no_input(recorded: Project, tmp_path: Path) -> None:
    """Another environment has a `pytest` of its own, whose first line names its folder: all is replayed."""
    shutil.rmtree(recorded.path / ".testcache")
    for name, said in (("one", "8 tests: 0 cached, 8 run"), ("other", ALL)):
        command = tmp_path / name / "bin" / "pytest"
        command.parent.mkdir(parents=True)
        lines = (f"#!{command.parent}/python", "import pytest, sys", "sys.exit(pytest.main())")
        command.write_text("\n".join(lines) + "\n", encoding="utf-8")
        text = run(recorded, command=(str(command),))
        assert said in text, text
        shutil.rmtree(command.parent)
