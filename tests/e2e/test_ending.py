"""The end of a run finds the garbage that tests have left, leaves the collector as it was, and ends at once."""

from __future__ import annotations

from harness import Project

GARBAGE = """
class Loud:
    def __init__(self): self.me = self
    def __del__(self): raise ValueError("from a finaliser")
def test_it(): Loud()
"""
AT_EXIT = "import atexit, gc\natexit.register(lambda: print('frozen:', gc.get_freeze_count(), gc.isenabled()))\n"


def test_an_exception_in_the_finaliser_of_garbage_is_told_of(project: Project) -> None:
    """As it is without a cache."""
    project.write("test_a.py", GARBAGE)
    assert "from a finaliser" in project.run().text


def test_nothing_is_frozen_when_the_run_is_over(project: Project) -> None:
    """Neither where tests ran, nor where nothing did, nor where some did."""
    project.write("conftest.py", AT_EXIT)
    project.write("test_a.py", "def test_it(): pass\n")
    for _ in range(2):
        assert "frozen: 0 True" in project.run().text
    project.edit("test_a.py", "pass", "assert 1")
    assert "frozen: 0 True" in project.run().text


AT_THE_VERY_END = (
    "import atexit, gc, sys\natexit.register(lambda: print('spared:', gc.get_freeze_count() > 0, file=sys.stderr))\n"
)


def test_the_interpreter_does_not_look_for_garbage_as_it_ends(project: Project) -> None:
    """In no process of the run: all is told and stored, and it is a fifth of the seconds of a run with few misses."""
    project.write("first.py", AT_THE_VERY_END)
    project.write("test_a.py", "def test_it(): pass\n")
    plugins = ("xdist.plugin", "first")  # its handlers come after all others
    for arguments, processes in (("-n2", "--cached=refresh"), 2), ((), 1), (("-p", "no:xdist"), 1):
        text = project.run(*arguments, plugins=plugins).text
        assert text.count("spared: True") == processes, text
        assert "spared: False" not in text


def test_who_calls_pytest_and_goes_on_is_left_as_it_was(project: Project) -> None:
    """Its interpreter is not ours to end."""
    project.write("first.py", AT_THE_VERY_END)
    project.write("test_a.py", "def test_it(): pass\n")
    project.write("script.py", "import first, pytest\npytest.main(['--cached', '-p', 'testcache.plugin'])\n")
    done = project.python("script.py")
    assert "1 run" in done.stdout
    assert "spared: False" in done.stderr
