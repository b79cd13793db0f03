"""A replayed result is a real one: every report that pytest writes shows it as what it was."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from harness import Project

TESTS = """
import time
import unittest
import pytest

def test_passes():
    time.sleep(0.15)
    print("printed words")

def test_told(record_property):
    record_property("colour", "green")

@pytest.mark.skip(reason="not today")
def test_skipped_by_mark(): pass

def test_skipped_inside(): pytest.skip("no such device")

@pytest.mark.xfail(reason="known bug 7")
def test_expected(): assert False

def test_with_subtests(subtests):
    for number in range(3):
        with subtests.test("part", number=number):
            assert number < 3

class TestUnit(unittest.TestCase):
    def test_sub(self):
        for number in range(2):
            with self.subTest(number=number):
                self.assertLess(number, 2)
    @unittest.skip("not on this machine")
    def test_unit_skipped(self): pass
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with every outcome that is stored, recorded once."""
    project.write("test_it.py", TESTS)
    first = project.run()
    assert first.exit == 0
    assert "8 tests: 0 cached, 8 run (8 new)" in first.summary
    return project


def junit(project: Project, *args: str) -> dict[str, ET.Element]:
    """Run with a JUnit report outside the project; its test cases by name."""
    file = project.path.parent / "junit.xml"
    project.run(f"--junitxml={file}", *args)
    return {case.get("name", ""): case for case in ET.parse(file).iter("testcase")}  # noqa: S314


def without_times(text: str) -> list[str]:
    """The lines of a run that do not name the cache, with durations blotted out."""
    kept = [line for line in text.splitlines() if not line.startswith("testcache")]
    return [re.sub(r"\d+\.\d+s", "_s", line) for line in kept]


@pytest.mark.parametrize("mode", ["--cached", "--cached=on"])
def test_sub_tests_are_named_as_in_a_real_run(project: Project, mode: str) -> None:
    """Numbers, texts, None and objects: the lines and the XML of a replayed sub-test are those of one that ran."""
    project.write(
        "test_parts.py",
        "import pytest, unittest\n"
        "class Shop:\n    def __repr__(self): return '<a shop>'\n"
        "VALUES = 0, 1.5, None, True, 'a', \"it's\", b'x', (1, 'b'), Shop(), 'x' * 500\n"
        "def test_parts(subtests):\n"
        "    for number, value in enumerate(VALUES):\n"
        "        with subtests.test('row', n=number, value=value): pass\n"
        "    with subtests.test(n=7): pytest.skip('not here')\n"
        "    with subtests.test(n=8): pytest.xfail('known')\n"
        "class TestUnit(unittest.TestCase):\n"
        "    def test_sub(self):\n"
        "        for value in VALUES:\n"
        "            with self.subTest('unit', value=value): pass\n"
        "        with self.subTest(n=7): self.skipTest('not here')\n",
    )
    file = project.path.parent / "junit.xml"
    seen = []
    for cached in ("--cached=off", "--cached", mode):
        text = project.run(cached, "-vv", "-s", f"--junitxml={file}").text
        lines = (re.sub(r" +\[ *\d+%\]$", "", line) for line in text.splitlines() if re.search("SUB[A-Z]+", line))
        cases = [(one.get("name"), len(one.findall("skipped"))) for one in ET.parse(file).iter("testcase")]  # noqa: S314
        seen.append((list(lines), cases))
    assert len(seen[0][0]) > 20
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("mode", ["--cached", "--cached=on"])  # the latter imports each file
@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_tells_the_same_with_recorded_times(recorded: Project, family: str, mode: str) -> None:
    """The XML of a cached run has the same cases, properties and skips, the recorded times, and says so."""
    options = "-o", f"junit_family={family}"
    real, replayed = junit(recorded, "--cached=refresh", *options), junit(recorded, mode, *options)
    assert list(real) == list(replayed)
    assert float(replayed["test_passes"].get("time", "")) >= 0.15
    for name, case in replayed.items():
        assert case.attrib == real[name].attrib
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        assert properties.pop("testcache") == "hit", name
        assert properties == {p.get("name"): p.get("value") for p in real[name].iter("property")}
        assert [skip.attrib for skip in case.iter("skipped")] == [s.attrib for s in real[name].iter("skipped")]
    assert {p.get("value") for p in replayed["test_told"].iter("property")} == {"green", "hit"}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_summaries_say_what_a_real_run_says(recorded: Project, workers: str) -> None:
    """-rA lists the same outcomes, reasons, output and sub-tests, whether replayed or run."""
    real, replayed = recorded.run("--cached=off", "-rA", workers), recorded.run("-rA", workers)
    assert replayed.executed == set()
    assert replayed.outcomes == real.outcomes

    def told(text: str) -> list[str]:
        lines = without_times(text)
        start = next(number for number, line in enumerate(lines) if "short test summary" in line)
        return sorted(line.replace("CACHED", "PASSED") for line in lines[start:] if not line.startswith("="))

    assert told(replayed.text) == told(real.text)
    assert "SKIPPED [1] test_it.py:13: not today" in replayed.text
    assert "XFAIL test_it.py::test_expected - known bug 7" in replayed.text
    assert "printed words" in replayed.text
    assert re.search(r"=+ 4 passed, 3 skipped, 1 xfailed", replayed.text)


def test_the_terminal_marks_replayed_tests(recorded: Project) -> None:
    """Passed tests show as `c`, with -v as CACHED, and count as passed; other outcomes look as always."""
    assert re.search(r"^test_it\.py c.*s.*x", recorded.run().text, re.MULTILINE)
    verbose = recorded.run("-v").text
    assert re.search(r"test_it\.py::test_passes CACHED +\[", verbose)
    assert re.search(r"test_it\.py::test_expected XFAIL \(known bug 7\)", verbose)
    assert re.search(r"test_it\.py::test_skipped_by_mark SKIPPED \(not today\)", verbose)
    assert re.search(r"=+ 4 passed, 3 skipped, 1 xfailed", verbose)


def test_durations_are_the_recorded_ones(recorded: Project) -> None:
    """--durations lists what the test took when it ran."""
    run = recorded.run("--durations=1")
    assert run.executed == set()
    assert re.search(r"0\.1\d+s call +test_it\.py::test_passes", run.text)


@pytest.mark.parametrize("plugin", ["cacheprovider", "terminal", "junitxml", "capture", "logging"])
def test_plugins_of_pytest_may_be_missing(recorded: Project, plugin: str) -> None:
    """Without one of pytest's own plugins a cached run still ends well."""
    run = recorded.run("-p", f"no:{plugin}")
    assert run.exit == 0, run.text
    assert "Traceback" not in run.text
    again = recorded.run("-p", f"no:{plugin}")
    assert (again.exit, again.executed, len(again.outcomes)) == (0, set(), 8)


