"""What a run says of itself: the closing line in its exact words, and with -v why each test ran."""

from __future__ import annotations

import re

import pytest
from harness import Project

TESTS = """
import os, time
import pytest
import shop

def test_price(): assert shop.price(2) == 4
def test_rate(): assert shop.RATE == 3
def test_file(): assert open("data.txt").read()
def test_missing(): assert not os.path.exists("local.cfg")
def test_variable(): assert os.environ.get("REGION") != "moon"
def test_folder(): assert os.listdir("parts")
def test_slow(): time.sleep(0.3)
"""
NAMES = ("price", "rate", "file", "missing", "variable", "folder", "slow")


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project whose tests read one thing each, recorded once."""
    project.write("shop.py", "RATE = 3\ndef price(count): return count * 2\n")
    project.write("data.txt", "1")
    project.write("parts/one.txt", "1")
    project.write("test_it.py", TESTS)
    first = project.run()
    assert first.summary == "testcache: 7 tests: 0 cached, 7 run (7 new)"
    return project


def reason(text: str, name: str) -> tuple[str, str]:
    """What -v says of a test: the first line after its name, and the evidence below."""
    lines = text.splitlines()
    start = f"testcache: test_it.py::test_{name}: "
    (number,) = [number for number, line in enumerate(lines) if line.startswith(start)]
    return lines[number].removeprefix(start), lines[number + 1].strip()


def test_the_closing_line_counts_what_was_cached_and_run(recorded: Project) -> None:
    """Each count with its word, the commonest reason first, and the recorded time that was saved."""
    saved = r"; about [\d.]+ m?s saved"
    assert re.fullmatch(rf"testcache: 7 tests: 7 cached, 0 run{saved}", recorded.run().summary)
    recorded.write("data.txt", "2")
    recorded.edit("shop.py", "count * 2", "2 * count")
    recorded.edit("test_it.py", "def test_slow", "def test_new(): assert 0\ndef test_slow")
    expected = rf"testcache: 8 tests: 5 cached, 3 run \(2 changed, 1 new\){saved}"
    assert re.fullmatch(expected, recorded.run("-n2").summary)
    expected = rf"testcache: 8 tests: 7 cached, 1 run \(1 failed before\){saved}"
    assert re.fullmatch(expected, recorded.run("-q").summary)
    recorded.edit("test_it.py", "def test_new(): assert 0", "@pytest.mark.testcache(never=True)\ndef test_new(): pass")
    recorded.run()
    assert ", 1 uncacheable" in recorded.run().summary
    assert re.fullmatch(
        r"testcache: 1 test: 1 cached, 0 run; about [\d.]+ m?s saved", recorded.run("-k", "price").summary
    )


def test_each_miss_names_the_input_and_what_became_of_it(recorded: Project) -> None:
    """With -v every test that ran has its reason with its slug, and below it the input with both values."""
    recorded.edit("shop.py", "count * 2", "2 * count")
    recorded.write("data.txt", "2")
    recorded.write("local.cfg", "")
    recorded.write("parts/two.txt", "")
    text = recorded.run("-v", env={"REGION": "eu"}).text
    changed = "miss: an input changed [input-changed]"
    line, evidence = reason(text, "price")
    assert line == changed
    assert re.fullmatch(r"shop\.py, function price: [0-9a-f]{8} -> [0-9a-f]{8}", evidence)
    line, evidence = reason(text, "file")
    assert line == changed
    assert re.fullmatch(r"file data\.txt: [0-9a-f]{8} -> [0-9a-f]{8}", evidence)
    line, evidence = reason(text, "missing")
    assert line == "miss: something that was absent is there now [input-appeared]"
    assert evidence.startswith("whether local.cfg is there: absent -> ")
    line, evidence = reason(text, "folder")
    assert line == changed
    assert evidence.startswith("the entries of folder parts: ")
    line, evidence = reason(text, "variable")
    assert line == "miss: something that was absent is there now [input-appeared]"
    assert evidence == "environment variable REGION: unset -> set"
    assert "test_it.py::test_slow: " not in text


def test_a_constant_is_named(recorded: Project) -> None:
    """A reader sees which name of the file it was."""
    recorded.edit("shop.py", "RATE = 3", "RATE = 1 + 2")
    text = recorded.run("-v").text
    assert reason(text, "rate")[1].startswith("shop.py, definition RATE: ")


def test_what_is_gone_is_said_to_be_gone(recorded: Project) -> None:
    """A file that is no longer there is another reason than one that changed."""
    (recorded.path / "data.txt").unlink()
    run = recorded.run("-v")
    assert run.exit == 1
    line, evidence = reason(run.text, "file")
    assert line == "miss: an input is gone [input-gone]"
    assert re.fullmatch(r"file data\.txt: [0-9a-f]{8} -> absent", evidence)


def test_what_cannot_be_stored_says_why(project: Project) -> None:
    """A test that did something unobservable passes, and -v names what it was."""
    project.write("test_it.py", "import os\ndef test_shell(): assert os.system('exit 0') == 0\n")
    run = project.run("-v")
    assert run.summary == "testcache: 1 test: 0 cached, 0 run, 1 uncacheable"
    lines = run.text.splitlines()
    expected = (
        "testcache: test_it.py::test_shell: not stored: it started a process that cannot be observed "
        "[started-a-process]"
    )
    assert expected in lines
    assert "os.system(" in lines[lines.index(expected) + 1]
    assert project.run().executed == {"test_it.py::test_shell"}


def test_a_plugin_that_starts_a_process_is_named(project: Project) -> None:
    """What a plugin starts before all tests keeps every test from being stored: one line says why, and who did it."""
    package = project.path.parent / "site-packages"
    package.mkdir()
    (package / "starter.py").write_text("import os\ndef pytest_configure(): os.system('exit 0')\n", encoding="utf-8")
    project.write("test_it.py", "def test_one(): pass\ndef test_two(): pass\n")
    run = project.run(env={"PYTHONPATH": f"{project.environment()['PYTHONPATH']}:{package}"}, plugins=("starter",))
    lines = run.text.splitlines()
    told = lines.index(
        "testcache: 2 tests: not stored: it started a process that cannot be observed [started-a-process]"
    )
    assert "os.system(b'exit 0') from " in lines[told + 1]
    assert lines[told + 1].endswith("site-packages/starter.py:2")
    assert run.summary == "testcache: 2 tests: 0 cached, 0 run, 2 uncacheable"


def test_a_question_about_the_interpreter_is_no_process(project: Project) -> None:
    """`platform.architecture()` starts `file`; what it says about this Python is part of the environment."""
    project.write("test_it.py", "import platform\ndef test_it(): assert platform.architecture()[0]\n")
    assert project.run().summary == "testcache: 1 test: 0 cached, 1 run (1 new)"
    assert project.run().executed == set()


def test_the_heading_names_mode_recorder_and_store(recorded: Project) -> None:
    """The header says how the run records and where."""
    assert re.search(
        r"^testcache: mode read, recorder \w+.*, \.testcache$",
        recorded.run("--cached=read", "-k", "price").text,
        re.M,
    )


def test_another_environment_is_said_to_be_the_reason(recorded: Project) -> None:
    """A run under other settings does not call its tests new: it names what differs, once."""
    run = recorded.run("-W", "ignore::DeprecationWarning")
    assert re.fullmatch(r"testcache: 7 tests: 0 cached, 7 run \(7 other environment\)", run.summary), run.text
    assert "testcache: environment: not the one that tests were recorded under [environment-changed]" in run.text
    assert "    option pythonwarnings: " in run.text
    assert "[environment-changed]" not in recorded.run("-W", "ignore::DeprecationWarning").text
