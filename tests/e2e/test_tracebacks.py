"""A traceback has the frames that it has without us: code tells by its depth what is missing."""

from __future__ import annotations

import pytest
from harness import Project

TESTS = """
import importlib, importlib.util, os, pathlib, subprocess, sys, traceback
import pytest

def frames(call):
    try:
        call()
    except BaseException as error:
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

def statement(): import missing
def inside(): import bad
def further(): import indirect
def late(): import indirect_error
def whence(): from bad_error import value
def gone(folder):
    os.makedirs(folder)
    os.chdir(folder)
    os.rmdir(folder)
    try:
        os.getcwd()
    finally:
        os.chdir("/")

WAYS = {
    "statement": statement, "inside": inside, "further": further, "late": late, "whence": whence,
    "call": lambda: __import__("missing"),
    "call inside": lambda: __import__("bad"),
    "import_module": lambda: importlib.import_module("missing"),
    "import_module inside": lambda: importlib.import_module("bad_error"),
    "find_spec": lambda: importlib.util.find_spec("missing.part"),
    "distribution": lambda: importlib.metadata.version("missing-for-sure"),
    "stat": lambda: os.stat("missing"),
    "lstat": lambda: os.lstat("missing"),
    "stat of nothing": lambda: os.stat(None),
    "getmtime": lambda: os.path.getmtime("missing"),
    "readlink": lambda: os.readlink("missing"),
    "open": lambda: open("missing"),
    "os.open": lambda: os.open("missing", os.O_RDONLY),
    "os.open at": lambda: os.open("missing", os.O_RDONLY, dir_fd=os.open("/", os.O_RDONLY)),
    "variable": lambda: os.environ["MISSING"],
    "no variable": lambda: os.environ.__setitem__("X", 1),
    "program": lambda: subprocess.run(["/missing/program"]),
}

@pytest.mark.parametrize("way", WAYS)
def test_frames(way):
    print(way, frames(WAYS[way]))

def test_gone(tmp_path):
    print("gone", frames(lambda: gone(tmp_path / "gone")))
"""


@pytest.mark.parametrize("recorder", ["auto", "coverage"])
def test_they_are_the_same_as_without_us(project: Project, recorder: str) -> None:
    project.write("bad.py", "import missing\n")
    project.write("bad_error.py", "value = 1 / 0\n")
    project.write("indirect.py", "import bad\n")
    project.write("indirect_error.py", "import bad_error\n")
    project.write("test_it.py", TESTS)
    project.write(".testcache.toml", f'recorder = "{recorder}"\n')

    runs = [project.run("-rP", f"--cached={mode}") for mode in ("off", "on")]

    without, recorded = ([line for line in run.text.splitlines() if "['" in line] for run in runs)
    assert len(without) == len(runs[0].outcomes) == 23
    assert recorded == without


FIXTURES = """
import pytest
@pytest.fixture
def narrow(): raise ValueError("narrow")
@pytest.fixture(scope="module")
def wide(): raise ValueError("wide")
@pytest.fixture(scope="module")
def ending():
    yield
    raise ValueError("ending")

def test_narrow(narrow): pass
def test_wide(wide): pass
def test_asked(request): request.getfixturevalue("narrow")
def test_ending(ending): pass
"""


def test_a_fixture_that_fails_shows_the_frames_that_it_has(project: Project) -> None:
    """Also if pytest is told to show what Python would."""
    project.write("test_it.py", FIXTURES)
    files = []
    for mode in ("off", "on"):
        text = project.run("--tb=native", f"--cached={mode}").text
        files.append([line for line in text.splitlines() if line.startswith("  File ")])
    assert files[0] == files[1]
    assert len(files[0]) > 20
