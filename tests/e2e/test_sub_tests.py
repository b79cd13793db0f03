"""Sub-tests in runs that try a test more than once: each is told once, as in a run of all tests."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from harness import Project, Run

FILE = """
import state, unittest
from price import price

def test_fills(subtests):
    for part in range(2):
        with subtests.test("fills", part=part):
            state.SEEN.append(part)

class TestUnit(unittest.TestCase):
    def test_sub(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 3)

def test_needs(subtests):
    with subtests.test("price"):
        assert 0 < price() < 9
    with subtests.test("seen"):
        assert state.SEEN or price() > 9
    assert state.SEEN or price() > 9

def test_plain():
    assert 0 < price() < 9
"""
ALL = "-v", "-s"
"""Of unittest's sub-tests nothing is seen otherwise: pytest writes of them while it captures."""

FILLS, UNIT, NEEDS = (f"test_shop.py::{name}" for name in ("test_fills", "TestUnit::test_sub", "test_needs"))


@pytest.fixture
def shop(project: Project) -> Project:
    """Three recorded tests with sub-tests, of which the last needs the first, and one without."""
    project.write("state.py", "SEEN = []\n")
    project.write("price.py", "def price(): return 3\n")
    project.write("test_shop.py", FILE)
    project.run(*ALL)
    assert project.run(*ALL).executed == set()
    return project


def told(run: Run) -> list[str]:
    """What the terminal says of each sub-test, and the counts of its last line."""
    lines = [re.sub(r" +\[ *\d+%\]$", "", line) for line in run.text.splitlines()]
    counts = re.findall(r"\d+ (?:subtests )?(?:passed|failed)", lines[-1])
    return [*sorted(line for line in lines if "::" in line and " SUB" in line), *sorted(counts)]


def cases(project: Project, *args: str) -> list[tuple[str | None, int]]:
    """Each test case of a JUnit report, and how many failures it has."""
    file = project.path.parent / "junit.xml"
    project.run(f"--junitxml={file}", *ALL, *args)
    return sorted((one.get("name"), len(one.findall("failure"))) for one in ET.parse(file).iter("testcase"))  # noqa: S314


@pytest.mark.parametrize("price", ["4", "30"], ids=["passes", "fails"])
def test_each_sub_test_is_told_once(shop: Project, price: str) -> None:
    """Those of tests that run again for another one are not told, those of that one as it ends at last."""
    shop.edit("price.py", "return 3", f"return {price}")
    real, run = shop.run("--cached=off", *ALL), shop.run(*ALL)
    assert run.summary.startswith("testcache: 4 tests: 2 cached"), run.summary
    assert ("[needs-neighbours]" in run.text) == (price == "4")
    assert (run.exit, run.outcomes) == (real.exit, real.outcomes), run.text
    assert told(run) == told(real)


@pytest.mark.parametrize("price", ["4", "30"], ids=["passes", "fails"])
def test_a_junit_report_has_each_once(shop: Project, price: str) -> None:
    """The XML has the same cases and failures as that of a full run."""
    shop.edit("price.py", "return 3", f"return {price}")
    assert cases(shop, "--cached=off") == cases(shop)


def test_a_sub_test_that_fails_out_of_turn_fails_nobody(shop: Project) -> None:
    """A replayed test that fails when it runs again for another one is reported as recorded."""
    shop.write("price.py", "CALLS = []\ndef price(): return 3\n")
    text = FILE.replace("state.SEEN.append(part)", "state.SEEN.append(part); assert len(state.SEEN) < 4 or part > 5")
    shop.write("test_shop.py", text + "\ndef test_more(): assert len(state.SEEN) == 2 and price()\n")
    shop.run(*ALL)
    shop.edit("price.py", "return 3", "return 4")
    run = shop.run(*ALL)
    assert {one: run.outcomes[one] for one in (FILLS, UNIT)} == {FILLS: "passed", UNIT: "passed"}, run.text
    assert "SUBFAILED" not in run.text


def test_the_first_failure_ends_the_run(shop: Project) -> None:
    """With -x a sub-test is told at once, as it ends its test, and is told once."""
    shop.edit("price.py", "return 3", "return 30")
    real, run = shop.run("--cached=off", "-x", *ALL), shop.run("-x", *ALL)
    assert (run.exit, run.outcomes) == (real.exit, real.outcomes)
    assert told(run) == told(real)
