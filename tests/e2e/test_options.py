"""Options that do not hold for the whole run: they count for the tests that rest on them, whoever read them."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

ADDED = """
import shop
def pytest_addoption(parser): parser.addoption("--backend", default="a")
def pytest_configure(config): shop.backend = config.getoption("--backend")
"""
SELECTED = """
import pytest
def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and "slow" not in config.getoption("-m"):
            item.add_marker(pytest.mark.skip(reason="slow"))
"""
SHOWN = """
def pytest_report_header(config): return "more" if config.option.verbose else "less"
def pytest_report_teststatus(report, config): config.getoption("verbose")
"""
WORKERS = pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["here", "workers"])


@WORKERS
def test_read_while_pytest_is_configured(project: Project, workers: tuple[str, ...]) -> None:
    """An option of a conftest file may be handed on before any test is collected."""
    project.write("shop.py", "backend = ''\n")
    project.write("conftest.py", ADDED)
    for name in ("one", "two"):
        project.write(f"test_{name}.py", "import shop\ndef test_it(): assert shop.backend == 'a'\n")
    assert project.run(*workers).exit == 0
    assert project.run(*workers).executed == set()
    assert project.run("--backend=b", *workers).exit == 1
    assert project.run(*workers).executed == set()


@WORKERS
def test_what_is_selected_is_not_skipped(project: Project, workers: tuple[str, ...]) -> None:
    """A hook skips what nobody has asked for; both ways are kept."""
    project.write("pytest.ini", "[pytest]\nmarkers = slow\n")
    project.write("conftest.py", SELECTED)
    project.write("test_it.py", "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\ndef test_fast(): pass\n")
    for arguments, how in (((), "skipped"), (("-m", "slow"), "passed")):
        assert project.run(*arguments, *workers).outcomes["test_it.py::test_slow"] == how
    for arguments, how in (((), "skipped"), (("-m", "slow"), "passed")):
        run = project.run(*arguments, *workers)
        assert (run.executed, run.outcomes["test_it.py::test_slow"]) == (set(), how)


def test_what_only_shows_does_not_count(project: Project) -> None:
    """Hooks may say more with -v; a test that asks for it rests on it."""
    project.write("conftest.py", SHOWN)
    project.write("test_it.py", "def test_asks(pytestconfig): assert pytestconfig.getoption('verbose') < 1\n")
    project.write("test_far.py", "def test_far(): pass\n")
    assert project.run().exit == 0
    run = project.run("-vv")
    assert (run.exit, run.executed) == (1, {"test_it.py::test_asks"})


def test_whether_byte_code_is_written_concerns_who_asks(project: Project) -> None:
    """Many containers set the variable, and a cache is shared with them; `-B` is another interpreter's start."""
    project.write("shop.py", "import sys\ndef writes(): return not sys.dont_write_bytecode\n")
    project.write("test_asks.py", "import shop\ndef test_asks(): assert shop.writes()\n")
    project.write("test_far.py", "def test_far(): pass\n")
    assert project.run().exit == 0
    run = project.run(env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert run.executed == {"test_asks.py::test_asks"}
    assert run.exit == 1
    assert project.run().executed == set()


READ_IN_A_HOOK = {
    "when it is configured": "import shop\ndef pytest_configure(config): shop.level = config.option.verbose\n",
    "when the session starts": "import shop\n"
    "def pytest_sessionstart(session): shop.level = session.config.option.verbose\n",
    "by a function for it": "import shop\ndef _level(config): return config.getoption('verbose')\n"
    "def pytest_collection_modifyitems(config): shop.level = _level(config)\n",
}


@pytest.mark.parametrize("when", READ_IN_A_HOOK)
def test_what_a_hook_hands_on_counts_though_it_only_shows(project: Project, when: str) -> None:
    """A hook may set the application's level of debugging by -v."""
    project.write("shop.py", "level = None\n")
    project.write("conftest.py", READ_IN_A_HOOK[when])
    project.write("test_it.py", "import shop\ndef test_it(): assert shop.level <= 0\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    assert project.run("-vv").exit == 1
    assert project.run().executed == set()


def test_the_command_line_counts_for_code_that_looks_at_it(project: Project) -> None:
    """By `sys.argv`, in a module when it is imported or in a test; what is meant for the cache does not count."""
    project.write("conftest.py", "def pytest_addoption(parser): parser.addoption('--gpu', action='store_true')\n")
    project.write("shop.py", "import sys\nDEVICE = 'gpu' if '--gpu' in sys.argv else 'cpu'\n")
    project.write("test_shop.py", "import shop\ndef test_shop(): assert shop.DEVICE == 'cpu'\n")
    project.write("test_asks.py", "from sys import argv\ndef test_asks(): assert '--gpu' not in argv\n")
    project.write("test_far.py", "def test_far(argv=()): assert not argv\n")
    assert project.run().exit == 0
    assert "nothing changed" in project.run().text
    assert project.run("--cached=on").executed == set()
    run = project.run("--gpu")
    assert (run.exit, run.executed) == (1, {"test_shop.py::test_shop", "test_asks.py::test_asks"}), run.text
    assert project.run().executed == set()


def test_arguments_in_a_file_count(project: Project) -> None:
    """`pytest @args.txt` is what stands in the file."""
    project.write("args.txt", "-ra\n")
    project.write("test_it.py", "import warnings\ndef test_it(): warnings.warn('x', FutureWarning)\n")
    assert project.run("@args.txt").exit == 0
    assert project.run("@args.txt").executed == set()
    project.write("args.txt", "-ra\n-W\nerror\n")
    assert project.run("@args.txt").exit == 1
