"""A module that a test is the first to import keeps what the test had patched meanwhile: the next ones rest on that."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

FIRST = "def test_first(monkeypatch):\n    {}\n    import app\n    assert 1\n"
NEXT = "def test_next():\n    import app\n    assert app.KEPT == {}\n"
PATCHES = {
    "a variable of the environment": (
        "import os\nKEPT = os.environ.get('APP_MODE', 'plain')\n",
        "monkeypatch.setenv('APP_{}', 'patched')",
        "MODE",
        "'plain'",
    ),
    "a setting of the project": (
        "import config\nclass App:\n    mode = config.MODE\nKEPT = App.mode\n",
        "monkeypatch.setattr('config.{}', 2)",
        "MODE",
        "1",
    ),
    "a default of a function": (
        "import config\ndef add(number=config.MODE): return number + 1\nKEPT = add()\n",
        "monkeypatch.setattr('config.{}', 2)",
        "MODE",
        "2",
    ),
    "the folder": ("import os\nKEPT = os.path.exists('config.py')\n", "monkeypatch.{}('/')", "chdir", "True"),
    "arguments": (
        "import sys\nKEPT = sys.argv[-1] == 'patched'\n",
        "import sys; monkeypatch.setattr(sys, '{}', ['patched'])",
        "argv",
        "False",
    ),
    "a function of a library": (
        "import time\nKEPT = time.time() == 0\n",
        "import time; monkeypatch.setattr(time, '{}', int)",
        "time",
        "False",
    ),
    "a module in the place of one that is not installed": (
        "try:\n    import not_there\nexcept ImportError:\n    not_there = None\nKEPT = not_there\n",
        "import sys; monkeypatch.setitem(sys.modules, 'not_{}', 1)",
        "there",
        "None",
    ),
}
HARMLESS = {"chdir": "syspath_prepend", "argv": "api_version", "time": "altzone", "there": "here"}


@pytest.fixture
def pair(project: Project) -> Project:
    """A project with settings."""
    project.write("config.py", "MODE = 1\nNAME = 1\n")
    return project


@pytest.mark.parametrize("patch", PATCHES)
def test_what_was_patched_is_an_input(pair: Project, patch: str) -> None:
    """Also of a test that runs no code of whoever patched it: it runs when that begins, and when it ends."""
    app, does, what, plain = PATCHES[patch]
    harmless = does.format(HARMLESS.get(what, "NAME"))
    pair.write("app.py", app)
    pair.write("test_a.py", FIRST.format(harmless))
    pair.write("test_b.py", NEXT.format(plain))
    first = pair.run()
    assert first.exit == 0, first.text
    assert pair.run().executed == set()
    pair.edit("test_a.py", harmless, does.format(what))
    assert pair.run().outcomes["test_b.py::test_next"] == "failed"
    pair.write("test_b.py", NEXT.format(f"{plain} or True"))
    assert pair.run("--cached=refresh").exit == 0
    pair.edit("test_a.py", "assert 1", "assert 2")
    assert pair.run().executed == {"test_a.py::test_first"}
    pair.edit("test_a.py", "import app", "pass")
    assert "test_b.py::test_next" in pair.run().executed


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_test_that_comes_or_goes(pair: Project, change: str) -> None:
    """With it comes or goes what it had patched."""
    app, does, what, plain = PATCHES["a variable of the environment"]
    pair.write("app.py", app)
    first, behind = FIRST.format(does.format(what)), NEXT.format(plain if change == "added" else "'patched'")
    pair.write("test_a.py", first if change == "removed" else "")
    pair.write("test_b.py", behind)
    assert pair.run().exit == 0
    assert pair.run().executed == set()
    pair.write("test_a.py", first if change == "added" else "")
    assert pair.run().outcomes["test_b.py::test_next"] == "failed"


def test_in_a_worker(pair: Project) -> None:
    """Where another worker runs the next one, the next run of both finds out."""
    app, does, what, plain = PATCHES["a variable of the environment"]
    pair.write("app.py", app)
    pair.write("test_a.py", FIRST.format(does.format("OTHER")) + NEXT.format(plain))
    assert pair.run(*TWO_WORKERS, "--dist=loadfile").exit == 0
    assert pair.run().executed == set()
    pair.edit("test_a.py", "APP_OTHER", f"APP_{what}")
    pair.run(*TWO_WORKERS, "--dist=loadfile")
    assert pair.run().outcomes["test_a.py::test_next"] == "failed"


def test_what_a_fixture_of_its_own_sets_is_known_anyway(pair: Project) -> None:
    """Who uses the fixture that sets a variable does not rest on whoever was the first to import under it."""
    pair.write("app.py", PATCHES["a variable of the environment"][0])
    pair.write(
        "conftest.py",
        "import pytest\n@pytest.fixture(scope='session', autouse=True)\n"
        "def mode():\n    with pytest.MonkeyPatch.context() as patch:\n"
        "        patch.setenv('APP_MODE', 'x')\n        yield\n",
    )
    pair.write("test_a.py", "def test_first():\n    import app\n    assert app\n")
    pair.write("test_b.py", NEXT.format("'x'"))
    assert pair.run().exit == 0
    pair.write("test_a.py", "")
    assert pair.run().executed == set()


ANY_NAME = """
import pytest
from pathlib import Path

@pytest.fixture
def late(monkeypatch):
    monkeypatch.syspath_prepend("elsewhere")
    import late

def test_first(late): pass
@pytest.mark.testcache(never=True)
def test_second(late): pass

def test_page():
    page = Path("page.html").resolve()
    found = {}
    exec(compile(page.read_text(), str(page), "exec"), found)
    assert found["title"]() == "a"
"""


def test_who_may_reach_any_name_does_not_rest_on_a_module_that_it_never_imports(pair: Project) -> None:
    """A second test is the first to import it when the first one is replayed: that is news to none but its readers."""
    pair.write("elsewhere/late.py", "import colorsys\n")
    pair.write("page.html", "def title(): return 'a'\n")
    pair.write("test_it.py", ANY_NAME)
    assert pair.run().exit == 0
    for _ in range(3):
        assert pair.run().executed == {"test_it.py::test_second"}
    pair.edit("page.html", "'a'", "'b'")
    assert pair.run().outcomes["test_it.py::test_page"] == "failed"
