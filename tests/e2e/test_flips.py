"""One edit, after which a test ends otherwise: what it has asked for, and by which way, does not matter."""

from __future__ import annotations

import pytest
from flips import FLIPS, RUNS, Flip
from harness import TWO_WORKERS, Project


def test_usual_programs_are_no_reason_to_run(project: Project) -> None:
    """They read what is piped to them and the files that they are told of; what a test writes is its own."""
    project.write("data.txt", "a\n")
    project.write(
        "test_it.py",
        f"{RUNS}"
        "def test_echo(): assert run(['echo', 'a']).stdout == b'a\\n'\n"
        "def test_pipe(): assert run(['tr', 'a', 'b'], input=b'a').stdout == b'b'\n"
        "def test_file(): assert run(['cat', HERE + '/data.txt']).stdout == b'a\\n'\n"
        "def test_tee(tmp_path): run(['tee', str(tmp_path / 'x')], input=b'a'); assert (tmp_path / 'x').exists()\n",
    )
    assert project.run().exit == 0
    project.write("test_list.py", f"{RUNS}def test_list(): run(['wc', '--files0-from=data.txt'], cwd=HERE)\n")
    assert project.run().exit == 0
    again = project.run()
    assert (again.exit, again.executed) == (0, {"test_list.py::test_list"})  # which files these are is in a file


@pytest.mark.parametrize("flip", FLIPS.values(), ids=FLIPS.keys())
def test_it_runs(project: Project, flip: Flip) -> None:
    """And says what it says without us."""
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_it.py", flip.test)
    for path, text in flip.files.items():
        project.write(path, text)
    flip.before(project)
    for _ in range(3):
        last = project.run(*flip.options, env=flip.env)
        assert last.exit == 0
    assert last.executed == set()
    flip.edit(project)
    later = flip.options if flip.later is None else flip.later
    options = (*later, *(("--rootdir=..", "..") if flip.cwd != "." else ()))
    run = project.run(*options, env=flip.env if flip.then is None else flip.then, cwd=flip.cwd)
    assert run.exit == 1
    assert {"passed"} >= {how for node, how in run.outcomes.items() if node.startswith("test_0")}


def test_a_variable_that_nobody_has_a_word_for(project: Project) -> None:
    """A build has another number each time: whoever copies the environment does not mind."""
    copies = ("dict(os.environ, A='1')", "{**os.environ, 'A': '1'}", "os.environ.copy()")
    tests = (
        f"def test_{at}(): subprocess.run([sys.executable, '-c', ''], env={copy})\n" for at, copy in enumerate(copies)
    )
    project.write("test_it.py", "import os, subprocess, sys\n" + "".join(tests))
    project.run(env={"BUILD": "1"})
    assert project.run(env={"BUILD": "2"}).executed == set()


LINES = {
    "frame": "sys._getframe().f_lineno == 5",
    "code": "shop.f.__code__.co_firstlineno == 1",
    "record": "[log.error('x'), caplog.records[0].lineno][1] == 5",
}


@pytest.mark.parametrize("asks", LINES.values(), ids=LINES.keys())
def test_lines_count_for_who_asks_for_them(project: Project, asks: str) -> None:
    """A comment moves what stands below it."""
    project.write("shop.py", "def f(): return 1\n")
    test = f"import logging, sys\nimport shop\nlog = logging.getLogger()\ndef test_it(caplog):\n    assert {asks}\n"
    project.write("test_it.py", test + "def test_other(): assert shop.f()\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    for path in ("shop.py", "test_it.py"):
        project.write(path, "# a comment\n" + (project.path / path).read_text())
    run = project.run()
    assert (run.exit, run.executed) == (1, {"test_it.py::test_it"})


ACTS = {
    "the file itself": ("test_0.py", "import shop\nshop.rate = 5\ndef test_0(): pass\n"),
    "a new file": ("test_z.py", "import shop\nshop.rate = 5\ndef test_z(): pass\n"),
    "a folder's conftest": ("sub/conftest.py", "import shop\nshop.rate = 5\n"),
}


@pytest.mark.parametrize(("path", "text"), ACTS.values(), ids=ACTS.keys())
@pytest.mark.parametrize("more", [(), TWO_WORKERS], ids=["here", "workers"])
def test_a_file_that_acts_from_now_on(project: Project, path: str, text: str, more: tuple[str, ...]) -> None:
    """Whoever was recorded without what it does when it is imported runs, if it comes upon that or not."""
    project.write("shop.py", "rate = 1\n")
    project.write("sub/test_sub.py", "def test_sub(): pass\n")
    project.write("test_0.py", "import shop\ndef test_0(): pass\n")
    project.write("test_it.py", "import shop\ndef test_it(): assert shop.rate == 1\n")
    assert project.run(*more).exit == 0
    assert project.run(*more).executed == set()
    project.write(path, text)
    for _ in range(2):
        assert project.run(*more).outcomes["test_it.py::test_it"] == "failed"
