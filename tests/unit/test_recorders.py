"""Each recorder names the functions that ran, checked against coverage function by function."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import coverage
import pytest
from programs import ACTS, TECHNIQUES, Program, Session, start

from testcache.recording.recorder import RecorderUnavailable, choose, place_of, running

pytest_plugins = ["programs"]
pytestmark = [
    pytest.mark.skipif(coverage.Coverage.current() is not None, reason="measures coverage itself"),
    pytest.mark.usefixtures("bytecode"),
]


@pytest.mark.parametrize("act", ACTS)
def test_each_sort_of_function_is_reported_as_coverage_sees_it(session: Session, act: str) -> None:
    """The functions reported are exactly those in which coverage saw a line."""
    module = session.load()
    found = session.ran(lambda: ACTS[act](module))
    session.recorder.stop()
    reference = coverage.Coverage(data_file=None, config_file=False, include=[str(session.program.path)])
    reference.set_option("run:core", "ctrace")
    module = session.load()
    with reference.collect():
        ACTS[act](module)
    lines = set(reference.get_data().lines(str(session.program.path)) or ())
    assert found == session.program.executed(lines)


def test_a_function_with_nothing_but_a_docstring_is_reported(session: Session) -> None:
    """An empty body counts as run."""
    module = session.load()
    assert session.ran(module.only_documented) == {"only_documented"}


def test_functions_that_run_at_import_are_reported(session: Session) -> None:
    """What the module body calls is reported with the import."""
    found = session.ran(session.load)
    assert {"at_import", "plain"} <= found
    assert "caller" not in found or session.recorder.name == "coverage"


def test_a_second_period_reports_the_same_function_again(session: Session) -> None:
    """Nothing is remembered across periods."""
    module = session.load()
    assert session.ran(module.caller) == {"caller", "plain"}
    assert session.ran(module.caller) == {"caller", "plain"}
    assert session.ran(lambda: None) == set()
    assert session.ran(module.caller) == {"caller", "plain"}


def test_a_generator_resumed_later_is_reported_later(session: Session) -> None:
    """A generator begun in one period counts in each period that resumes it."""
    module = session.load()
    numbers = module.numbers()
    assert session.ran(lambda: next(numbers)) == {"numbers"}
    assert session.ran(lambda: None) == set()
    assert session.ran(lambda: next(numbers)) == {"numbers"}
    assert session.ran(lambda: next(numbers)) == {"numbers"}


def test_an_exception_thrown_into_a_generator_is_a_resumption(session: Session) -> None:
    """Handlers of a suspended generator belong to the period that throws."""
    module = session.load()
    manager, swallowing = module.managed(), module.swallows()
    session.ran(manager.__enter__)
    session.ran(lambda: next(swallowing))
    assert session.ran(lambda: manager.__exit__(None, None, None)) == {"managed", "plain"}
    assert session.ran(lambda: swallowing.throw(ValueError)) == {"swallows"}


def test_an_exception_that_passes_through_a_generator_is_a_resumption(streaming: Session) -> None:
    """Even a generator that does not handle it could have."""
    module = streaming.load()
    unguarded = module.unguarded()
    streaming.ran(lambda: next(unguarded))

    def throw() -> None:
        with pytest.raises(ValueError, match="x"):
            unguarded.throw(ValueError("x"))

    assert streaming.ran(throw) == {"unguarded"}


def test_a_coroutine_resumed_later_is_reported_later(session: Session) -> None:
    """A task that waits through a period counts again when it goes on."""
    module = session.load()
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()
        task = loop.create_task(module.resting(future))
        assert session.ran(lambda: loop.run_until_complete(asyncio.sleep(0))) == {"resting"}
        assert session.ran(lambda: loop.run_until_complete(asyncio.sleep(0))) == set()
        future.set_result(None)
        assert session.ran(lambda: loop.run_until_complete(task)) == {"resting", "plain"}
    finally:
        loop.close()


def test_code_given_to_exec_counts_under_its_file_name(session: Session) -> None:
    """Compiled templates with a real file name are reported, whatever the suffix."""
    template = session.program.path.with_suffix(".html")
    text = "def render():\n    return 1\n\ndef other():\n    return 2\n"
    session.program.path = template
    template.write_text(text)
    namespace: dict[str, Callable[[], int]] = {}
    exec(compile(text, str(template), "exec"), namespace)  # noqa: S102
    session.recorder.take()
    found = session.ran(namespace["render"])
    assert found == {"render"} if session.recorder.name != "probes" else found == {"render", "other"}


def test_code_of_the_same_text_in_other_files_is_kept_apart(tmp_path: Path) -> None:
    """Code objects are equal without regard to their file; places are not."""
    for technique in TECHNIQUES:
        first, second = Program(tmp_path / "first.py"), Program(tmp_path / "second.py")
        recorder = choose(technique, wanted=lambda filename: filename.startswith(str(tmp_path)))
        recorder.start()
        one, two = first.load(), second.load()
        recorder.take()
        two.plain()
        assert {Path(filename).name for filename, _ in recorder.take()} == {"second.py"}
        one.plain()
        assert {Path(filename).name for filename, _ in recorder.take()} == {"first.py"}
        recorder.stop()


def test_a_thread_that_goes_on_is_found_on_its_stack(session: Session, tmp_path: Path) -> None:
    """What merely keeps running is added by `running`."""
    program = Program(tmp_path / "loop.py", "def loop(begun, end):\n    begun.set()\n    end.wait()\n")
    module = program.load()
    begun, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=module.loop, args=(begun, end))
    thread.start()
    begun.wait()
    assert program.names(running(program.wanted)) == {"loop"}
    end.set()
    thread.join()
    assert running(program.wanted) == set()


def test_to_look_at_the_stack_keeps_nothing_alive() -> None:
    """What the callers hold is gone when they return, without a look for garbage: tests of weak references see it."""

    class Held:
        pass

    def holding() -> weakref.ref[Held]:
        held = Held()
        running(lambda _: True)
        return weakref.ref(held)

    gc.disable()
    try:
        assert holding()() is None
    finally:
        gc.enable()


def test_a_forked_child_streams_what_it_runs(streaming: Session, tmp_path: Path) -> None:
    """A child that is killed has already reported its functions, also in a second round without a take."""
    module = streaming.load()
    module.caller()
    streaming.recorder.take()
    report = tmp_path / "report"
    child = os.fork()
    if child == 0:
        file = os.open(report, os.O_CREAT | os.O_WRONLY)
        streaming.recorder.take()

        def write(word: str) -> None:
            os.write(file, f"{word}\n".encode())

        streaming.recorder.streamed(lambda place: write(str(place[1])))
        module.caller()
        write("again")
        module.caller()
        os._exit(0)
    os.waitpid(child, 0)
    for lines in report.read_text().split("again"):
        places = {(str(streaming.program.path), int(line)) for line in lines.split()}
        assert streaming.program.names(places) == {"caller", "plain"}


def test_a_forked_child_takes_what_it_ran(session: Session) -> None:
    """take works in the child of a fork, more than once."""
    module = session.load()
    module.caller()
    session.recorder.take()
    child = os.fork()
    if child == 0:
        good = True
        for _ in range(2):
            module.caller()
            good = good and session.program.names(session.recorder.take()) == {"caller", "plain"}
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if sys.version_info >= (3, 12):

    def test_monitoring_leaves_other_tools_alone(tmp_path: Path) -> None:
        """Tool ids in use are avoided, and with too few free ones the technique says so."""
        tools, taken = sys.monitoring, [4, 5]
        for tool in taken:
            tools.use_tool_id(tool, "another")
        try:
            session = start("monitoring", Program(tmp_path / "program.py"))
            module = session.load()
            assert session.ran(module.caller) == {"caller", "plain"}
            rest = [tool for tool in range(6) if tools.get_tool(tool) is None]
            for tool in rest:
                tools.use_tool_id(tool, "another")
            taken += rest
            with pytest.raises(RecorderUnavailable, match="free"):
                start("monitoring", session.program)
            session.recorder.stop()
        finally:
            for tool in taken:
                tools.free_tool_id(tool)


def test_auto_takes_the_best_technique(tmp_path: Path) -> None:
    """monitoring where there is one, else probes."""
    session = start("auto", Program(tmp_path / "program.py"))
    session.recorder.stop()
    assert session.recorder.name == TECHNIQUES[0]


def test_an_unknown_technique_is_refused(tmp_path: Path) -> None:
    """A wrong name is an error with the name in it."""
    with pytest.raises(RecorderUnavailable, match="magic"):
        start("magic", Program(tmp_path / "program.py"))


BODY = """
class A:
    x = [i for i in range(3)]
    y = tuple(i for i in x)
    z = lambda: 1
    def f(self):
        class In:
            s = [i for i in range(3)]
    class B:
        pass
"""


def test_what_runs_with_the_statements_of_a_module_is_its_body() -> None:
    """Bodies of classes and comprehensions there; what is in a function has its line, and so has a lambda."""
    found = {}
    pending = [compile(BODY, "m.py", "exec")]
    while pending:
        code = pending.pop()
        found[code.co_qualname] = place_of(code)[1]
        pending += [part for part in code.co_consts if isinstance(part, CodeType)]
    lines = {name: line for name, line in found.items() if line and "comp" not in name}
    assert lines == {"A.<lambda>": 5, "A.f": 6, "A.f.<locals>.In": 7}
    assert {"<module>", "A", "A.B", "A.<genexpr>"} <= found.keys()
