"""Probes change nothing but the marks they set."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import coverage
import pytest
from programs import Program, start

from testcache.recording import probe_tree
from testcache.recording.dials import DIALS

pytest_plugins = ["programs"]
pytestmark = [
    pytest.mark.skipif(coverage.Coverage.current() is not None, reason="measures coverage itself"),
    pytest.mark.usefixtures("bytecode"),
]


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


def test_the_marks_of_a_file_are_nobodys_state(tmp_path: Path) -> None:
    """They lie among the builtins, which tests may rest on; a later run imports, and marks, fewer files."""
    before = DIALS["builtins"].read()
    session = start("probes", Program(tmp_path / "program.py"))
    session.load()
    session.recorder.stop()
    assert DIALS["builtins"].read() == before


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


def test_probes_fit_real_code(tmp_path: Path) -> None:
    """All of asyncio compiles with probes, with the same functions on the same lines."""
    for path in sorted(Path(asyncio.__file__).parent.glob("*.py")):
        data, filename = path.read_bytes(), str(path)
        before = probe_tree.scan(compile(data, filename, "exec", dont_inherit=True), filename)
        tree = ast.parse(data, filename)
        probe_tree.instrument(tree, data, filename)
        after = probe_tree.scan(compile(tree, filename, "exec", dont_inherit=True), filename)
        assert after.probed
        assert (after.functions, after.last_line) == (before.functions, before.last_line)


def test_cached_bytecode_with_probes_follows_the_source(tmp_path: Path) -> None:
    """An edit makes new bytecode although time in seconds and size are the same."""
    program = Program(tmp_path / "program.py", "def one():\n    return 1\n")
    session = start("probes", program)
    assert session.load().one() == 1
    session.recorder.stop()
    stat = program.path.stat()
    program.path.write_text("def one():\n    return 2\n")
    os.utime(program.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    session = start("probes", program)
    assert session.load().one() == 2
    session.recorder.stop()


EARLY = """
import functools

def one():
    return 1

def two():
    return 2

def outer():
    def inner():
        return 3
    return inner

inner = outer()

def numbers():
    yield 4
    yield 5

going_on = numbers()
next(going_on)

@functools.lru_cache
def remembered(n):
    return [m for m in range(n)]

class Thing:
    @property
    def shown(self):
        return self
"""


def test_functions_loaded_before_the_probes_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are kept; one that is at work is reported in every period, as it goes on without."""
    program = Program(tmp_path / "program.py", EARLY)
    module = program.load()
    before = [module.one, module.one.__code__.co_firstlineno, module.one.__code__.co_code]
    monkeypatch.setitem(sys.modules, "loaded_before", module)
    session = start("probes", program)
    assert session.ran(lambda: None) == {"numbers"}
    assert session.ran(module.one) == {"one", "numbers"}
    assert session.ran(module.inner) == {"outer", "numbers"}  # as part of it
    assert session.ran(lambda: [module.outer()()]) == {"outer", "numbers"}
    assert session.ran(lambda: module.remembered(2)) == {"remembered", "numbers"}
    assert session.ran(lambda: module.Thing().shown) == {"Thing.shown", "numbers"}
    assert session.ran(lambda: list(module.numbers())) == {"numbers"}
    session.recorder.stop()
    assert (module.one(), next(module.going_on), module.outer()()) == (1, 5, 3)
    assert [module.one, module.one.__code__.co_firstlineno] == before[:2]


def test_functions_that_are_not_what_the_text_says_count_as_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows when they run: those of a file that was edited since, or that something else has made."""
    program = Program(tmp_path / "program.py", "def one():\n    return 1\n\ndef two():\n    return 2\n")
    monkeypatch.setitem(sys.modules, "loaded_before", program.load())
    program.path.write_text("def one():\n    return 10\n\ndef two():\n    return 2\n")
    session = start("probes", program)
    assert session.ran(lambda: None) == {"one"}
    session.recorder.stop()


def test_functions_that_cannot_be_compiled_with_probes_count_as_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty nested blocks are the compiler's limit, and a generator with a probe has one more."""
    lines = [" " * depth + f"while n < {depth}:" for depth in range(1, 21)]
    text = "\n".join(["def deep(n):", *lines, " " * 21 + "yield n", "", "def other():", "    return 1", ""])
    program = Program(tmp_path / "program.py", text)
    monkeypatch.setitem(sys.modules, "loaded_before", program.load())
    session = start("probes", program)
    assert session.ran(lambda: None) == {"deep", "other"}
    session.recorder.stop()


def test_functions_with_builtins_of_their_own_count_as_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no marks: the first call would fail."""
    program = Program(tmp_path / "program.py", "def one():\n    return len('a')\n")
    module = program.load()
    held = {"__builtins__": {"len": len}, "__name__": "program"}
    exec(compile(program.path.read_text(), str(program.path), "exec", dont_inherit=True), held)  # noqa: S102
    monkeypatch.setattr(module, "one", held["one"])
    monkeypatch.setitem(sys.modules, "loaded_before", module)
    session = start("probes", program)
    assert session.ran(lambda: None) == {"one"}
    session.recorder.stop()
    assert held["one"]() == 1  # type: ignore[operator]


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
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert "RAN [('helper.py', 1), ('test_it.py', 3)]" in done.stdout, done.stdout + done.stderr
        assert "assert 1 == 2" in done.stdout
    names = {path.name for path in (tmp_path / "__pycache__").iterdir()}
    assert any("pytest" in name and "-testcache" in name for name in names)
