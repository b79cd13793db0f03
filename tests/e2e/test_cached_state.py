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
from states_objects import OBJECTS
from states_split import SPLIT
from states_unseen import ELSEWHERE, HANDED_ON, UNSEEN
from states_usual import USUAL
from states_ways import WAYS

FILLED = USUAL | CONTAINERS | OBJECTS | FLOWS | LIVES | WAYS | CHANGES | SPLIT | HANDED_ON


@dataclass(frozen=True)
class Ran:
    """The tests of a case that ran, without parameters: at first, and after its edit."""

    first: set[str]
    edited: set[str]


def names(run: Run) -> set[str]:
    assert set(run.outcomes.values()) == {"passed"}, run.text
    return {node.partition("::")[2].partition("[")[0] for node in run.executed}


def play(case: Case, folder: Path) -> Ran:
    """Each case has a project of its own: names that several cases use would tie them together."""
    project = Project(folder / "project")
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("m_case.py", textwrap.dedent(case.module))
    project.write("test_case.py", "import m_case as m\n" + textwrap.dedent(case.tests))
    first = names(project.run())
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


@pytest.mark.parametrize("case", UNSEEN)
@pytest.mark.xfail(reason="what was stored on an object counts as gone when the object is", strict=True)
def test_who_gets_what_was_handed_on_rests_on_it(case: str, tmp_path: Path) -> None:
    """A known hole: contents and copies that outlive the object on which they were stored."""
    ran = play(UNSEEN[case], tmp_path)
    assert ran.edited >= readers(ran)


@pytest.mark.parametrize("case", ELSEWHERE)
@pytest.mark.xfail(reason="neither an attribute that is given its value nor another file's state is seen", strict=True)
def test_who_finds_what_was_filled_from_elsewhere_rests_on_it(case: str, tmp_path: Path) -> None:
    """A known hole: an object that is given what it stores, or that another file fills when there is nothing."""
    ran = play(ELSEWHERE[case], tmp_path)
    assert ran.edited >= readers(ran)
