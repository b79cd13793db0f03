"""State that outlives a test: whoever reads it rests on what filled it, under whichever test; nobody else does."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Ran:
    """The tests of a case that ran, without parameters: at first, and after its edit."""

    first: set[str]
    edited: set[str]


def names(run: Run) -> set[str]:
    return {node.partition("::")[2].partition("[")[0] for node in run.executed}


def play(case: Case, folder: Path) -> Ran:
    """Each case has a project of its own: names that several cases use would tie them together."""
    project = Project(folder / "project")
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("m_case.py", textwrap.dedent(case.module))
    project.write("test_case.py", "import m_case as m\n" + textwrap.dedent(case.tests))
    cold = project.run()
    assert set(cold.outcomes.values()) == {"passed"}, cold.text
    first = names(cold)
    project.edit("m_case.py", *case.edit)
    return Ran(first, names(project.run()))


def readers(ran: Ran) -> set[str]:
    return {name for name in ran.first if name.startswith(("test_first", "test_reads"))}


@pytest.mark.parametrize("case", FILLED)
def test_who_reads_what_another_test_filled_rests_on_it(case: str, tmp_path: Path) -> None:
    """After an edit of what ran under the first test only its readers run too, and they alone."""
    ran = play(FILLED[case], tmp_path)
    assert ran.edited >= readers(ran)
    assert not {name for name in ran.edited if name.startswith("test_far")}


@pytest.mark.parametrize("case", KEPT_APART)
def test_who_cannot_read_it_does_not_rest_on_it(case: str, tmp_path: Path) -> None:
    """What runs inside a memo counts for the test under which it runs, and not for its neighbours."""
    ran = play(KEPT_APART[case], tmp_path)
    assert "test_reads_first" in ran.edited
    assert not {name for name in ran.edited if name.startswith("test_far")}


ALL_RUN_IT = {"many objects of a session fixture", "dies with its class of tests"}
SAME_AGAIN = {name: case for name, case in FILLED.items() if case.edit == Case.edit and name not in ALL_RUN_IT}


@pytest.mark.parametrize("case", SAME_AGAIN)
def test_who_finds_the_same_again_is_replayed(case: str, tmp_path: Path) -> None:
    """An edit after which the first test leaves what it left before runs only who ran the edited code."""
    found = replace(SAME_AGAIN[case], edit=("return 1", "return 2 - 1"))
    ran = play(found, tmp_path)
    assert any("test_first" in name for name in ran.edited)
    assert len(ran.edited) < len(ran.first)