def test_last_failed_and_stepwise_work_after_cached_runs(project: Project) -> None:
    """--lf, --ff and --sw know of failures as after real runs."""
    project.write("test_a.py", "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n")
    project.write("test_b.py", "def test_bad(): assert False\n")
    project.run()
    assert project.run().executed == {"test_b.py::test_bad"}
    last = project.run("--lf")
    assert (last.exit, set(last.outcomes)) == (1, {"test_b.py::test_bad"})
    first = project.run("--ff")
    assert (first.exit, len(first.outcomes), first.executed) == (1, 4, {"test_b.py::test_bad"})
    step = project.run("--sw")
    assert (step.exit, step.executed) == (2, {"test_b.py::test_bad"})  # 2 also without the cache
    project.edit("test_b.py", "assert False", "assert True")
    step = project.run("--sw")
    assert (step.exit, step.executed) == (0, {"test_b.py::test_bad"})
    assert "run-last-failure: no previously failed tests" in project.run("--lf", "--cached").text


def test_an_empty_run_is_still_an_error(recorded: Project) -> None:
    """Exit code 5 means that no test was selected, with or without the cache; all cached is 0."""
    assert recorded.run("-k", "nothing_is_called_so").exit == 5
    assert recorded.run("-n2").exit == 0


def test_pytest_html_shows_replayed_tests(recorded: Project, tmp_path: Path) -> None:
    """The HTML report counts replayed tests by what they were."""
    pytest.importorskip("pytest_html")
    plugins = ("xdist.plugin", "pytest_html.plugin", "pytest_metadata.plugin")
    page = tmp_path / "report.html"
    recorded.run(f"--html={page}", plugins=plugins)
    run = recorded.run(f"--html={page}", plugins=plugins)
    assert (run.exit, run.executed) == (0, set())
    text = page.read_text()
    assert "4 Passed" in text
    assert "3 Skipped" in text
    assert "1 Expected failures" in text


TELLS = "    print('\\ntold:', report.nodeid, report.when, report.outcome)\n"
TOLD = {
    "reports": f"def pytest_runtest_logreport(report):\n{TELLS}",
    "letters": f"def pytest_report_teststatus(report, config):\n{TELLS}",
}


@pytest.mark.parametrize("hook", TOLD.values(), ids=TOLD.keys())
def test_who_listens_is_told_of_each_phase(project: Project, hook: str) -> None:
    """Whether nothing changed, or something did."""
    project.write("conftest.py", hook)
    project.write("test_a.py", "def test_one(): pass\ndef test_two(): pass\n")
    project.write("test_b.py", "def test_three(): pass\n")

    def told(*args: str) -> list[str]:
        return sorted({line for line in project.run("-s", *args).text.splitlines() if line.startswith("told:")})

    bare = told("--cached=off")
    assert len(bare) == 9
    assert told() == told() == told() == bare
    project.edit("test_b.py", "pass", "assert True")
    assert told() == bare


def test_how_long_each_phase_took(project: Project) -> None:
    """`--durations` shows set-ups and teardowns of tests that are replayed, too."""
    project.write(
        "test_a.py",
        "import time, pytest\n@pytest.fixture\ndef slow():\n    time.sleep(0.05)\n    yield\n    time.sleep(0.05)\n"
        "def test_one(slow): time.sleep(0.05)\n",
    )
    for _ in range(3):
        text = project.run("--durations=9", "--durations-min=0.04").text
        assert [when in text for when in ("s setup ", "s call ", "s teardown ")] == [True] * 3


def test_of_a_plain_pass_nothing_has_to_be_asked(project: Project) -> None:
    """Its reports hold nothing but how long they took: to have pytest write them out would take as long as the test."""
    project.write(
        "conftest.py",
        "def pytest_report_to_serializable(report):\n    print(f'\\nwritten out: {report.nodeid} {report.when}')\n",
    )
    project.write("test_a.py", "def test_a(): assert True\ndef test_b(record_property): record_property('of', 'b')\n")
    written = [line for line in project.run("-s").text.splitlines() if line.startswith("written out")]
    assert written == [f"written out: test_a.py::test_b {when}" for when in ("call", "teardown")]
