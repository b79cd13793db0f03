"""What a run makes itself is no input: its names are others each time, and its content follows from code."""

from __future__ import annotations

from textwrap import dedent

import pytest
from harness import Project

CASES = {
    "a temporary file of a module's fixture": """
        import os, tempfile
        import pytest

        @pytest.fixture(scope="module")
        def path():
            with tempfile.NamedTemporaryFile(mode="w+") as file:
                file.write("x")
                file.flush()
                yield file.name

        def test_it(path):
            assert os.stat(path).st_size == 1 and open(path).read() == "x"
        """,
    "a file that a session's fixture writes": """
        from pathlib import Path
        import pytest

        @pytest.fixture(scope="session")
        def path():
            made = Path("made.txt")
            made.write_text("x")
            yield made
            made.unlink()

        def test_it(path):
            assert path.read_text() == "x"
        """,
    "a module that a test writes and looks for": """
        from importlib.util import find_spec

        def test_it(tmp_path, monkeypatch):
            (tmp_path / "made.py").write_text("raise ImportError")
            monkeypatch.syspath_prepend(tmp_path)
            assert find_spec("made") is not None
        """,
    "a namespace package that a test writes": """
        import sys

        def test_it(tmp_path, monkeypatch):
            for part in "one", "two":
                (tmp_path / part / "space").mkdir(parents=True)
                (tmp_path / part / "space" / f"{part}.py").write_text("x = 1")
                monkeypatch.syspath_prepend(tmp_path / part)
            import space.one
            import space.two
            assert space.one.x == space.two.x
        """,
    "a module that a test writes and imports": """
        import importlib, sys, tempfile
        from pathlib import Path

        def test_it(tmp_path, monkeypatch):
            (tmp_path / "made_here.py").write_text("def f(): return 1")
            monkeypatch.syspath_prepend(tmp_path)
            made = importlib.import_module("made_here")
            made.environment = [1]
            assert made.f() == 1

        def test_another(monkeypatch):
            folder = Path(tempfile.mkdtemp())
            (folder / "made_there").mkdir()
            (folder / "made_there" / "__init__.py").write_text("from made_there.test_part import *")
            (folder / "made_there" / "test_part.py").write_text("VALUE = 2")
            monkeypatch.syspath_prepend(folder)
            assert importlib.import_module("made_there").VALUE == 2

        def test_who_mentions_the_names():
            environment = "VALUE"
            assert environment
        """,
    "the empty path, which is nowhere": """
        import os

        def test_it():
            assert not os.path.exists("")
        """,
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES.keys())
def test_a_second_run_executes_nothing(project: Project, code: str) -> None:
    """A test that reads what its own run made is replayed."""
    project.write("test_made.py", dedent(code))
    first = project.run()
    assert "test_made.py::test_it" in first.executed
    assert set(first.outcomes.values()) == {"passed"}
    assert project.run().executed == set()


ATOMIC = """
import os, tempfile

def test_writes():
    handle, name = tempfile.mkstemp(dir=".")
    os.write(handle, b"1")
    os.close(handle)
    os.replace(name, "settings.txt")

def test_reads():
    assert open("settings.txt").read()
"""


def test_a_file_that_another_test_put_in_place_counts(project: Project) -> None:
    """A temporary file that is renamed to a lasting name is an input of whoever else reads it there."""
    project.write("settings.txt", "0")
    project.write("test_it.py", ATOMIC)
    assert project.run().exit == 0
    project.run()
    project.write("settings.txt", "")
    run = project.run("-k", "reads")
    assert run.executed == {"test_it.py::test_reads"}
    assert run.exit == 1


def test_an_archive_of_modules_that_a_test_writes(project: Project) -> None:
    """Its name is another one each time."""
    project.write(
        "test_made.py",
        dedent("""
            import importlib, os, tempfile, zipfile

            def test_it(monkeypatch):
                descriptor, archive = tempfile.mkstemp(suffix=".zip")
                os.close(descriptor)
                with zipfile.ZipFile(archive, "w") as file:
                    file.writestr("made_here.py", "def value(): return 1")
                monkeypatch.syspath_prepend(archive)
                assert importlib.import_module("made_here").value() == 1
                os.remove(archive)
            """),
    )
    project.run()
    assert not project.run().executed


def test_a_module_of_the_project_hides_one_that_a_test_writes(project: Project) -> None:
    """Which of two modules is imported depends on whether the other one is there."""
    project.write(
        "test_made.py",
        dedent("""
            import importlib, sys

            def test_it(tmp_path, monkeypatch):
                (tmp_path / "made_here.py").write_text("VALUE = 1")
                monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
                assert importlib.import_module("made_here").VALUE == 1
            """),
    )
    project.run()
    assert not project.run().executed
    project.write("made_here.py", "VALUE = 2\n")
    assert project.run().outcomes == {"test_made.py::test_it": "failed"}


def test_a_module_that_a_test_writes_may_be_after_any_name(project: Project) -> None:
    """What its code looks up is not read: a changed constant counts."""
    project.write("shop.py", "RATE = 1\nOTHER = 1\n")
    project.write(
        "test_made.py",
        dedent("""
            import importlib
            import shop

            def test_it(tmp_path, monkeypatch):
                (tmp_path / "made_here.py").write_text("import shop\\ndef rate(): return getattr(shop, 'RA' + 'TE')")
                monkeypatch.syspath_prepend(tmp_path)
                assert importlib.import_module("made_here").rate() == 1
            """),
    )
    project.run()
    project.edit("shop.py", "RATE = 1", "RATE = 2")
    assert project.run().outcomes == {"test_made.py::test_it": "failed"}


def test_a_module_of_the_project_hides_one_that_a_test_looks_for(project: Project) -> None:
    """Where it would be found without the test's own folder counts."""
    project.write(
        "test_it.py",
        """
import importlib.util
def test_it(tmp_path, monkeypatch):
    (tmp_path / "made.py").write_text("")
    monkeypatch.setattr("sys.path", [*__import__("sys").path, str(tmp_path)])
    assert importlib.util.find_spec("made").origin == str(tmp_path / "made.py")
""",
    )
    project.run()
    assert project.run().executed == set()
    project.write("made.py", "")
    assert project.run().exit == 1


NOWHERE = """
import os, pytest
from pathlib import Path

def test_opens():
    with pytest.raises(OSError):
        open("nowhere/a.txt", "w")

def test_appends():
    with pytest.raises(OSError):
        Path("nowhere/sub/b.txt").open("ab")

def test_makes():
    with pytest.raises(OSError):
        os.mkdir(b"nowhere/c")

def test_writes_elsewhere(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "e.txt").write_text("x")
"""


def test_that_there_is_no_folder_to_write_to_counts(project: Project) -> None:
    """What cannot be written because its folder is missing can be as soon as somebody makes the folder."""
    project.write("test_it.py", NOWHERE)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("nowhere/sub/kept.txt", "")
    run = project.run()
    assert run.executed == {f"test_it.py::test_{name}" for name in ("opens", "appends", "makes")}
    assert run.exit == 1
