"""Hits that are put to the proof: drawn, compared, quarantined, counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import TWO_WORKERS, Project

LIES, GOOD = "test_it.py::test_lies", "test_it.py::test_good"
SEED = {"TESTCACHE_AUDIT_SEED": "1"}


@pytest.fixture
def state(project: Project) -> Path:
    """A path that one of two recorded tests depends on through C, which nobody sees."""
    path = project.path.parent / "state"
    project.write(
        "test_it.py",
        f"import ctypes\ndef test_lies(): assert ctypes.CDLL(None).access({bytes(path)!r}, 0)\ndef test_good(): pass\n",
    )
    project.run()
    assert project.run().replayed == {LIES, GOOD}
    return path


@pytest.mark.parametrize("arguments", [(), TWO_WORKERS, ("-v",)], ids=" ".join)
def test_an_audit_finds_a_wrong_hit(project: Project, state: Path, arguments: tuple[str, ...]) -> None:
    """A drawn test that fails is named as a wrong hit, with both outcomes and what to do; the run fails."""
    fine = project.run("--cached-audit=100%", *arguments)
    assert (fine.exit, fine.executed) == (0, {LIES, GOOD})
    assert "2 run (2 audited)" in fine.summary
    assert "WRONG HIT" not in fine.text
    state.touch()
    assert project.run(*arguments).outcomes[LIES] == "passed"  # what the audit is there to find
    found = project.run("--cached-audit=100%", *arguments)
    assert (found.exit, found.outcomes[LIES], found.outcomes[GOOD]) == (1, "failed", "passed")
    assert f"testcache: {LIES}: WRONG HIT: stored as passed, failed when run (--cached-audit) [wrong-hit]" in found.text
    assert "are unchanged, so it depends on something testcache does not see" in found.text
    assert "@pytest.mark.testcache(never=True)" in found.text
    assert found.text.count("WRONG HIT") == 1
    after = project.run(*arguments)
    assert (after.exit, after.executed) == (1, {LIES})


def test_a_test_that_lied_always_runs(project: Project, state: Path) -> None:
    """It is not replayed after passing again, until it is cleared or reads something else."""
    state.touch()
    project.run("--cached-audit=100%")
    state.unlink()
    passed = project.run()
    assert (passed.exit, passed.executed) == (0, {LIES})
    assert f"testcache: {LIES}: its outcome changed although no recorded input did [unstable]" in passed.text
    for _ in range(3):
        again = project.run()
        assert (again.exit, again.executed, again.replayed) == (0, {LIES}, {GOOD})
        assert "1 run (1 quarantined)" in again.summary
        assert "[unstable]" not in again.text
    assert "[quarantined]" in project.cli("explain", LIES).stdout
    state.touch()
    failed = project.run()
    assert (failed.exit, failed.outcomes[LIES]) == (1, "failed")
    assert f"testcache: {LIES}: its outcome changed although no recorded input did [unstable]" in failed.text
    state.unlink()
    project.run()
    assert project.cli("clear", LIES).returncode == 0
    assert project.run().executed == {LIES}
    assert project.run().executed == set()


def test_a_changed_trace_ends_the_quarantine(project: Project, state: Path) -> None:
    """What lied is this set of reads, not the test for all times."""
    state.touch()
    project.run("--cached=verify")
    state.unlink()
    assert project.run().executed == {LIES}
    assert project.run().executed == {LIES}
    project.edit("test_it.py", "def test_lies(): assert", "def test_lies(): assert 1 and")
    assert project.run().executed == {LIES}
    assert project.run().executed == set()


def test_other_command_lines_do_not_replay_what_lied(project: Project, state: Path) -> None:
    """The short cut of a command line ends, too, when another one finds the wrong hit."""
    project.run("test_it.py")
    project.run("test_it.py")
    state.touch()
    project.run("--cached-audit=100%")
    assert project.run("test_it.py").outcomes[LIES] == "failed"


def test_a_share_and_a_budget_draw_a_part(project: Project) -> None:
    """About as many hits run as were asked for, others in other runs, and none without an audit."""
    project.write("test_it.py", "\n".join(f"def test_{n}(): pass" for n in range(40)))
    project.run()
    draws = [
        frozenset(project.run("--cached-audit=25%", env={"TESTCACHE_AUDIT_SEED": seed}).executed) for seed in "123"
    ]
    assert [len(drawn) in (10, 11) for drawn in draws] == [True] * 3
    assert len(set(draws)) == 3
    assert len(project.run("--cached-audit=1s", env=SEED).executed) == 40  # they all take much less
    assert project.run("--cached-audit=").executed == set()


def test_the_setting_is_the_default(project: Project) -> None:
    """audit = "100%" counts for a bare --cached; the option overrides it."""
    project.write(".testcache.toml", 'audit = "100%"\n')
    project.write("test_it.py", "def test_good(): pass\n")
    project.run()
    assert project.run().executed == {GOOD}
    assert project.run("--cached-audit=").executed == set()
    quick = [project.cli("run", "-p", "testcache.plugin").stdout for _ in range(3)]
    assert ["1 run (1 audited)" in text for text in quick] == [False, True, True]
    mistake = project.run("--cached-audit=lots")
    assert (mistake.exit, mistake.executed) == (4, set())
    assert 'expected a share such as "2%"' in mistake.text


def test_stats_tell_what_the_audits_prove(project: Project, state: Path) -> None:
    """Hits audited, wrong ones, and a bound on the rate of the others."""
    assert "audited" not in project.cli("stats").stdout
    for _ in range(3):
        project.run("--cached-audit=100%")
    assert "audited     6 hits, 0 wrong: with 95% confidence at most 39% of hits are" in project.cli("stats").stdout
    state.touch()
    project.run("--cached-audit=100%")
    assert "audited     8 hits, 1 wrong: with 95% confidence at most 47% of hits are" in project.cli("stats").stdout
