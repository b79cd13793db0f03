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


THROUGH_LINKS = """
import importlib, os, shutil, subprocess, sys
from pathlib import Path

HERE = Path(__file__).parent

def test_file(tmp_path):
    (tmp_path / "link.txt").symlink_to(HERE / "data" / "one.txt")
    assert (tmp_path / "link.txt").read_text() == "text"

def test_size(tmp_path):
    (tmp_path / "link.txt").symlink_to(HERE / "data" / "one.txt")
    assert (tmp_path / "link.txt").stat().st_size == 4

def test_folder(tmp_path):
    (tmp_path / "linked").symlink_to(HERE / "data")
    assert (tmp_path / "linked" / "one.txt").read_text() == "text"

def test_listing(tmp_path):
    (tmp_path / "linked").symlink_to(HERE / "data")
    assert os.listdir(tmp_path / "linked") == ["one.txt"]

def test_link_to_a_link(tmp_path):
    (tmp_path / "link.txt").symlink_to(HERE / "current")
    assert (tmp_path / "link.txt").read_text() == "text"

def test_hard_link(tmp_path):
    os.link(HERE / "data" / "one.txt", tmp_path / "hard.txt")
    assert (tmp_path / "hard.txt").read_text() == "text"

def test_copy(tmp_path):
    shutil.copytree(HERE / "data", tmp_path / "copy")
    assert (tmp_path / "copy" / "one.txt").read_text() == "text"

def test_moved_there_and_back(tmp_path):
    os.rename(HERE / "moved.txt", tmp_path / "moved.txt")
    assert (tmp_path / "moved.txt").read_text() == "text"
    os.rename(tmp_path / "moved.txt", HERE / "moved.txt")

def test_module(tmp_path, monkeypatch):
    (tmp_path / "linked_code.py").symlink_to(HERE / "code" / "mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("linked_code").VALUE == "text"

def test_module_of_a_linked_folder(tmp_path, monkeypatch):
    (tmp_path / "linked").symlink_to(HERE / "code")
    monkeypatch.syspath_prepend(tmp_path / "linked")
    assert importlib.import_module("mine").VALUE == "text"

def test_script(tmp_path):
    (tmp_path / "run.py").symlink_to(HERE / "code" / "script.py")
    assert subprocess.check_output([sys.executable, tmp_path / "run.py"], text=True) == "text"
"""


def test_what_lies_behind_a_link_in_a_temporary_folder_is_read(project: Project) -> None:
    """A name in a folder of the run, symbolic or hard, may be that of a file of the project."""
    project.write("test_through.py", THROUGH_LINKS)
    for name in ("data/one.txt", "moved.txt"):
        project.write(name, "text")
    project.write("code/mine.py", "VALUE = 'text'\n")
    project.write("code/script.py", "print('text', end='')\n")
    (project.path / "current").symlink_to("kept.txt")
    project.write("kept.txt", "text")
    project.write("others.txt", "others")
    every = names(project.run().executed)
    assert len(every) == 11
    (project.path / "current").unlink()
    (project.path / "current").symlink_to("others.txt")
    assert failed(project) == {"link_to_a_link"}
    (project.path / "current").unlink()
    (project.path / "current").symlink_to("kept.txt")
    project.write("data/two.txt", "more")
    assert failed(project) == {"listing"}
    for name in ("data/one.txt", "moved.txt", "kept.txt"):
        project.write(name, "other")
    project.edit("code/mine.py", "text", "other")
    project.edit("code/script.py", "text", "other")
    assert failed(project) == every
