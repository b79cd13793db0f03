"""State that outlives a test: whoever reads it rests on what filled it, under whichever test; nobody else does."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Project, Run
from states import Case
from states_apart import KEPT_APART
from states_changes import CHANGES
from states_containers import CONTAINERS
from states_flows import FLOWS
from states_lives import LIVES
from states_moves import MOVES
from states_objects import OBJECTS
from states_split import SPLIT
from states_unseen import ELSEWHERE, HANDED_ON, UNSEEN
from states_usual import USUAL
from states_ways import WAYS

FILLED = USUAL | CONTAINERS | OBJECTS | FLOWS | LIVES | WAYS | CHANGES | SPLIT | MOVES | HANDED_ON | UNSEEN | ELSEWHERE


NOT_COMPARED = {
    "many objects of a session fixture",  # each reader runs what is edited
    "dies with its class of tests",
    "a generator that is kept",  # nobody can look into it
    "an object that is kept alive only by an exception",
    "a descriptor that keeps values by object",  # by numbers that are others in each process
    "made in one test, filled in the next, read in the third",  # the first of them is replayed
    "an object that came in by two ways, one of them gone",
}
"""Cases in which the readers run although the same is left again: it cannot be known that it is."""

SAME = ("return 1", "return 2 - 1")


@dataclass(frozen=True)
class Ran:
    """The tests of a case that ran, without parameters.

    Attributes:
        first: in the run that records.
        same: after an edit that changes no value.
        edited: after the edit of the case.
    """

    first: set[str]
    same: set[str]
    edited: set[str]


def names(run: Run) -> set[str]:
    return {node.partition("::")[2].partition("[")[0] for node in run.executed}


def play(case: Case, folder: Path) -> Ran:
    """Each case has a project of its own: names that several cases use would tie them together."""
    project = Project(folder / "project")
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("m_case.py", textwrap.dedent(case.module))
    project.write("test_case.py", "import m_case as m\n" + textwrap.dedent(case.tests))
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    old, new = case.edit
    same: set[str] = set()
    if case.edit == Case.edit:
        project.edit("m_case.py", *SAME)
        old = SAME[1]
        same = names(project.run())
        assert same
    project.edit("m_case.py", old, new)
    return Ran(names(first), same, names(project.run()))


def readers(ran: Ran) -> set[str]:
    return {name for name in ran.first if "test_first" in name or "test_reads" in name}


@pytest.mark.parametrize("case", FILLED)
def test_who_reads_what_another_test_filled_rests_on_it(case: str, tmp_path: Path) -> None:
    """After an edit that changes what the first test leaves its readers run too, and they alone.

    If the first test leaves the same as before, they are replayed.
    """
    ran = play(FILLED[case], tmp_path)
    assert ran.edited >= readers(ran)
    assert not {name for name in ran.edited if "test_far" in name}
    assert case in NOT_COMPARED or not ran.same or not ran.same >= readers(ran)


@pytest.mark.parametrize("case", KEPT_APART)
def test_who_cannot_read_it_does_not_rest_on_it(case: str, tmp_path: Path) -> None:
    """What runs inside a memo counts for the test under which it runs, and not for its neighbours."""
    ran = play(KEPT_APART[case], tmp_path)
    assert "test_reads_first" in ran.edited
    assert not {name for name in ran.edited if name.startswith("test_far")}


def test_an_exception_that_is_kept_is_the_same_with_another_traceback(project: Project) -> None:
    """It has got one more each time that it is raised; what it says is the same."""
    project.write("lib.py", 'ERROR = ValueError("no")\ndef fail(): raise ERROR\ndef other(): return 1\n')
    project.write(
        "test_a.py",
        "import lib, pytest\ndef test_a():\n    with pytest.raises(ValueError): lib.fail()\n    lib.other()\n",
    )
    project.write("test_b.py", "import lib\ndef test_b(): assert str(lib.ERROR) == 'no'\n")
    project.run()
    project.edit("lib.py", "return 1", "return 2 - 1")
    assert project.run().executed == {"test_a.py::test_a"}
    project.edit("lib.py", "raise ERROR", "ERROR.args = ('yes',); raise ERROR")
    assert project.run().outcomes["test_b.py::test_b"] == "failed"


def test_who_has_made_the_loop_that_all_use(project: Project) -> None:
    """The first asynchronous test makes a loop that stays: run once more, it leaves one that is the same."""
    project.write(
        "lib.py",
        "import asyncio\nRUNNER = None\ndef run(coroutine):\n    global RUNNER\n"
        "    RUNNER = RUNNER or asyncio.Runner()\n    return RUNNER.run(coroutine)\nasync def one(): return 1\n",
    )
    test = "import lib\ndef test_it():\n    assert lib.run(lib.one()) == 1\n"
    for name in ("test_a.py", "test_b.py"):
        project.write(name, test)
    project.run()
    project.edit("test_a.py", "    assert", "    assert 1\n    assert")
    assert project.run().executed == {"test_a.py::test_it"}
    project.edit("test_a.py", "    assert 1\n", "    lib.run(lib.one())\n    lib.RUNNER.get_loop().set_debug(True)\n")
    assert project.run().executed == {"test_a.py::test_it", "test_b.py::test_it"}


def test_what_a_test_leaves_to_a_loop_is_nobodys(project: Project) -> None:
    """Callbacks that have not run are others each time; how the loop is set counts, also if it was there before."""
    project.write("lib.py", "import asyncio\nLOOP = asyncio.new_event_loop()\n")
    project.write(
        "test_a.py", "import lib\ndef test_a():\n    for _ in range(9): lib.LOOP.call_later(99, print)\n    assert 1\n"
    )
    project.write("test_b.py", "import lib\ndef test_b(): assert not lib.LOOP.get_debug()\n")
    project.run()
    project.edit("test_a.py", "assert 1", "assert 2")
    assert project.run().executed == {"test_a.py::test_a"}
    project.edit("test_a.py", "assert 2", "lib.LOOP.set_debug(True)")
    assert project.run().outcomes["test_b.py::test_b"] == "failed"
    pool = "from concurrent.futures import ThreadPoolExecutor as Pool; lib.LOOP.set_default_executor(Pool())"
    project.edit("test_a.py", "lib.LOOP.set_debug(True)", pool)
    project.write("test_b.py", "import lib\ndef test_b(): assert lib.LOOP._default_executor\n")
    assert project.run().exit == 0
    project.edit("test_a.py", pool, "assert 3")
    assert project.run().outcomes["test_b.py::test_b"] == "failed"
