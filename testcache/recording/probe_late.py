"""Probes for functions that were there before: those of a plugin that pytest has loaded first, say.

A function keeps its identity and gets another code object, compiled from the same text with probes. Only one that is
what the text says gets it: with rewritten assertions, or edited since, it counts as executed in every period, and
so does one that is at work just now, and whatever was defined inside of one that got none.
"""

from __future__ import annotations

import ast
import builtins
import gc
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any, NamedTuple

from testcache.recording import probe_tree

_Key = tuple[str, int]
_PARTS = (
    "co_code", "co_exceptiontable", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount",
    "co_kwonlyargcount", "co_posonlyargcount",
)  # fmt: skip
"""What else makes out a code object, besides its constants; with it, comparing does not see what is specialised."""

_FROZEN = 1_000
"""Objects that the garbage collector tells nothing of, if somebody has had it pass over all; 3.12 begins with 375."""


class Present(NamedTuple):
    """What there is of a file: its functions, and the first lines of the code that is at work, or suspended."""

    functions: list[FunctionType]
    at_work: set[int]


def present(filenames: Collection[str]) -> Mapping[str, Present]:
    """What there is of these files. Cost: 50 ns an object of the process, if there are any."""
    found = {filename: Present([], set()) for filename in filenames}
    objects = gc.get_objects() if found and gc.get_freeze_count() < _FROZEN else []
    for thing in objects:
        if type(thing) is FunctionType and thing.__code__.co_filename in found:
            found[thing.__code__.co_filename].functions.append(thing)
    for code in _at_work(objects) if found else ():
        if code.co_filename in found:  # and what it will define yet
            found[code.co_filename].at_work.update(one.co_firstlineno for one in probe_tree.codes_in(code))
    return found


def equip(data: bytes, plain: CodeType, there: Present) -> set[int]:
    """Give the functions of one file code with probes: the first lines of all that have some now.

    `data` is the text of the file, and `plain` what it compiles to.
    """
    filename = plain.co_filename
    tree = ast.parse(data, filename)
    probe_tree.instrument(tree, data, filename)
    try:
        probed = compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):  # twenty nested blocks are the compiler's limit, and a probe may be one more
        return set()
    before, after = _by_key(plain), _by_key(probed)
    given, without = set[_Key](), set[int]()
    for function in there.functions:
        code = function.__code__
        key = (code.co_qualname, code.co_firstlineno)
        is_told = key in after and _alike(code, before[key]) and code.co_freevars == after[key].co_freevars
        if is_told and _has_marks(function):
            function.__code__ = after[key]
            given.add(key)
        else:
            without.add(code.co_firstlineno)
    inside = {code.co_firstlineno for key in given for code in probe_tree.codes_in(after[key])}
    return inside - without - there.at_work


def _has_marks(function: Any) -> bool:
    """Whether it finds the marks among its builtins: a sandbox may have given it others."""
    return function.__builtins__ is vars(builtins)


def _by_key(module: CodeType) -> dict[_Key, CodeType]:
    return {(code.co_qualname, code.co_firstlineno): code for code in probe_tree.codes_in(module)}


def _alike(one: CodeType, other: CodeType) -> bool:
    if any(getattr(one, name) != getattr(other, name) for name in _PARTS):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    pairs = zip(one.co_consts, other.co_consts, strict=True)
    return all(
        _alike(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else repr(a) == repr(b) for a, b in pairs
    )


def _at_work(objects: Iterable[object]) -> Iterator[CodeType]:
    """The code of all frames that go on some time: of any thread, and of what is suspended."""
    for top in sys._current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            yield frame.f_code
            frame = frame.f_back
    for thing in objects:
        code: Any = None
        if type(thing) is GeneratorType:
            code = thing.gi_code
        elif type(thing) is CoroutineType:
            code = thing.cr_code
        elif type(thing) is AsyncGeneratorType:
            code = thing.ag_code
        if code is not None:
            yield code
