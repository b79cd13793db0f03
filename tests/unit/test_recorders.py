"""Each recorder names the functions that ran, checked against coverage function by function."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import coverage
import pytest

from testcache.recording.measured import LineTape
from testcache.recording.recorder import Place, Recorder, RecorderUnavailable, choose, running

TECHNIQUES = ["probes", "coverage"] if sys.version_info < (3, 12) else ["monitoring", "probes", "coverage"]
BRACKETING = [name for name in TECHNIQUES if name != "coverage"]



@pytest.fixture(autouse=True)
def _bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode is written, whatever the environment of these tests says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


pytestmark = pytest.mark.skipif(coverage.Coverage.current() is not None, reason="measures coverage itself")

PROGRAM = '''
"""A program with one function of each sort."""
import contextlib, functools, threading

def plain(n=1):
    """Documented."""
    return n + 1

def caller():
    return plain() + plain(2)

def recursive(n):
    return n and recursive(n - 1)

def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@decorate
@decorate
def decorated(n):
    return n

class Thing:
    limit = 3

    def __init__(self):
        self.value = plain()

    def method(self):
        return self.value

    @property
    def shown(self):
        return self.method()

    @staticmethod
    def static():
        return Thing.limit

    class Inner:
        def deep(self):
            return 1

def only_documented():
    """Nothing else."""

def with_lambda():
    return list(map(lambda n: n + 1, [n for n in range(2)]))

def fails():
    raise ValueError("no")

def catches():
    try:
        fails()
    except ValueError:
        return True

def numbers():
    yield 1
    yield 2
    yield 3

def delegates():
    yield from numbers()

@contextlib.contextmanager
def managed():
    try:
        yield 1
    finally:
        plain()

def swallows():
    with contextlib.suppress(ValueError):
        yield 1
    yield 2

def unguarded():
    yield 1

async def resting(future):
    await future
    return plain()

async def listed(items):
    found = []
    async for item in items:
        found.append(item)
    return found

async def produced():
    yield 1
    yield 2

def in_thread():
    thread = threading.Thread(target=plain)
    thread.start()
    thread.join()

counter = 0

def globally():
    global counter
    counter += 1

def at_import():
    return plain()

READY = at_import()
if False:
    def never():
        return 0
'''


@dataclass
class Program:
    """One source file: import it, and turn places into names of its outermost functions."""

    path: Path
    text: str = PROGRAM
    module: ModuleType | None = None

    def __post_init__(self) -> None:
        self.path.write_text(textwrap.dedent(self.text))

    def wanted(self, filename: str) -> bool:
        return filename == str(self.path)

    def load(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def line(self, name: str) -> int:
        return next(first for found, first, _ in self._spans() if found == name)

    def place(self, name: str) -> Place:
        return str(self.path), self.line(name)

    def names(self, places: set[Place]) -> set[str]:
        """Outermost functions and methods that contain the places; module level does not count."""
        assert {filename for filename, _ in places} <= {str(self.path)}
        spans = list(self._spans())
        return {name for _, line in places for name, first, last in spans if first <= line <= last}

    def executed(self, lines: set[int]) -> set[str]:
        """The same from executed lines, where a def or class line is executed by its module."""
        found = set()
        for name, first, last in self._spans():
            body = self._body_lines(first, last)
            if lines & body:
                found.add(name)
        return found

    def _body_lines(self, first: int, last: int) -> set[int]:
        for node in ast.walk(ast.parse(self.path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if start == first:
                    return set(range(node.body[0].lineno, last + 1))
        raise LookupError(first)

    def _spans(self) -> Iterator[tuple[str, int, int]]:
        pending: list[tuple[str, ast.stmt]] = [("", node) for node in ast.parse(self.path.read_text()).body]
        while pending:
            prefix, node = pending.pop()
            if isinstance(node, ast.ClassDef):
                pending.extend((f"{prefix}{node.name}.", child) for child in node.body)
            elif isinstance(node, ast.If):
                pending.extend((prefix, child) for child in node.body)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield prefix + node.name, first, node.end_lineno or first


@dataclass
class Listener:
    """What was told about extents, as (word, line)."""

    heard: list[tuple[str, int]] = field(default_factory=list)
    then: Callable[[Place], None] | None = None

    def entered(self, place: Place) -> None:
        self.heard.append(("entered", place[1]))
        if self.then is not None:
            self.then(place)

    def left(self, place: Place) -> None:
        self.heard.append(("left", place[1]))
        if self.then is not None:
            self.then(place)

    def flooded(self, place: Place) -> None:
        self.heard.append(("flooded", place[1]))


@dataclass
class Session:
    """A started recorder with its program and listener."""

    recorder: Recorder
    program: Program
    listener: Listener

    def load(self) -> ModuleType:
        return self.program.load()

    def ran(self, act: Callable[[], object]) -> set[str]:
        self.recorder.take()
        act()
        return self.program.names(self.recorder.take())


def start(technique: str, program: Program, memos: frozenset[str] = frozenset()) -> Session:
    listener = Listener()
    lines = [program.line(name) for name in memos]
    recorder = choose(
        technique,
        wanted=program.wanted,
        entered=listener.entered,
        left=listener.left,
        flooded=listener.flooded,
        memo_lines=lambda filename, data: lines,
    )
    recorder.start()
    return Session(recorder, program, listener)


@pytest.fixture(params=TECHNIQUES)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A recorder of each technique over the program."""
    session = start(request.param, Program(tmp_path / "program.py"))
    yield session
    session.recorder.stop()


