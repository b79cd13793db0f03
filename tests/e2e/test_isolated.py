"""Each test alone in a forked child, compared with what was recorded in company."""

from __future__ import annotations

from harness import Project

TESTS = """
SEEN = []
def test_first(): SEEN.append(1)
def test_needs_company(): assert SEEN
def test_needs_quiet(): assert not SEEN
def test_good(): print("hello")
"""


def test_the_check_names_who_needs_company_and_who_needs_quiet(project: Project) -> None:
    """Both kinds are named, the others are not, the exit code is 1, and nothing is stored."""
    project.write("test_it.py", TESTS)
    project.run()
    run = project.run("--cached-isolated")
    assert run.exit == 1
    lines = [line for line in run.text.splitlines() if line.startswith("testcache: test_it")]
    assert lines == [
        "testcache: test_it.py::test_needs_company: passes only in company: recorded as passed, failed when "
        "run alone [needs-neighbours]",
        "testcache: test_it.py::test_needs_quiet: passes only alone: recorded as failed, passed when run "
        "alone [unstable]",
    ]
    assert run.summary == (
        "testcache: 4 tests run alone: 2 ended as recorded, 2 otherwise, 0 without a recorded result that holds"
    )
    assert project.run().outcomes["test_it.py::test_needs_company"] == "passed"


def test_fine_tests_pass_and_a_crash_is_one_failure(project: Project) -> None:
    """Fixtures of all scopes are set up in each child; a child that dies fails its test only."""
    project.write(
        "test_it.py",
        "import os, pytest\n@pytest.fixture(scope='session')\ndef one(tmp_path_factory):\n    return [1]\n"
        "def test_a(one): one.append(2); assert len(one) == 2\n"
        "def test_b(one): one.append(2); assert len(one) == 2\n"
        "@pytest.mark.skip\ndef test_c(): pass\n",
    )
    project.run("-k", "test_a or test_c")
    run = project.run("--cached-isolated")
    assert (run.exit, set(run.outcomes.values())) == (0, {"passed", "skipped"}), run.text
    assert "2 ended as recorded, 0 otherwise, 1 without a recorded result" in run.summary
    project.write("test_it.py", "import os\ndef test_a(): os.abort()\ndef test_b(): pass\n")
    died = project.run("--cached-isolated")
    assert (died.exit, sorted(died.outcomes.values())) == (1, ["failed", "passed"])
    assert "ended with signal 6" in died.text


def test_a_sub_test_that_fails_alone(project: Project) -> None:
    """Its test fails, and each of its sub-tests is told once."""
    project.write(
        "test_it.py",
        "SEEN = []\ndef test_first(): SEEN.append(1)\n"
        "def test_parts(subtests):\n"
        "    with subtests.test('good', n=1): pass\n"
        "    with subtests.test('seen'): assert SEEN\n",
    )
    project.run()
    run = project.run("--cached-isolated", "-v")
    assert "test_parts: passes only in company: recorded as passed, failed when run alone" in run.text
    assert run.text.count("SUBPASSED[good] (n=1)") == 1, run.text
    assert run.text.splitlines()[-1].strip("= ").startswith("2 failed, 1 passed, 1 subtests passed in")
