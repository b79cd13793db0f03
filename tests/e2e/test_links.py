"""Symbolic links: who asks about the link itself rests on what it is and where it points."""

from __future__ import annotations

import pytest
from harness import Project

TESTS = """
import os
from pathlib import Path

def test_resolves(): assert Path("link.txt").resolve().name == "one.txt"
def test_measures(): assert os.lstat("link.txt").st_size == len("one.txt")
def test_asks(): assert os.path.islink("link.txt") and os.path.islink("dangling")
def test_plain(): assert not os.path.islink("plain.txt") and not Path("plain.txt").is_symlink()
def test_real(): assert os.path.realpath("plain.txt") == os.path.abspath("plain.txt")
def test_missing(): assert not os.path.lexists("missing")
"""
ALL = {"resolves", "measures", "asks", "plain", "real", "missing"}


@pytest.fixture
def linked(project: Project) -> Project:
    """Files, a link to one of them, and one to nowhere; everything recorded."""
    for name in ("one.txt", "two.txt", "plain.txt"):
        project.write(name, "text\n")
    (project.path / "link.txt").symlink_to("one.txt")
    (project.path / "dangling").symlink_to("nowhere")
    project.write("test_links.py", TESTS)
    assert names(project.run().executed) == ALL
    return project


def names(tests: set[str]) -> set[str]:
    return {test.rpartition("test_")[2] for test in tests}


def failed(project: Project) -> set[str]:
    return names({test for test, outcome in project.run().outcomes.items() if outcome == "failed"})


def test_unchanged_links_run_nothing(linked: Project) -> None:
    """A link that is what it was makes no test run, nor does one that points to nothing."""
    assert linked.run().executed == set()


def test_a_link_that_points_elsewhere_runs_who_asked(linked: Project) -> None:
    """Where a link points counts for those who looked at the link."""
    (linked.path / "link.txt").unlink()
    (linked.path / "link.txt").symlink_to("two.txt")
    assert failed(linked) == {"resolves"}


def test_a_file_that_became_a_link_runs_who_asked(linked: Project) -> None:
    """A file replaced by a link to the same bytes is another one for those who asked whether it is a link."""
    (linked.path / "plain.txt").unlink()
    (linked.path / "plain.txt").symlink_to("two.txt")
    assert failed(linked) == {"plain", "real"}


def test_a_link_to_nowhere_that_appears_runs_who_asked(linked: Project) -> None:
    """A path that has become a link to nowhere is there for those who asked about the link."""
    assert linked.run().executed == set()
    (linked.path / "missing").symlink_to("nowhere")
    assert failed(linked) == {"missing"}