@pytest.fixture(params=BRACKETING)
def bracketing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A recorder that can report extents, with plain, recursive, fails, caller and numbers as memos."""
    memos = frozenset({"plain", "recursive", "fails", "caller", "numbers"})
    session = start(request.param, Program(tmp_path / "program.py"), memos)
    yield session
    session.recorder.stop()


def consumed(module: ModuleType) -> object:
    return asyncio.run(module.listed(module.produced()))


def resting(module: ModuleType) -> object:
    async def main() -> object:
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(module.resting(future))
        await asyncio.sleep(0)
        future.set_result(1)
        return await task

    return asyncio.run(main())


ACTS: dict[str, Callable[[ModuleType], object]] = {
    "plain": lambda m: m.plain(),
    "caller": lambda m: m.caller(),
    "recursive": lambda m: m.recursive(5),
    "decorated": lambda m: m.decorated(1),
    "thing": lambda m: m.Thing().shown,
    "static": lambda m: m.Thing.static(),
    "deep": lambda m: m.Thing.Inner().deep(),
    "with_lambda": lambda m: m.with_lambda(),
    "catches": lambda m: m.catches(),
    "delegates": lambda m: list(m.delegates()),
    "managed": lambda m: m.managed().__enter__(),
    "async for": consumed,
    "await": resting,
    "thread": lambda m: m.in_thread(),
    "global": lambda m: m.globally(),
}


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


def test_an_exception_that_passes_through_a_generator_is_a_resumption(bracketing: Session) -> None:
    """Even a generator that does not handle it could have."""
    module = bracketing.load()
    unguarded = module.unguarded()
    bracketing.ran(lambda: next(unguarded))

    def throw() -> None:
        with pytest.raises(ValueError, match="x"):
            unguarded.throw(ValueError("x"))

    assert bracketing.ran(throw) == {"unguarded"}


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
        recorder = choose(
            technique,
            wanted=lambda filename: filename.startswith(str(tmp_path)),
            entered=Listener().entered,
            left=Listener().left,
        )
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


def test_an_extent_brackets_each_run_of_a_watched_function(bracketing: Session) -> None:
    """entered comes before and left after, in the order of the calls."""
    line = bracketing.program.line
    bracketing.recorder.watch(str(bracketing.program.path), [line("plain"), line("caller")])
    module = bracketing.load()
    bracketing.listener.heard.clear()
    module.caller()
    plain, caller = line("plain"), line("caller")
    assert bracketing.listener.heard == [
        ("entered", caller),
        *[("entered", plain), ("left", plain)] * 2,
        ("left", caller),
    ]


def test_a_function_can_be_watched_after_it_ran(bracketing: Session) -> None:
    """watch also holds for code that was executed before, and only from then on."""
    module = bracketing.load()
    module.recursive(1)
    assert bracketing.listener.heard == []
    line = bracketing.program.line("recursive")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module.recursive(1)
    assert bracketing.listener.heard == [("entered", line)] * 2 + [("left", line)] * 2


def test_takes_inside_the_callbacks_divide_what_ran(bracketing: Session) -> None:
    """A take at entered and at left gives the extent's own functions; the mark of the function too."""
    parts: list[set[str]] = []
    program = bracketing.program
    bracketing.recorder.watch(str(program.path), [program.line("caller")])
    module = bracketing.load()
    bracketing.recorder.take()
    bracketing.listener.then = lambda place: parts.append(program.names(bracketing.recorder.take()))
    module.recursive(0)
    module.caller()
    module.decorated(1)
    assert [*parts, program.names(bracketing.recorder.take())] == [
        {"recursive"},
        {"caller", "plain"},
        {"decorate", "decorated"} ,
    ]


def test_a_watched_function_that_raises_does_not_stay_open(bracketing: Session) -> None:
    """An extent that ended by an exception is ended at the latest by settle."""
    program = bracketing.program
    bracketing.recorder.watch(str(program.path), [program.line("fails"), program.line("plain")])
    module = bracketing.load()
    bracketing.listener.heard.clear()
    module.catches()
    bracketing.recorder.settle()
    fails, plain = program.line("fails"), program.line("plain")
    assert bracketing.listener.heard == [("entered", fails), ("left", fails)]
    module.catches()
    module.plain()
    assert bracketing.listener.heard[2:] == [
        ("entered", fails),
        ("left", fails),
        ("entered", plain),
        ("left", plain),
    ]


