"""Annotations of variables in functions: one that does not count leaves the code as it is."""

from __future__ import annotations

import ast
import sys
import textwrap
import warnings
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prints import changed

from testcache.code.looks import LOCALS
from testcache.code.source import parse

SAME = [
    ("x: int = 1", "x = 1"),
    ("x: list[int] | None = 1", "x: 'kinds.Rate' = 1"),
    ("(x): int = 1", "x = 1"),
    ("a.b: int = 1", "a.b = 1"),
    ("a[0]: kinds.Rate = 1", "a[0] = 1"),
    ("for x in a:\n    y: int = x", "for x in a:\n    y = x"),
    ("try: pass\nexcept E:\n    x: int = 1", "try: pass\nexcept E:\n    x = 1"),
    ("match a:\n    case 1:\n        x: int = 1", "match a:\n    case 1:\n        x = 1"),
]
OTHER = [
    ("x: int", "pass"),
    ("x: int", "x: int = 1"),
    ("x: int = 1", "x = 2"),
    ("a.b: int", "pass"),
    ("class C:\n    x: int = 1", "class C:\n    x = 1"),
    ("global x\nx: int = 1", "global x\nx = 1"),
    ("x: int = 1\nglobal int", "x = 1\nglobal int"),
    ("x: (y := 2) = 1", "x = 1"),
    ("x: (yield) = 1", "x = 1"),
    ("x: super = 1", "x = 1"),
    ("def g():\n    x: a = 1", "def g():\n    x = 1"),
]


def within(code: str) -> str:
    return f"class K:\n    def f(self, a):\n{textwrap.indent(code, ' ' * 8)}\n        return a\n"


@pytest.mark.parametrize(("old", "new"), SAME)
def test_an_annotation_is_no_part_of_what_runs(old: str, new: str) -> None:
    """Nothing changes but what counts for a loader that reads it."""
    assert changed(within(old), within(new)) == {f"={LOCALS}"}


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_what_is_more_than_an_annotation_counts(old: str, new: str) -> None:
    """What makes a name local or a closure, what a class evaluates, and what is an error with it."""
    assert "K.f" in changed(within(old), within(new))


ANNOTATIONS = [
    "int", "'text'", "list[int]", "a.T", "a", "x", "T", "S", "super", "__class__", "(y := 1)", "(yield)", "(await a)",
    "lambda: 0", "[a for a in x]", "f(1)", "int | None", "a[x, ...]", "f'{a}'", "__debug__",
]  # fmt: skip
STATEMENTS = [
    "x: {0} = 1", "x: {0}", "(x): {0} = 2", "a.b: {0} = 3", "a[x]: {0} = 4", "a.c: {0}", "global x", "global int, T",
    "nonlocal a", "x = 5", "x: {0} = y: {0} = 1", "return x", "x: {0} = [x for x in a]", "x: {0} = lambda: x",
    "x: {0} = (yield)", "del x", "x: {0} = a, *x", "import x", "_: {0} = super()", "__x: {0} = 1",
]  # fmt: skip
AROUND = [
    "{0}",
    "if a:\n{1}\nelse:\n    x: T = 1",
    "for x in a:\n{1}",
    "def g(x):\n{1}",
    "class C:\n{1}",
    "async def h():\n{1}",
    "while a:\n{1}",
    "with a as x:\n{1}",
    "try:\n{1}\nexcept a as x:\n    y: int = x\nfinally:\n    x: S = 2",
    "match a:\n    case x:\n{2}",
]
HEADS = ["def f(self, a):\n{1}", "class K:\n    def f(self, a):\n{2}", "async def f(a, x: int = 1):\n{1}"]
if sys.version_info >= (3, 12):
    HEADS += ["def f[T](self, a):\n{1}", "class K[S]:\n    def f[T](self, a):\n{2}"]


def filled(form: str, code: str) -> str:
    return form.format(code, textwrap.indent(code, " " * 4), textwrap.indent(code, " " * 8))


def compiled(code: str) -> object:
    """What it compiles to, without lines; None for what cannot be."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parts(compile(code, "m.py", "exec", dont_inherit=True))
    except SyntaxError:
        return None


def _parts(code: CodeType) -> object:
    inner = tuple(_parts(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, inner, names, code.co_flags, code.co_name)


some_annotation: st.SearchStrategy[str] = st.sampled_from(ANNOTATIONS)


@st.composite
def programs(draw: st.DrawFn) -> str:
    steps = [
        filled(draw(st.sampled_from(AROUND)), draw(st.sampled_from(STATEMENTS)).replace("{0}", draw(some_annotation)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    code = filled(draw(st.sampled_from(AROUND)), "\n".join(steps))
    return filled(draw(st.sampled_from(HEADS)), code)


@settings(max_examples=600, deadline=None)
@given(programs(), st.integers(0, 10), some_annotation | st.none())
def test_equal_fingerprints_are_equal_code(code: str, at: int, other: str | None) -> None:
    """An annotation is left out or becomes another one: where the block stays, so does what Python makes of it."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    code = ast.unparse(tree)  # on the same lines as the other: from 3.13 on a class knows its own
    found = [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) and node.value is not None]
    if not found:
        return
    node = found[at % len(found)]
    if other is None:
        node.annotation = ast.Name("LEFT_OUT", ast.Load())
        text = ast.unparse(tree).replace(": LEFT_OUT", "")
    else:
        node.annotation = ast.parse(other, mode="eval").body
        text = ast.unparse(tree)
    before, after = (parse(each.encode(), collected=False) for each in (code, text))
    if after.parsed and (before.blocks, before.body) == (after.blocks, after.body):
        assert compiled(code) == compiled(text)
