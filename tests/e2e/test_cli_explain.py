"""`testcache explain`: the input in words, both values, and an exit code that scripts can use."""

from __future__ import annotations

import re

import pytest
from harness import Project

SHOP = """\
import os

def price(count):
    return count * 3

def country():
    return os.environ.get("COUNTRY", "DE")
"""
TESTS = """\
import pytest
import shop

@pytest.mark.parametrize("count", [1, 2])
def test_price(count):
    assert shop.price(count) == 3 * count

def test_country():
    assert len(shop.country()) == 2

def test_always_true():
    assert True
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project after one run, in which everything was recorded."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("shop.py", SHOP)
    project.write("tests/test_shop.py", TESTS)
    run = project.run()
    assert run.exit == 0, run.text
    return project


def test_a_hit_is_explained(shop: Project) -> None:
    """An unchanged test is a hit, with what it read and when it was recorded; exit 0."""
    done = shop.cli("explain", "tests/test_shop.py::test_country")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == ("testcache: tests/test_shop.py::test_country: hit: every recorded input is unchanged [cached]")
    assert re.search(r"\d+ inputs: \d functions, .*\d variable", lines[1])
    assert lines[2].startswith("    recorded 20")


def test_all_lists_the_inputs_of_a_hit(shop: Project) -> None:
    """--all names each input of an unchanged test."""
    done = shop.cli("explain", "--all", "tests/test_shop.py::test_country")
    assert "    shop.py, function country: " in done.stdout
    assert "    environment variable COUNTRY: absent" in done.stdout


def test_a_miss_names_the_function_and_both_fingerprints(shop: Project) -> None:
    """An edited function is named, with both values and what else is unchanged; exit 1."""
    shop.edit("shop.py", "count * 3", "3 * count")
    done = shop.cli("explain", "tests/test_shop.py::test_price[1]")
    assert done.returncode == 1, done.stderr
    first, change, recorded = done.stdout.splitlines()
    assert first == "testcache: tests/test_shop.py::test_price[1]: miss: an input changed [input-changed]"
    assert change.startswith("    shop.py, function price: ")
    assert " -> " in change
    assert change.endswith(" inputs are unchanged")
    assert recorded.startswith("    recorded 20")
    assert " on Python 3." in recorded


def test_what_explain_says_is_what_a_run_does(shop: Project) -> None:
    """The tests that explain calls hits are the ones that the next run replays."""
    shop.edit("shop.py", "count * 3", "3 * count")
    assert shop.cli("explain", "tests/test_shop.py::test_country").returncode == 0
    assert shop.cli("explain", "tests/test_shop.py::test_price[2]").returncode == 1
    run = shop.run()
    assert run.executed == {"tests/test_shop.py::test_price[1]", "tests/test_shop.py::test_price[2]"}


def test_a_variable_that_was_set_is_named_without_its_value(shop: Project) -> None:
    """An environment variable appears by name; what it holds is nobody's business."""
    done = shop.cli("explain", "tests/test_shop.py::test_country", env={"COUNTRY": "Atlantis"})
    assert done.returncode == 1
    assert "[input-appeared]" in done.stdout
    assert "    environment variable COUNTRY: unset -> set" in done.stdout
    assert "Atlantis" not in done.stdout


def test_a_function_name_without_parameters_means_all_of_them(shop: Project) -> None:
    """A node id without its brackets, or a file, stands for every test of it."""
    done = shop.cli("explain", "tests/test_shop.py::test_price")
    assert done.stdout.splitlines()[-1] == "testcache: 2 tests: 2 cached, 0 would run"
    done = shop.cli("explain", "tests/test_shop.py")
    assert done.stdout.splitlines()[-1] == "testcache: 4 tests: 4 cached, 0 would run"


