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