def test_a_watched_generator_is_bracketed_or_declared_flooded(bracketing: Session) -> None:
    """No part of a generator runs unannounced: each piece is bracketed, or flooded was called."""
    line = bracketing.program.line("numbers")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module = bracketing.load()
    list(module.numbers())
    if bracketing.recorder.name == "probes":
        assert bracketing.listener.heard == [("flooded", line)]
    else:
        assert bracketing.listener.heard == [("entered", line), ("left", line)] * 4


def test_a_function_that_runs_too_often_floods_once_in_a_period(bracketing: Session) -> None:
    """After 200 extents a function is only recorded, until the next period."""
    line = bracketing.program.line("plain")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module = bracketing.load()
    bracketing.recorder.take()
    bracketing.listener.heard.clear()
    bracketing.listener.then = lambda place: bracketing.recorder.take() and None
    for _ in range(300):
        module.plain()
    assert bracketing.listener.heard == [*[("entered", line), ("left", line)] * 200, ("flooded", line)]
    assert bracketing.program.names(bracketing.recorder.take()) == {"plain"}
    module.plain()
    assert bracketing.listener.heard[401:] == [("entered", line), ("left", line)]


def test_an_error_in_a_callback_stays_out_of_the_tested_code(bracketing: Session) -> None:
    """The tested function returns as usual, and the recorder remembers the failure."""

    def broken(place: Place) -> None:
        raise RuntimeError("ours")

    bracketing.recorder.watch(str(bracketing.program.path), [bracketing.program.line("plain")])
    bracketing.listener.then = broken
    module = bracketing.load()
    assert module.plain() == 2
    assert bracketing.recorder.failure == "RuntimeError: ours"


def test_a_forked_child_streams_what_it_runs(bracketing: Session, tmp_path: Path) -> None:
    """A child that is killed has already reported its functions, each once."""
    module = bracketing.load()
    module.caller()
    bracketing.recorder.take()
    report = tmp_path / "report"
    child = os.fork()
    if child == 0:
        file = os.open(report, os.O_CREAT | os.O_WRONLY)
        bracketing.recorder.take()
        bracketing.recorder.streamed(lambda place: os.write(file, f"{place[1]}\n".encode()) and None)
        module.caller()
        module.caller()
        os._exit(0)
    os.waitpid(child, 0)
    lines = report.read_text().split()
    places = {(str(bracketing.program.path), int(line)) for line in lines}
    assert bracketing.program.names(places) == {"caller", "plain"}
    assert len(lines) == 2


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


def test_probes_of_a_forked_child_mark_in_its_parent(tmp_path: Path) -> None:
    """A child that never reports is still seen, except for what it imports by itself."""
    session = start("probes", Program(tmp_path / "program.py"))
    late = Program(tmp_path / "late.py", "def late():\n    return 1\n")
    module = session.load()
    session.recorder.take()
    child = os.fork()
    if child == 0:
        module.caller()
        late.load().late()
        os._exit(0)
    os.waitpid(child, 0)
    found = session.program.names(session.recorder.take())
    session.recorder.stop()
    assert found == {"caller", "plain"}


def test_probes_change_nothing_else_about_a_module(tmp_path: Path) -> None:
    """Docstrings, signatures, line numbers, names and the ordinary bytecode stay as they were."""
    program = Program(tmp_path / "program.py")
    session = start("probes", program)
    with_probes, cached = session.load(), session.load()
    session.recorder.stop()
    plain = program.load()
    assert set(vars(with_probes)) == set(vars(plain)) == set(vars(cached))
    for module in (with_probes, cached):
        assert type(module.__loader__) is type(plain.__loader__)
        assert module.plain.__doc__ == "Documented."
        assert module.only_documented.__doc__ == plain.only_documented.__doc__
        assert module.plain.__defaults__ == plain.plain.__defaults__
        with pytest.raises(ValueError, match="no") as caught:
            module.fails()
        assert caught.traceback[-1].lineno == program.line("fails")
    names = sorted(path.name for path in (tmp_path / "__pycache__").iterdir())
    assert len(names) == 2
    ordinary = next(path for path in (tmp_path / "__pycache__").iterdir() if "-testcache" not in path.name)
    assert b"__testcache_" not in ordinary.read_bytes()