def test_what_several_tests_run_for_is_said_once(shop: Project) -> None:
    """A function that twenty tests ran is named for the first of them; the others say that it is the same."""
    shop.edit("shop.py", "count * 3", "3 * count")
    lines = shop.cli("explain", "tests/test_shop.py::test_price").stdout.splitlines()
    assert sum("shop.py, function price" in line for line in lines) == 1
    assert [line for line in lines if line.endswith("; as above")] == [
        "testcache: tests/test_shop.py::test_price[2]: miss: an input changed [input-changed]; as above"
    ]
    everything = shop.cli("explain", "--all", "tests/test_shop.py::test_price").stdout
    assert everything.count("shop.py, function price") == 2


def test_a_node_id_may_be_relative_to_the_current_folder(shop: Project) -> None:
    """In a folder below the rootdir a path means what it means for pytest."""
    done = shop.python("-m", "testcache", "explain", "test_shop.py::test_country", cwd="tests")
    assert done.returncode == 0, done.stderr


def test_an_unknown_test_is_a_usage_error_with_a_guess(shop: Project) -> None:
    """A typo ends with 4 and names what was probably meant."""
    done = shop.cli("explain", "tests/test_shop.py::test_contry")
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "testcache: tests/test_shop.py::test_contry: no such test is recorded [unknown-test]",
        "    did you mean tests/test_shop.py::test_country",
    ]


def test_without_a_store_the_first_step_is_named(project: Project) -> None:
    """Before the first run, explain says how to begin, and makes no store."""
    done = project.cli("explain", "tests/test_shop.py::test_price")
    assert done.returncode == 4
    assert "pytest --cached" in done.stderr
    assert not (project.path / ".testcache").exists()


def test_a_failure_runs_again_and_says_since_when(shop: Project) -> None:
    """A test that failed is explained as that, not as a change."""
    shop.edit("shop.py", "count * 3", "count * 4")
    assert shop.run().exit == 1
    done = shop.cli("explain", "tests/test_shop.py::test_price[1]")
    assert done.returncode == 1
    assert "[not-passed]" in done.stdout
    assert "it failed 20" in done.stdout


def test_an_uncacheable_test_has_its_reason(project: Project) -> None:
    """What was not stored is told with its evidence and where to read on."""
    project.write(
        "test_a.py",
        "import pytest\n@pytest.mark.testcache(never=True)\ndef test_a():\n    pass\n",
    )
    project.run()
    done = project.cli("explain", "test_a.py::test_a")
    assert done.returncode == 1
    assert "uncacheable: " in done.stdout
    assert "[marked-never]" in done.stdout
    assert "testcache explain marked-never" in done.stdout


def test_another_environment_is_named_fact_by_fact(shop: Project) -> None:
    """A test recorded under other settings misses for that reason, and the setting is named."""
    shop.write("pytest.ini", "[pytest]\npythonpath = .\nxfail_strict = true\n")
    shop.run("tests/test_shop.py::test_country")
    done = shop.cli("explain", "tests/test_shop.py::test_always_true")
    assert done.returncode == 1
    assert "[environment-changed]" in done.stdout
    assert "xfail" in done.stdout


def test_a_mistyped_reason_is_guessed(shop: Project) -> None:
    """A reason with a typo is not taken for a test only."""
    assert "did you mean input-changed" in shop.cli("explain", "input-chaged").stderr


def test_a_folder_that_is_called_like_a_reason_is_a_folder(shop: Project) -> None:
    """Tests win over words where both are there."""
    shop.write("network/test_net.py", "def test_net():\n    pass\n")
    shop.run()
    assert "network/test_net.py::test_net: hit" in shop.cli("explain", "network").stdout


@pytest.mark.parametrize("name", ["network", "[network]"])
def test_a_reason_is_explained_anywhere(project: Project, name: str) -> None:
    """The word in brackets at the end of a message can be typed back; no project is needed."""
    done = project.cli("explain", name)
    assert done.returncode == 0
    assert done.stdout.startswith("testcache: network: uncacheable: ")
    assert "network.allow" in done.stdout
