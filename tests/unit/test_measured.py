"""The user's own measurement of coverage: unharmed by recorders, divided by contexts, replayed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import coverage
import pytest
from programs import TECHNIQUES, Program, start

from testcache.recording.measured import LineTape
from testcache.recording.recorder import RecorderUnavailable

pytest_plugins = ["programs"]
pytestmark = [
    pytest.mark.skipif(coverage.Coverage.current() is not None, reason="measures coverage itself"),
    pytest.mark.usefixtures("bytecode"),
]


CORES = ["ctrace"] if sys.version_info < (3, 12) else ["ctrace", "sysmon"]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("branch", [False, True])
def test_the_users_coverage_is_the_same_with_a_recorder(
    tmp_path: Path, technique: str, core: str, branch: bool
) -> None:
    """A measurement running at the same time has the very same totals, and the recorder its functions."""
    program = Program(tmp_path / "program.py")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys, coverage, io
            from pathlib import Path
            sys.path[:0] = [{str(Path(__file__).parents[1])!r}]
            import programs as t
            program = t.Program(Path({str(program.path)!r}))
            technique = sys.argv[1]
            cov = coverage.Coverage(data_file=None, config_file=False, branch={branch})
            cov.set_option("run:include", [str(program.path)])
            cov.set_option("run:core", {core!r})
            cov.set_option("run:disable_warnings", ["no-sysmon", "no-sysmon-context"])
            cov.start()
            session = None
            if technique != "none":
                session = t.start(technique, program)
            module = program.load()
            for name, act in sorted(t.ACTS.items()):
                if session is not None:
                    session.recorder.take()
                act(module)
                if session is not None:
                    found = program.names(session.recorder.take())
                    assert found, name
            if session is not None:
                session.recorder.stop()
            cov.stop()
            out = io.StringIO()
            cov.report(file=out, show_missing=True)
            print(out.getvalue())
            """)
    )

    def report(name: str) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(script), name], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or "no contexts" in done.stderr, done.stderr
        return done.stdout if done.returncode == 0 else ""

    found, expected = report(technique), report("none")
    assert "program.py" in expected
    if technique == "coverage" and core == "sysmon" and not branch:
        assert found == ""
    else:
        assert found == expected


@pytest.mark.parametrize("branch", [False, True])
def test_lines_of_each_context_can_be_taken_and_added(tmp_path: Path, branch: bool) -> None:
    """Replaying the lines of a context gives the totals of the run that had them."""
    program = Program(tmp_path / "program.py")

    def measurement() -> coverage.Coverage:
        made = coverage.Coverage(data_file=None, config_file=False, branch=branch, include=[str(program.path)])
        made.set_option("run:core", "ctrace")
        return made

    def totals(made: coverage.Coverage) -> object:
        analysis = made.analysis2(str(program.path))
        return analysis[1:], sorted(made.get_data().arcs(str(program.path)) or ()) if branch else ()

    plain = measurement()
    with plain.collect():
        module = program.load()
        module.caller()
        module.catches()

    whole = measurement()
    with whole.collect():
        tape = LineTape.current()
        assert tape is not None
        module = program.load()
        tape.switch("one")
        module.caller()
        tape.switch("two")
        module.catches()
        tape.switch("")
        taken = tape.taken()
        assert tape.branch is branch
        assert tape.conflict == ""
    assert totals(whole) == totals(plain)
    assert {"one", "two"} <= set(taken)

    replayed = measurement()
    with replayed.collect():
        tape = LineTape.current()
        assert tape is not None
        module = program.load()
        module.caller()
        tape.add(taken["two"])
        with pytest.raises(RecorderUnavailable, match="arcs"):
            tape.add({str(program.path): [1] if branch else [(1, 2)]})
    assert totals(replayed) == totals(plain)


def test_lines_and_recorder_share_one_measurement(tmp_path: Path) -> None:
    """The coverage recorder divides the tape's contexts, and the tape puts them together again."""
    program = Program(tmp_path / "program.py")
    measurement = coverage.Coverage(data_file=None, config_file=False, include=[str(program.path)])
    measurement.set_option("run:core", "ctrace")
    with measurement.collect():
        tape = LineTape.current()
        assert tape is not None
        session = start("coverage", program)
        module = program.load()
        tape.switch("one")
        session.recorder.take()
        module.plain()
        assert program.names(session.recorder.take()) == {"plain"}
        module.recursive(1)
        tape.switch("two")
        assert tape.conflict == ""
        taken = tape.taken()
        session.recorder.stop()
    lines = set(taken["one"][str(program.path)])
    assert program.executed({int(str(line)) for line in lines}) == {"plain", "recursive"}


def test_a_measurement_without_contexts_is_not_used(tmp_path: Path) -> None:
    """Under the sysmon core, and with dynamic_context, there is no tape, and a reason."""
    assert LineTape.current() is None
    assert LineTape.unavailable == ""
    measurement = coverage.Coverage(data_file=None, config_file=False)
    measurement.set_option("run:dynamic_context", "test_function")
    with measurement.collect():
        assert LineTape.current() is None
        assert "dynamic_context" in LineTape.unavailable
    if sys.version_info >= (3, 12):
        measurement = coverage.Coverage(data_file=None, config_file=False)
        measurement.set_option("run:core", "sysmon")
        with measurement.collect():
            assert LineTape.current() is None
            assert "sysmon" in LineTape.unavailable


def test_another_switcher_of_contexts_is_noticed(tmp_path: Path) -> None:
    """If somebody else switches contexts, the lines are incomplete and say so."""
    measurement = coverage.Coverage(data_file=None, config_file=False)
    measurement.set_option("run:core", "ctrace")
    with measurement.collect():
        tape = LineTape.current()
        assert tape is not None
        tape.switch("one")
        measurement.switch_context("test_a|run")
        tape.switch("two")
    assert tape.conflict == "test_a|run"
