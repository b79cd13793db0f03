"""A program with one function of each sort, and recorders over it, for tests (PYTEST_DONT_REWRITE)."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from testcache.recording.recorder import Place, Recorder, choose

TECHNIQUES = ["probes", "coverage"] if sys.version_info < (3, 12) else ["monitoring", "probes", "coverage"]
STREAMING = [name for name in TECHNIQUES if name != "coverage"]


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

def rebound():
    thing = 1
    number = thing
    thing = 2
    for number in (1, 2):
        thing = number
    return thing

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
class Session:
    """A started recorder with its program."""

    recorder: Recorder
    program: Program

    def load(self) -> ModuleType:
        return self.program.load()

    def ran(self, act: Callable[[], object]) -> set[str]:
        self.recorder.take()
        act()
        return self.program.names(self.recorder.take())


def start(technique: str, program: Program) -> Session:
    recorder = choose(technique, wanted=program.wanted)
    recorder.start()
    return Session(recorder, program)


@pytest.fixture(params=TECHNIQUES)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A recorder of each technique over the program."""
    session = start(request.param, Program(tmp_path / "program.py"))
    yield session
    session.recorder.stop()


@pytest.fixture(params=STREAMING)
def streaming(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A recorder of each technique that children can use, and that sees functions instead of lines."""
    session = start(request.param, Program(tmp_path / "program.py"))
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


@pytest.fixture
def bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode is written, whatever the environment of these tests says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
