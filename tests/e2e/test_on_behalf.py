"""What pytest, or a helper of it, reads or starts because code has told it to, is an input of the test."""

from __future__ import annotations

import pytest
from harness import Project

RAISES = "import pathlib, pytest, subprocess, sys\nHERE = pathlib.Path(__file__).parent\n"
CHILD = "import lib\nraise SystemExit(lib.VALUE)\n"
HERE = "import asyncio, pathlib, subprocess, sys, unittest\nHERE = pathlib.Path(__file__).parent\n"
UNIT = HERE + "CHILD = [sys.executable, str(HERE / 'child.py')]\n"
PYTESTER = (
    "pytest_plugins = 'pytester'\n" + HERE + "PATH = f'import sys; sys.path.insert(0, {str(HERE)!r}); import lib\\n'\n"
)

CALLS = {
    "a function that has to raise": (
        RAISES + "def test_it(): pytest.raises(FileNotFoundError, open, HERE / 'later.txt')\n",
        "later.txt",
    ),
    "an import that has to fail": (
        "import importlib, pytest\ndef test_it(): pytest.raises(ImportError, importlib.import_module, 'later')\n",
        "later.py",
    ),
    "parameters that are gone through": (
        RAISES + "@pytest.mark.parametrize('path', map(str, HERE.glob('cases/*')))\n"
        "def test_it(path): assert open(path).read() == '1'\n",
        "cases/b.txt",
    ),
    "parameters of a fixture": (
        RAISES + "@pytest.fixture(params=map(str, HERE.glob('cases/*')))\ndef path(request): return request.param\n"
        "def test_it(path): assert open(path).read() == '1'\n",
        "cases/b.txt",
    ),
}
STARTS = {
    "a cleanup of unittest": UNIT + "class Test(unittest.TestCase):\n"
    "    def setUp(self): self.addCleanup(subprocess.check_call, CHILD)\n"
    "    def test_it(self): pass\n",
    "a cleanup of a class": UNIT + "class Test(unittest.TestCase):\n"
    "    @classmethod\n"
    "    def setUpClass(cls): cls.addClassCleanup(subprocess.check_call, CHILD)\n"
    "    def test_it(self): pass\n",
    "a finalizer": UNIT
    + "import functools\ndef test_it(request): request.addfinalizer(functools.partial(subprocess.check_call, CHILD))\n",
    "a task": UNIT + "class Test(unittest.IsolatedAsyncioTestCase):\n"
    "    async def test_it(self):\n"
    "        (child,) = await asyncio.gather(asyncio.create_subprocess_exec(*CHILD))\n"
    "        assert await child.wait() == 0\n",
    "a run of pytester": PYTESTER + "def test_it(pytester):\n"
    "    pytester.makepyfile(PATH + 'def test_inside(): assert lib.VALUE == 0')\n"
    "    pytester.runpytest_subprocess().assert_outcomes(passed=1)\n",
    "a program of pytester": PYTESTER + "def test_it(pytester):\n"
    "    script = pytester.makepyfile(script=PATH + 'assert lib.VALUE == 0')\n"
    "    assert pytester.runpython(script).ret == 0\n",
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_handed_to_pytest_is_asked_for_by_the_test(project: Project, call: str) -> None:
    """A file that appears is noticed by who asked for it through a function of pytest."""
    text, appears = CALLS[call]
    project.write("cases/a.txt", "1")
    project.write("test_it.py", text)
    assert project.run("-Wignore").exit == 0
    assert project.run("-Wignore").executed == set()
    project.write(appears, "2")
    assert project.run("-Wignore").exit == 1


@pytest.mark.parametrize("start", STARTS)
def test_a_child_is_recorded_whoever_starts_it(project: Project, start: str) -> None:
    """What it runs counts, although no code of the project stands right above the start."""
    project.write("lib.py", "VALUE = 0\n")
    project.write("child.py", CHILD)
    project.write("test_it.py", STARTS[start])
    first = project.run("-p", "pytester")
    assert first.exit == 0, first.text
    assert project.run("-p", "pytester").executed == set()
    project.edit("lib.py", "0", "1")
    assert project.run("-p", "pytester").exit == 1


@pytest.mark.parametrize(
    ("call", "reruns"),
    [
        ("with pytest.raises(KeyError): monkeypatch.delenv('APP_X')", True),
        ("monkeypatch.setenv('APP_X', 'a', prepend=':'); assert 1", True),
        ("monkeypatch.delenv('APP_X', raising=False)", False),
        ("monkeypatch.setenv('APP_X', 'a')", False),
        ("os.environ.pop('APP_X', None)", True),
        ("with pytest.raises(KeyError): del os.environ['APP_X']", True),
        ("with mock.patch.dict(os.environ, clear=True): assert 1", False),
    ],
)
def test_who_asks_whether_there_is_a_variable(project: Project, call: str, *, reruns: bool) -> None:
    """To put one in its place, or to see that it is gone, is not to ask for it."""
    text = f"import os, pytest\nfrom unittest import mock\ndef test_it(monkeypatch): {call}\n"
    project.write("test_it.py", text.replace(": with", ":\n    with"))
    assert project.run().exit == 0
    assert project.run().executed == set()
    assert bool(project.run(env={"APP_X": "1"}).executed) == reruns


def test_libraries_that_pytest_and_a_project_use(project: Project) -> None:
    """What iniconfig reads for pytest is none of a test's business, what it reads for the project is."""
    project.write("app.ini", "[a]\nb = 1\n")
    project.write(
        "test_it.py", "import iniconfig\ndef test_it(): assert iniconfig.IniConfig('app.ini')['a']['b'] == '1'\n"
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("app.ini", "1", "2")
    assert project.run().exit == 1
