"""Ends of wide fixtures that judge what tests have left: they do so for all of these, or say nothing of a full run.

A spy that must not have been called more than thrice, a class whose tests must have handled each event: where only one
of the tests that share it runs, its end comes upon what that one has left. So those run, too, that had left it
something.
Whether the code of an end judges is told by what stands in it: an assertion, a `raise`, a call of `assert_called()`,
`check(...)` or the like. Other ends, that close and clean up, are many, and no reason to run more.

Does not see: an end whose checks have another name, and those of asynchronous fixtures.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from inspect import CO_GENERATOR
from itertools import dropwhile
from types import CodeType, FunctionType, GeneratorType
from typing import Any, Final

import pytest

from testcache.inputs.world import World
from testcache.model import Kind, NodeId, Trace
from testcache.session.wide import wide

_SAYS_SO: Final = re.compile(r"_*(assert|verify|check|fail|ensure|expect)")
_OF_UNITTEST: Final = ("teardown_class", "tearDownClass", "teardown_module", "tearDownModule")


def held_by_end(definition: pytest.FixtureDef[Any]) -> Mapping[str, object]:
    """The variables of a fixture that is set up and has yet to go on, and the functions that it names for its end."""
    found: dict[str, object] = {}
    for number, finalizer in enumerate(getattr(definition, "_finalizers", ())):
        is_partial = isinstance(finalizer, partial)
        for at, part in enumerate((finalizer.func, *finalizer.args) if is_partial else (finalizer,)):
            if type(part) is GeneratorType and part.gi_frame is not None:
                found |= part.gi_frame.f_locals
            elif type(part) is FunctionType:
                found[f"{number} {at}"] = part
    return found


def judged_together(
    items: Iterable[pytest.Item], world: World, traces: Callable[[], Mapping[NodeId, Trace]]
) -> set[NodeId]:
    """Those that have left something for ends that judge, which these tests bring about; they are to run with them.

    Costs nothing where no such end is near: `traces`, of all tests, is asked only then.
    """
    ends = {end for item in items for end in _ends(item, world)}
    if not ends:
        return set()
    known = traces()
    judged = {one for trace in known.values() if _rests_on(trace, ends) for one in trace.found if one.late}
    places = {one.place for one in judged}
    counted = {node for node, trace in known.items() if any(left.place in places for left in trace.left)}
    return counted | {one.filler for one in judged}


def judging(definition: pytest.FixtureDef[Any], *nodes: object) -> Iterator[CodeType]:
    """The code that judges at the end of a fixture: its own, or that of the test classes and modules it stands for."""
    if not (getattr(definition.func, "__module__", None) or "").startswith("_pytest."):
        code = _code_of(definition.func)
        if code is not None and _judges_at_end(code):
            yield code
        return
    methods = (getattr(getattr(node, "obj", None), name, None) for node in nodes for name in _OF_UNITTEST)
    yield from (code for code in map(_code_of, methods) if code is not None and judges(code))


def _rests_on(trace: Trace, blocks: set[str]) -> bool:
    inputs = (read.input for part in trace.parts for read in part)
    return any(kind is Kind.BLOCK and name in blocks for kind, name in inputs)


def _ends(item: pytest.Item, world: World) -> Iterator[str]:
    """The blocks of code of the project that judge when what a test shares with others comes to its end."""
    nodes = item.listchain()
    for code in {code for one in wide(item) for code in judging(one, *nodes)}:
        if world.roots.is_first_party(code.co_filename):
            path = world.roots.name(code.co_filename)
            source = world.source(path)
            if source is not None:
                yield f"{path}::{source.block_at(code.co_firstlineno)}"


def _code_of(function: Any) -> CodeType | None:
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", None)


def judges(code: CodeType) -> bool:
    """Whether code judges, or a function inside it."""
    return any(map(_is_judgement, dis.get_instructions(code))) or any(map(judges, _inner(code)))


@lru_cache(1024)
def _judges_at_end(code: CodeType) -> bool:
    """Whether a fixture does so behind its `yield`, or in a function that it names for its end."""
    names = {*code.co_names}
    if code.co_flags & CO_GENERATOR:
        behind = dropwhile(lambda one: one.opname != "YIELD_VALUE", dis.get_instructions(code))
        if any(map(_is_judgement, behind)):
            return True
    elif "addfinalizer" not in names:
        return False
    return not names.isdisjoint(("addfinalizer", "callback")) and any(map(judges, _inner(code)))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (one for one in code.co_consts if isinstance(one, CodeType))


def _is_judgement(instruction: dis.Instruction) -> bool:
    if instruction.opname == "LOAD_ASSERTION_ERROR":
        return True
    if instruction.opname == "RAISE_VARARGS":  # without an exception of its own it passes one on, as probes do
        return bool(instruction.arg)
    is_name = instruction.opcode in dis.hasname and isinstance(instruction.argval, str)
    return is_name and _SAYS_SO.match(instruction.argval) is not None
