"""What a test leaves counts for a test of another file that comes upon just that."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from harness import Project


@dataclass(frozen=True)
class Left:
    """A module, what a test does with it and does instead, and what the next test finds."""

    module: str
    does: str
    instead: str
    finds: str


ITERATORS = {
    "a range": "iter(range(1, 100))",
    "a list": "iter([1, 2, 3, 4])",
    "a tuple": "iter((1, 2, 3, 4))",
    "a text": "map(int, '1234')",
    "a dict": "iter({1: 0, 2: 0, 3: 0})",
    "a set": "iter({1, 2, 3})",
    "turned": "reversed([3, 2, 1])",
    "zipped": "map(max, zip([1, 2, 3], [0, 0, 0]))",
    "a slice": "itertools.islice([1, 2, 3], 3)",
}
CASES = {
    name: Left(f"import itertools\nNUMBERS = {made}\n", "next(m.NUMBERS)", "m.NUMBERS", "next(m.NUMBERS) == 2")
    for name, made in ITERATORS.items()
} | {
    "an adapter of a logger": Left(
        "import logging\nLOG = logging.LoggerAdapter(logging.getLogger('a'), {'user': 0})\n",
        "m.LOG.extra['user'] = 1",
        "m.LOG.extra['user'] = 2",
        "m.LOG.extra['user'] == 1",
    ),
    "a handler that keeps records": Left(
        "import logging, logging.handlers\nLOG = logging.getLogger('b')\n"
        "HELD = logging.handlers.MemoryHandler(100, flushLevel=99)\nLOG.addHandler(HELD)\n",
        "m.LOG.error('x')",
        "m.LOG",
        "len(m.HELD.buffer) == 1",
    ),
    "a formatter": Left(
        "import logging\nFORM = logging.Formatter('%(message)s')\n",
        "m.FORM.datefmt = 'x'",
        "m.FORM.datefmt = 'y'",
        "m.FORM.datefmt == 'x'",
    ),
    "an attribute of a logger": Left(
        "import logging\nLOG = logging.getLogger('c')\n", "m.LOG.mode = 1", "m.LOG.mode = 2", "m.LOG.mode == 1"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_who_comes_upon_it_rests_on_it(project: Project, name: str) -> None:
    """It is replayed as long as the same is left."""
    case = CASES[name]
    project.write("m.py", case.module)
    project.write("test_a.py", f"import m\ndef test_a():\n    {case.does}\n    assert True\n")
    project.write("test_b.py", f"import m\ndef test_b(): assert {case.finds}\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    if "records" not in name:  # they hold the time
        project.edit("test_a.py", "assert True", "assert 1")
        assert project.run().executed == {"test_a.py::test_a"}
    project.edit("test_a.py", case.does, case.instead)
    assert project.run().outcomes["test_b.py::test_b"] == "failed"


ASK = "def ask(): return 1\n"
MEMO = ASK + "MEMO = {}\ndef price(key):\n    if key not in MEMO: MEMO[key] = ask()\n    return MEMO[key]\n"
CACHE = ASK + "import functools\n@functools.lru_cache\ndef price(key): return ask()\n"
ONCE = ASK + "SEEN = set()\ndef price(key):\n    if key in SEEN: return 2\n    SEEN.add(key)\n    return 1\n"


@pytest.mark.parametrize("module", [MEMO, CACHE, ONCE], ids=["memo", "lru_cache", "set"])
def test_the_very_key_that_another_test_adds(project: Project, module: str) -> None:
    """An edited test adds what a later one had added itself: that would come upon it, others would not."""
    project.write("m.py", module)
    first = (
        "import m\ndef test_a(monkeypatch):\n    monkeypatch.setattr(m, 'ask', lambda: 2)\n    assert m.price('a')\n"
    )
    project.write("test_a.py", first)
    for name in "bc":
        project.write(f"test_{name}.py", f"import m\ndef test_{name}(): assert m.price('{name}') == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_a.py", "price('a')", "price('b')")
    run = project.run()
    assert (run.outcomes["test_b.py::test_b"], run.outcomes["test_c.py::test_c"]) == ("failed", "passed")


def test_the_same_result_of_a_cache_runs_nobody(project: Project) -> None:
    """Who gets it from there gets what it would have made."""
    project.write("m.py", CACHE)
    project.write("test_a.py", "import m\ndef test_a(): assert m.price('a')\n")
    project.write("test_b.py", "import m\ndef test_b(): assert m.price('b') == 1\n")
    assert project.run().exit == 0
    project.edit("test_a.py", "price('a')", "price('b')")
    assert project.run().executed == {"test_a.py::test_a"}
