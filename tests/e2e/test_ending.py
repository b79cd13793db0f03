"""The end of a run finds the garbage that tests have left, and leaves the collector as it was."""

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
