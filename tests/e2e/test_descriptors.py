"""Files that are not given by a path of their own: in a folder given by its descriptor, or in an archive."""

from __future__ import annotations

import zipfile

import pytest
from harness import Project

TESTS = """
import importlib, importlib.resources, os, shutil, tempfile, zipimport
from contextlib import contextmanager
from pathlib import Path

@contextmanager
def folder(path):
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)

def test_read():
    with folder("data") as data:
        file = os.open("one.txt", os.O_RDONLY, dir_fd=data)
        assert os.read(file, 9) == b"text"
        os.close(file)

def test_stat():
    with folder("data") as data:
        assert os.stat("one.txt", dir_fd=data).st_size == 4

def test_access():
    with folder("data") as data:
        assert not os.access("two.txt", os.F_OK, dir_fd=data)

def test_list():
    with folder("data") as data:
        assert os.listdir(data) == ["one.txt"]

def test_scan():
    with folder("data") as data, os.scandir(data) as found:
        assert [entry.name for entry in found] == ["one.txt"]

def test_walk():
    assert [files for _, _, files, _ in os.fwalk("data")] == [["one.txt"]]

def test_same_name_as_something_removed():
    made = Path(tempfile.mkdtemp())
    (made / "one.txt").write_text("another")
    shutil.rmtree(made)
    assert Path("one.txt").read_text() == "text"

def test_module_in_archive(monkeypatch):
    monkeypatch.syspath_prepend("lib.zip")
    assert importlib.import_module("zipped").f() == "text"

def test_same_module_again():
    assert importlib.import_module("zipped").f() == "text"

def test_resource_in_archive(monkeypatch):
    monkeypatch.syspath_prepend("lib.zip")
    assert (importlib.resources.files("zipped_package") / "data.txt").read_text() == "text"

def test_data_in_archive():
    assert zipimport.zipimporter("data.zip").get_data("zipped_package/data.txt") == b"text"

def test_far():
    assert os.stat in os.supports_follow_symlinks
    assert {os.stat, os.open, os.access} <= os.supports_dir_fd
"""


def archive(project: Project, text: str) -> None:
    for name in ("lib.zip", "data.zip"):
        with zipfile.ZipFile(project.path / name, "w") as made:
            made.writestr("zipped.py", f"def f(): return {text!r}\n")
            made.writestr("zipped_package/__init__.py", "")
            made.writestr("zipped_package/data.txt", text)


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_it.py", TESTS)
    project.write("data/one.txt", "text")
    project.write("one.txt", "text")
    archive(project, "text")
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert not project.run().executed
    return project


def failed(project: Project) -> set[str]:
    outcomes = project.run().outcomes
    return {test.rpartition("::test_")[2] for test, outcome in outcomes.items() if outcome == "failed"}


def test_what_is_in_a_folder_given_by_its_descriptor_counts(recorded: Project) -> None:
    """Contents, sizes and names."""
    recorded.write("data/one.txt", "other text")
    assert failed(recorded) == {"read", "stat"}
    recorded.write("data/one.txt", "text")
    recorded.write("data/two.txt", "more")
    assert failed(recorded) == {"access", "list", "scan", "walk"}


def test_a_file_removed_in_another_folder_leaves_that_of_the_same_name_an_input(recorded: Project) -> None:
    """`shutil.rmtree` names what it removes by folder and name."""
    recorded.write("one.txt", "other")
    assert failed(recorded) == {"same_name_as_something_removed"}


def test_what_is_in_an_archive_counts(recorded: Project) -> None:
    """Modules that are imported from it, by the first test or a later one, and resources."""
    archive(recorded, "other")
    assert failed(recorded) == {"module_in_archive", "same_module_again", "resource_in_archive", "data_in_archive"}
