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
    assert project.run().executed == {"test_made.py::test_it"}
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
