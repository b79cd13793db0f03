"""What a test or an import changes in the process itself, and does not put back, counts for those that feel it."""

from __future__ import annotations

import pytest
from harness import Project

HEAD = "import decimal, locale, logging, os, socket, sys\n"
DATA = "def test_b(): assert open('data.txt').read() == '1'\n"
FOO = "def test_b():\n    import foo\n    assert foo\n"
LOGS = "import logging\ndef test_b(caplog):\n    logging.getLogger('x').{0}('hi')\n    assert {1} caplog.records\n"

STATES = {
    "the folder, by a file": ("os.chdir('sub')", "pass", DATA),
    "the folder, by a path": (
        "os.chdir('sub')",
        "pass",
        "from pathlib import Path\ndef test_b(): assert Path('data.txt').exists()\n",
    ),
    "the folder itself": ("os.chdir('sub')", "pass", "import os\ndef test_b(): assert os.getcwd().endswith('sub')\n"),
    "where modules are": ("sys.path.insert(0, os.path.abspath('sub'))", "pass", FOO),
    "decimal numbers": (
        "decimal.getcontext().prec = 5",
        "decimal.getcontext().prec = 6",
        "from decimal import Decimal\ndef test_b(): assert str(Decimal(1) / 3) == '0.33333'\n",
    ),
    "recursion": (
        "sys.setrecursionlimit(5000)",
        "sys.setrecursionlimit(1000)",
        "def deep(n): return n and deep(n - 1)\ndef test_b(): assert deep(3000) == 0\n",
    ),
    "what is logged": ("logging.disable(logging.CRITICAL)", "pass", LOGS.format("error", "not")),
    "from which level on": ("logging.getLogger().setLevel(logging.DEBUG)", "pass", LOGS.format("debug", "")),
    "the locale": (
        "locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
        "locale.setlocale(locale.LC_ALL, 'C')",
        "import locale\ndef test_b(): assert locale.setlocale(locale.LC_NUMERIC) == 'C.UTF-8'\n",
    ),
    "timeouts of sockets": (
        "socket.setdefaulttimeout(5)",
        "socket.setdefaulttimeout(6)",
        "import socket\ndef test_b(): assert socket.getdefaulttimeout() == 5\n",
    ),
}
B = "test_b.py::test_b"


@pytest.mark.parametrize("by", ["a test", "an import"])
@pytest.mark.parametrize("state", STATES)
def test_who_feels_it_rests_on_it(project: Project, state: str, by: str) -> None:
    """Replayed as long as it is done, and done the same; run, and failed, if it is not."""
    does, other, asks = STATES[state]
    project.write("sub/data.txt", "1")
    project.write("sub/foo.py", "X = 1\n")
    name = "test_a.py" if by == "a test" else "helper.py"
    project.write("test_a.py", "import helper\ndef test_a(): pass\n")
    project.write(name, f"{HEAD}def test_a(): {does}\n" if by == "a test" else f"{HEAD}{does}\n")
    project.write("test_b.py", asks)
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run().executed == set()
    if by == "an import":  # it is done again wherever a test runs
        project.edit("test_b.py", "assert", "assert 1 and")
        again = project.run()
        assert (again.outcomes[B], B in again.executed) == ("passed", True), again.text
    project.edit(name, does, other)
    assert project.run().outcomes[B] == "failed"


UNDONE = {
    "put back": "def test_a(monkeypatch, tmp_path):\n    monkeypatch.chdir(tmp_path)\n    assert 1\n",
    "left, in a temporary folder": "import os\ndef test_a(tmp_path):\n    os.chdir(tmp_path)\n    assert 1\n",
}


@pytest.mark.parametrize("case", UNDONE)
def test_an_edit_that_does_the_same_runs_nobody_else(project: Project, case: str) -> None:
    """A folder that has another name each time is the same one."""
    project.write("test_a.py", UNDONE[case])
    project.write("test_b.py", "import os\ndef test_b(): assert os.path.exists(os.path.abspath(__file__))\n")
    project.run()
    assert project.run().executed == set()
    project.edit("test_a.py", "assert 1", "assert 2")
    assert project.run().executed == {"test_a.py::test_a"}
