"""@pytest.mark.testcache: what a test declares counts, and a mistake in it is told, not ignored."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

TESTS = """
import pytest

@pytest.mark.testcache(inputs=["data.bin", "more/*.txt"])
def test_inputs(): pass

@pytest.mark.testcache(env=["REGION"])
def test_env(): pass

@pytest.mark.testcache(never=True)
def test_never(): pass

@pytest.mark.testcache(max_age="1d")
def test_a_day(): pass

@pytest.mark.testcache(max_age=0.01)
def test_a_moment(): pass

def test_plain(): pass

@pytest.mark.testcache(env=["STAGE"])
class TestBoth:
    @pytest.mark.testcache(inputs=["data.bin"])
    def test_both(self): pass
"""
INPUTS, ENV, NEVER, DAY, MOMENT, PLAIN, BOTH = (
    f"test_it.py::{name}"
    for name in (
        "test_inputs", "test_env", "test_never", "test_a_day", "test_a_moment", "test_plain",
        "TestBoth::test_both",
    )
)  # fmt: skip
ALWAYS = {NEVER, MOMENT}


@pytest.fixture
def marked(project: Project) -> Project:
    """A project with each declaration, recorded once."""
    project.write("test_it.py", TESTS)
    project.write("data.bin", "1")
    project.write("more/one.txt", "1")
    assert project.run().exit == 0
    return project


def test_what_is_declared_counts(marked: Project) -> None:
    """Declared files, globs and variables run their tests when they change, appear or go."""
    assert marked.run(*TWO_WORKERS).executed == ALWAYS
    marked.write("data.bin", "2")
    assert marked.run().executed == ALWAYS | {INPUTS, BOTH}
    marked.write("more/two.txt", "2")
    assert marked.run().executed == ALWAYS | {INPUTS}
    (marked.path / "more" / "two.txt").unlink()
    assert marked.run().executed == ALWAYS
    assert marked.run(env={"REGION": "eu"}).executed == ALWAYS | {ENV}
    assert marked.run(env={"STAGE": ""}).executed == ALWAYS | {BOTH}
    assert marked.run(env={"OTHER": "1"}).executed == ALWAYS


def test_a_file_that_appears_below_a_glob_counts(project: Project) -> None:
    """A new match counts in folders that held no match, and in folders that are new."""
    mark = "@pytest.mark.testcache(inputs=['data/**/*.db', 'other/*/x.txt'])"
    project.write("test_it.py", f"import pytest\n{mark}\ndef test_one(): pass\n")
    for folder in ("data/deep/deeper", "other/one"):
        project.write(f"{folder}/unrelated.txt", "")
    project.run()
    assert project.run().executed == set()
    for appearing in ("data/deep/deeper/new.db", "data/fresh/new.db", "other/one/x.txt", "other/two/x.txt"):
        project.write(appearing, "1")
        assert project.run().executed == {"test_it.py::test_one"}, appearing
    assert project.run().executed == set()


def test_the_reasons_of_what_always_runs_are_told(marked: Project) -> None:
    """never=True is uncacheable, a result older than max_age has expired."""
    text = marked.run("-v").text
    assert f"testcache: {MOMENT}: miss: its recorded result is older than its declared max_age [expired]" in text
    assert f"testcache: {NEVER}: not stored: it is marked or set never to be cached [marked-never]" in text
    assert "@pytest.mark.testcache(never=True)" in text


def test_settings_declare_the_same(project: Project) -> None:
    """`env`, `inputs` and `never` of the settings count like marks."""
    project.write("test_it.py", "def test_one(): pass\ndef test_two(): pass\n")
    inputs = 'inputs = [{ files = ["*.bin"], for = ["test_it.py"] }]\n'
    project.write(".testcache.toml", 'env = ["REGION"]\nnever = ["test_it.py::test_two"]\n' + inputs)
    project.run()
    assert project.run().executed == {"test_it.py::test_two"}
    assert len(project.run(env={"REGION": "eu"}).executed) == 2
    assert project.run().executed == {"test_it.py::test_two"}
    project.write("data.bin", "1")
    assert len(project.run().executed) == 2


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("input=['a']", "input"),
        ("'data.bin'", "keywords"),
        ("inputs='data.bin'", "inputs"),
        ("env=[1]", "env"),
        ("env=None", "env"),
        ("max_age='soon'", "max_age"),
        ("max_age=0", "max_age"),
        ("never='yes'", "never"),
    ],
)
def test_a_typo_is_a_usage_error(project: Project, mark: str, said: str) -> None:
    """A declaration that is not understood stops the run before any test, and names the test."""
    project.write("test_it.py", f"import pytest\n@pytest.mark.testcache({mark})\ndef test_one(): pass\n")
    run = project.run(*TWO_WORKERS)
    assert (run.exit, run.executed) == (4, set()), run.text
    (line,) = [line for line in run.text.splitlines() if "[marker]" in line]
    assert "test_it.py::test_one" in line
    assert said in line
    assert "Traceback" not in run.text


def test_the_mark_is_registered(project: Project) -> None:
    """With --strict-markers a project may use the mark, with the cache and without it."""
    project.write("test_it.py", "import pytest\n@pytest.mark.testcache(never=True)\ndef test_one(): pass\n")
    assert project.run("--strict-markers").exit == 0
    assert project.run("--strict-markers", "--cached=off").exit == 0
    assert "testcache(" in project.run("--markers").text
