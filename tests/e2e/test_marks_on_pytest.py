"""Attributes that code sets on objects of pytest: on the config, the session, a class of tests."""

from __future__ import annotations

import pytest
from harness import Project

INCREMENTAL = """
import pytest
def pytest_runtest_makereport(item, call):
    if "incremental" in item.keywords and call.excinfo is not None:
        item.parent._previousfailed = item
def pytest_runtest_setup(item):
    if "incremental" in item.keywords:
        failed = getattr(item.parent, "_previousfailed", None)
        if failed is not None:
            pytest.xfail(f"previous test failed ({failed.name})")
"""
STEPS = """
import pytest, shop
@pytest.mark.incremental
class TestSteps:
    def test_first(self): assert shop.price() == 1
    def test_second(self): pass
def test_other(): pass
"""


def test_who_expects_to_fail_behind_a_failure(project: Project) -> None:
    """The steps of pytest's own manual: none of them is replayed as passed behind one that fails now."""
    (project.path / "pytest.ini").write_text("[pytest]\nmarkers = incremental\n")
    project.write("conftest.py", INCREMENTAL)
    project.write("shop.py", "def price(): return 1\n")
    project.write("test_it.py", STEPS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "return 1", "return 2")
    steps = "test_it.py::TestSteps::test_"
    assert project.run().outcomes == {
        f"{steps}first": "failed",
        f"{steps}second": "xfailed",
        "test_it.py::test_other": "passed",
    }
    project.edit("shop.py", "return 2", "return 1")
    assert set(project.run().outcomes.values()) == {"passed"}


@pytest.mark.parametrize("bearer", ["config", "session"])
def test_what_a_test_sets_there(project: Project, bearer: str) -> None:
    """Who reads it rests on it."""
    sets, reads = f"request.{bearer}.server = 1", f"request.{bearer}.server < 2"
    project.write("test_a.py", f"def test_a(request):\n    {sets}\n    assert True\n")
    project.write("test_b.py", f"def test_b(request): assert {reads}\ndef test_far(): pass\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_a.py", "assert True", "assert 1")
    assert project.run().executed == {"test_a.py::test_a"}
    project.edit("test_a.py", "server = 1", "server = 2")
    run = project.run()
    assert (run.outcomes["test_b.py::test_b"], "test_b.py::test_far" in run.executed) == ("failed", False)


def test_what_a_hook_has_put_there_and_a_test_fills(project: Project) -> None:
    """A list that all tests share."""
    project.write("conftest.py", "def pytest_configure(config): config.seen = []\n")
    project.write("test_a.py", "def test_a(request): request.config.seen.append(1)\n")
    project.write("test_b.py", "def test_b(request): assert request.config.seen == [1]\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_a.py", "append(1)", "append(2)")
    assert project.run().outcomes["test_b.py::test_b"] == "failed"
