"""A test that runs would put something into a table that a replayed one had put there first: so that one runs, too."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

REGISTRY = """
TABLE = {}
OTHER = {}
def register(name, value):
    TABLE.setdefault(name, value)
"""
EDITED = """
import parts, registry
def test_edited():
    class item: size = 2
    registry.register("item", item)
    assert parts.size()
"""
READERS = """
import pytest, registry
@pytest.mark.parametrize("number", range(9))
def test_reads(number):
    assert registry.TABLE["item"].size == 1
"""
FIRST = """
import registry
def test_first():
    class item: size = 1
    registry.register("item", item)
"""
READS = {f"test_c.py::test_reads[{number}]" for number in range(9)}
A, B, D = "test_a.py::test_first", "test_b.py::test_edited", "test_d.py::test_last"
SAME = ("return 1", "return 2 - 1")


@pytest.fixture
def shop(project: Project) -> Project:
    """The first test registers an item, the second finds that there is one, and others use it."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("registry.py", REGISTRY)
    project.write("parts.py", "def size(): return 1\n")
    project.write("test_a.py", FIRST)
    project.write("test_b.py", EDITED)
    project.write("test_c.py", READERS)
    assert len(project.run().executed) == 11
    return project


def test_who_was_first_runs_and_the_others_are_replayed(shop: Project) -> None:
    """Else the second would register its own item, and all others would have to run; and would fail."""
    shop.edit("parts.py", *SAME)
    run = shop.run()
    assert run.executed == {A, B}
    assert len(run.outcomes) == 11
    assert run.exit == 0
    assert shop.run().executed == set()


def test_who_was_first_for_the_first_runs(shop: Project) -> None:
    """Another key that the first test leaves as it finds it."""
    other = "    class part: size = {}\n    registry.register('part', part)\n"
    shop.write("test_0.py", f"import registry\ndef test_before():\n{other.format(7)}")
    shop.write("test_a.py", FIRST + other.format(8))
    shop.write("test_d.py", "import registry\ndef test_last(): assert registry.TABLE['part'].size == 7\n")
    shop.run()
    shop.run()
    shop.edit("parts.py", *SAME)
    run = shop.run()
    assert run.executed == {"test_0.py::test_before", A, B}
    assert run.exit == 0


def test_what_it_does_to_a_key_that_is_there_is_seen(shop: Project) -> None:
    """A test that has come to overwrite it: those that use it run, and fail as in a run of all."""
    shop.edit("test_b.py", 'registry.register("item", item)', 'registry.TABLE["item"] = item')
    run = shop.run()
    assert run.executed == {A, B, *READS}
    assert {run.outcomes[node] for node in READS} == {"failed"}


def test_what_is_remembered_is_the_same_whoever_comes_first(shop: Project) -> None:
    """A table of results: the second test works out the same, and nobody else runs."""
    shop.edit("registry.py", "TABLE = {}", "class Box: size = 1\nTABLE = {}")
    shop.edit("registry.py", "TABLE.setdefault(name, value)", "TABLE.setdefault(name, Box())")
    assert len(shop.run().executed) == 11
    shop.edit("parts.py", *SAME)
    assert shop.run().executed == {B}


def test_nobody_runs_in_vain_for_workers(shop: Project) -> None:
    """Each of them would need who was first: the readers are told by what is left in the end, as ever."""
    shop.edit("parts.py", *SAME)
    run = shop.run(*TWO_WORKERS)
    assert len(run.outcomes) == 11
    assert run.exit == 0


def test_what_a_module_had_found_is_not_changed_by_who_comes_later(project: Project) -> None:
    """A test that rests on a module, and waits for another one, which leaves something else where that had looked."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("registry.py", REGISTRY)
    project.write("parts.py", "def size(): return 1\n")
    project.write("late.py", "import registry\nSIZE = len(registry.TABLE)\n")
    project.write("test_a.py", "import registry\ndef test_first(): registry.register('item', 1)\n")
    project.write("test_b.py", "def test_imports():\n    import late\n    assert late.SIZE\n")
    changes = "registry.TABLE['item'] = registry.OTHER['key'] = parts.size() + 1"
    project.write("test_c.py", f"import parts, registry\ndef test_changes(): {changes}\n")
    project.write(
        "test_d.py",
        "import registry\ndef test_last():\n    import late\n    assert late.SIZE + registry.OTHER['key'] == 3\n",
    )
    assert len(project.run().executed) == 4
    project.edit("parts.py", *SAME)
    run = project.run()
    assert D not in run.executed
    assert run.exit == 0
