"""A test that puts back what another one has left, and tests that are run where replayed ones have left nothing."""

from __future__ import annotations

import pytest
from harness import Project

A, B, C = "test_a.py::test_a", "test_b.py::test_b", "test_c.py::test_c"
STATES = {
    "a setting": ("MODE = 0", "m.MODE = 1", "m.MODE = 0", "m.MODE == 0"),
    "a list": ("SEEN = []", "m.SEEN.append(1)", "m.SEEN.clear()", "not m.SEEN"),
    "a table": ("SEEN = {}", "m.SEEN['a'] = 1", "m.SEEN.clear()", "not m.SEEN"),
    "a variable of the environment": (
        "import os",
        "m.os.environ['APP_X'] = '1'",
        "del m.os.environ['APP_X']",
        "'APP_X' not in m.os.environ",
    ),
    "the folder": (
        "import os\nHERE = os.getcwd()",
        "m.os.chdir('sub')",
        "m.os.chdir(m.HERE)",
        "m.os.path.exists('sub')",
    ),
}
TEST = "import m\ndef test_{}():\n    {}\n    assert True\n"


@pytest.fixture(params=STATES)
def three(project: Project, request: pytest.FixtureRequest) -> tuple[Project, str, str]:
    """One test that leaves something, one that puts it back, and one that finds it so; what the second does."""
    module, leaves, puts_back, finds = STATES[request.param]
    project.write("m.py", module + "\n")
    project.write("sub/x", "")
    project.write("test_a.py", TEST.format("a", leaves))
    project.write("test_b.py", TEST.format("b", puts_back))
    project.write("test_c.py", TEST.format("c", f"assert {finds}"))
    assert project.run().exit == 0
    assert project.run().executed == set()
    return project, puts_back, finds


def test_who_finds_it_put_back_rests_on_that(three: tuple[Project, str, str]) -> None:
    """An edit by which it is done all the same runs nobody else; one by which it is not has the other fail."""
    project, puts_back, _ = three
    project.edit("test_b.py", "assert True", "assert 1")
    assert C not in project.run().executed
    project.edit("test_b.py", puts_back, "pass")
    assert project.run().outcomes[C] == "failed"


def test_a_test_that_is_gone_puts_nothing_back(three: tuple[Project, str, str]) -> None:
    """The one that it had put something back for runs behind the one that leaves it."""
    project, _, _ = three
    (project.path / "test_b.py").unlink()
    run = project.run()
    assert run.outcomes == {A: "passed", C: "failed"}, run.text


def test_a_new_test_puts_something_back(three: tuple[Project, str, str]) -> None:
    """Who had found it finds it no more, though the one that leaves it would be replayed."""
    project, puts_back, finds = three
    project.write("test_b.py", TEST.format("b", "assert m"))
    project.edit("test_c.py", finds, f"not ({finds})")
    assert project.run("--cached=refresh").exit == 0
    assert project.run().executed == set()
    project.edit("test_b.py", "assert m", puts_back)
    assert project.run().outcomes[C] == "failed"


@pytest.mark.parametrize("new", [True, False], ids=["new", "edited"])
@pytest.mark.parametrize("state", ["a setting", "a list", "a table"])
def test_who_says_that_nothing_is_there(project: Project, state: str, *, new: bool) -> None:
    """It runs behind the replayed test that would have left it something, and fails as in a full run."""
    module, leaves, _, finds = STATES[state]
    project.write("m.py", module + "\n")
    project.write("test_a.py", TEST.format("a", leaves))
    if not new:
        project.write("test_b.py", TEST.format("b", f"assert not ({finds})"))
    assert project.run().exit == 0
    project.write("test_b.py", TEST.format("b", f"assert {finds}"))
    run = project.run()
    assert run.outcomes == {A: "passed", B: "failed"}, run.text


def test_who_passes_behind_it_too_is_stored_as_such(project: Project) -> None:
    """The next run replays it; if the other test leaves something else, it runs."""
    project.write("m.py", "SEEN = []\n")
    project.write("test_a.py", TEST.format("a", "m.SEEN.append(1)"))
    project.write("test_b.py", TEST.format("b", "assert len(m.SEEN) < 3"))
    assert project.run().exit == 0
    project.edit("test_b.py", "< 3", "< 2")
    assert project.run().executed == {A, B}
    assert project.run().executed == set()
    project.edit("test_a.py", "append(1)", "extend([1, 2])")
    assert project.run().outcomes[B] == "failed"


def test_who_cannot_be_run_twice_is_not(project: Project) -> None:
    """What it leaves outside of memory makes it fail the second time: that is no reason to say that it fails."""
    project.write("m.py", "SEEN = []\n")
    project.write("test_a.py", TEST.format("a", "m.SEEN.append(1)"))
    once = "import m, os\ndef test_b():\n    assert len(m.SEEN) < 9\n    os.mkdir('made')\n"
    project.write("test_b.py", "def test_b(): pass\n")
    assert project.run().exit == 0
    project.write("test_b.py", once)
    assert project.run().exit == 0
