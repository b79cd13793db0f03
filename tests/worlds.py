"""Small random programs of a few modules and tests, run in this process and recorded by hand."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType, ModuleType
from typing import Any

from testcache.code.source import Source, parse
from testcache.digest import of_text
from testcache.model import ABSENT, Defined, Digest, Input, Kind, Read, Trace

MODULES = ("alpha", "beta", "gamma")
TESTS = "test_world"
_ROOT = "/world"


_CALLS = 3000


class TooLong(BaseException):
    """A program by chance calls itself without end."""


@dataclass(frozen=True)
class World:
    """A program: for each module its statements in order."""

    modules: Mapping[str, tuple[str, ...]]

    def text(self, module: str) -> str:
        return "\n".join(self.modules[module]) + "\n"

    def source(self, path: str) -> Source | None:
        """What counts in a file of the program now."""
        module = path.removesuffix(".py")
        if module not in self.modules:
            return None
        return _parsed(self.text(module), module == TESTS)

    def digest_of(self, asked: Input) -> Digest:
        path, _, block = asked.name.partition("::")
        source = self.source(path)
        assert source is not None
        match asked.kind:
            case Kind.BODY:
                return source.body
            case Kind.DEFINITIONS:
                return source.defined
            case Kind.BLOCK:
                return source.blocks.get(block, ABSENT)
            case Kind.FILE:
                return of_text(self.text(path.removesuffix(".py")))
        raise LookupError(asked)


@dataclass
class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of one program from memory."""

    world: World
    loaded: list[str] = field(default_factory=list)

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.world.modules:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=f"{_ROOT}/{name}.py")

    def exec_module(self, module: ModuleType) -> None:
        self.loaded.append(module.__name__)
        module.__file__ = f"{_ROOT}/{module.__name__}.py"
        code = _compiled(self.world.text(module.__name__), module.__file__)
        exec(code, module.__dict__)  # noqa: S102


@functools.lru_cache(maxsize=256)
def _compiled(text: str, filename: str) -> CodeType:
    return compile(text, filename, "exec")


@functools.lru_cache(maxsize=256)
def _parsed(text: str, collected: bool) -> Source:
    return parse(text.encode(), collected=collected)


@contextmanager
def importable(world: World) -> Iterator[_Finder]:
    finder = _Finder(world)
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        for name in world.modules:
            sys.modules.pop(name, None)


@contextmanager
def watched() -> Iterator[set[tuple[str, int]]]:
    """Note where functions of the program start; stop one that goes on for too long."""
    places: set[tuple[str, int]] = set()
    calls = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1
        if calls > _CALLS:
            raise TooLong
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(_ROOT):
            places.add((code.co_filename[len(_ROOT) + 1 :], code.co_firstlineno))

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    sys.setprofile(profile)
    try:
        yield places
    finally:
        sys.setprofile(None)
        sys.setrecursionlimit(limit)


def run(world: World, test: str) -> tuple[str, Trace | None]:
    """Run one test of the program in fresh modules: what came out, and its trace if nothing was raised."""
    with importable(world) as finder, watched() as places:
        try:
            module: Any = __import__(TESTS)
            outcome = re.sub("0x[0-9a-f]+", "0x", repr(getattr(module, test)()))
        except (Exception, TooLong) as error:
            return f"{type(error).__name__}: {error}", None
    return outcome, _trace(world, places, finder.loaded)


def _trace(world: World, places: set[tuple[str, int]], loaded: Sequence[str]) -> Trace:
    reads: set[Read] = set()
    wanted = {Input(kind, f"{name}.py") for name in loaded for kind in (Kind.BODY, Kind.DEFINITIONS)}
    for name in loaded:
        for other in re.findall(r"from (\w+) import \*", world.text(name)):
            wanted.add(Input(Kind.FILE, f"{other}.py"))
    for path, line in places:
        source = world.source(path)
        assert source is not None
        block = source.block_at(line)
        if block:
            wanted.add(Input(Kind.BLOCK, f"{path}::{block}"))
    reads = {Read(asked, world.digest_of(asked)) for asked in wanted}
    return Trace((frozenset(reads),), "passed", (), 0.0, 0.0)


def recorded(world: World) -> Mapping[Digest, Mapping[str, Defined]]:
    """The definitions behind the fingerprints of a program."""
    sources = [world.source(f"{name}.py") for name in world.modules]
    return {source.defined: source.definitions for source in sources if source is not None}