def test_cached_bytecode_with_probes_follows_the_source(tmp_path: Path) -> None:
    """An edit, and other memo lines, make new bytecode although time and size are the same."""
    program = Program(tmp_path / "program.py", "def one():\n    return 1\n")
    session = start("probes", program)
    assert session.load().one() == 1
    session.recorder.stop()
    stat = program.path.stat()
    program.path.write_text("def one():\n    return 2\n")
    os.utime(program.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    session = start("probes", program, frozenset({"one"}))
    assert session.load().one() == 2
    session.recorder.watch(str(program.path), [1])
    session.load().one()
    session.recorder.stop()
    assert session.listener.heard == [("entered", 1), ("left", 1)]


def test_modules_loaded_before_the_probes_count_as_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be seen is reported in every period."""
    program = Program(tmp_path / "program.py", "def one():\n    return 1\n")
    monkeypatch.setitem(sys.modules, "loaded_before", program.load())
    session = start("probes", program)
    assert session.ran(lambda: None) == {"one"}
    session.recorder.stop()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring")
def test_monitoring_leaves_other_tools_alone(tmp_path: Path) -> None:
    """Tool ids in use are avoided, and with too few free ones the technique says so."""
    assert sys.version_info >= (3, 12)
    for tool in (4, 5):
        sys.monitoring.use_tool_id(tool, "another")
    try:
        session = start("monitoring", Program(tmp_path / "program.py"))
        module = session.load()
        assert session.ran(module.caller) == {"caller", "plain"}
        with pytest.raises(RecorderUnavailable, match="free"):
            for tool in range(6):
                if sys.monitoring.get_tool(tool) is None:
                    sys.monitoring.use_tool_id(tool, "another")
            start("monitoring", session.program)
        session.recorder.stop()
    finally:
        for tool in range(6):
            if sys.monitoring.get_tool(tool) == "another":
                sys.monitoring.free_tool_id(tool)


def test_auto_takes_the_best_technique(tmp_path: Path) -> None:
    """monitoring where there is one, else probes."""
    session = start("auto", Program(tmp_path / "program.py"))
    session.recorder.stop()
    assert session.recorder.name == TECHNIQUES[0]


def test_an_unknown_technique_is_refused(tmp_path: Path) -> None:
    """A wrong name is an error with the name in it."""
    with pytest.raises(RecorderUnavailable, match="magic"):
        start("magic", Program(tmp_path / "program.py"))


CORES = ["ctrace"] if sys.version_info < (3, 12) else ["ctrace", "sysmon"]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("branch", [False, True])
def test_the_users_coverage_is_the_same_with_a_recorder(
    tmp_path: Path, technique: str, core: str, branch: bool
) -> None:
    """A measurement running at the same time has the very same totals, and the recorder its functions."""
    program = Program(tmp_path / "program.py")
    memos = frozenset({"plain", "caller", "recursive", "fails", "catches", "decorated"})
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys, coverage, io
            from pathlib import Path
            sys.path[:0] = [{str(Path(__file__).parent)!r}]
            import test_recorders as t
            program = t.Program(Path({str(program.path)!r}))
            technique = sys.argv[1]
            cov = coverage.Coverage(data_file=None, config_file=False, branch={branch}, include=[str(program.path)])
            cov.set_option("run:core", {core!r})
            cov.set_option("run:disable_warnings", ["no-sysmon", "no-sysmon-context"])
            cov.start()
            session = None
            if technique != "none":
                session = t.start(technique, program, frozenset({set(memos)!r}))
                session.recorder.watch(str(program.path), [program.line(name) for name in {set(memos)!r}])
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
        made = coverage.Coverage(
            data_file=None, config_file=False, branch=branch, include=[str(program.path)]
        )
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


def test_test_modules_are_instrumented_behind_pytests_rewriting(tmp_path: Path) -> None:
    """Test functions have probes and rewritten assertions, from fresh and from cached bytecode."""
    (tmp_path / "helper.py").write_text("def helped():\n    return 1\n")
    (tmp_path / "test_it.py").write_text(
        "from helper import helped\n\ndef test_it():\n    value = helped()\n    assert value == 2\n"
    )
    (tmp_path / "watcher.py").write_text(
        textwrap.dedent("""
            from pathlib import Path
            import pytest
            from testcache.recording.recorder import choose

            recorder = choose(
                "probes",
                wanted=lambda name: name.startswith(str(Path(__file__).parent)) and "watcher" not in name,
                entered=lambda place: None,
                left=lambda place: None,
            )
            recorder.start()

            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_protocol(item):
                recorder.take()
                result = yield
                print("RAN", sorted((Path(name).name, line) for name, line in recorder.take()))
                return result
            """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "pytest", "-p", "watcher", "-p", "no:cacheprovider", "-s", "test_it.py"]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert "RAN [('helper.py', 1), ('test_it.py', 3)]" in done.stdout, done.stdout + done.stderr
        assert "assert 1 == 2" in done.stdout
    names = {path.name for path in (tmp_path / "__pycache__").iterdir()}
    assert any("pytest" in name and "-testcache" in name for name in names)
