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
