"""Tokens of syntax trees: different code never shares them, on any version of Python."""

from __future__ import annotations

import ast
import textwrap

import pytest
from prints import changed, read

from testcache.code.looks import LOCALS


def expression(code: str) -> bytes:
    source = read(f"x = {code}\n")
    return source.body + source.defined


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0"),
        ("1", "True"),
        ("0", "False"),
        ("0.0", "-0.0"),
        ("1.0", "1j"),
        ("0j", "0.0"),
        ("'a'", "b'a'"),
        ("''", "None"),
        ("'None'", "None"),
        ("'...'", "..."),
        ("Ellipsis", "..."),
        ("'x'", "x"),
        ("a.b", "a, b"),
        ("(a, b), c", "a, (b, c)"),
        ("[a, b]", "(a, b)"),
        ("{a: b}", "{a, b}"),
        ("{**a}", "{a: None}"),
        ("f(a, b)", "f(a)(b)"),
        ("f(*a)", "f(a)"),
        ("f(a=b)", "f(a, b)"),
        ("f(**a)", "f(a=a)"),
        ("a < b < c", "(a < b) < c"),
        ("a and b and c", "a and (b and c)"),
        ("a[b:c]", "a[b, c]"),
        ("a[:b]", "a[b:]"),
        ("a[::b]", "a[:b:]"),
        ("lambda a: a", "lambda *a: a"),
        ("lambda a, /: a", "lambda a: a"),
        ("lambda *, a: a", "lambda a: a"),
        ("lambda a=None: a", "lambda a: a"),
        ("lambda *, a, b=1: a", "lambda *, a=1, b: a"),
        ("[a for a in b if c if d]", "[a for a in b if (c, d)]"),
        ("[a for a in b for c in d]", "[[a for a in b] for c in d]"),
        ("(yield)", "(yield None)"),
        ("(yield a)", "(yield from a)"),
        ("f'{a}'", "f'{a!r}'"),
        ("f'{a}'", "f'{a:b}'"),
        ("f'{a:{b}}'", "f'{a:b}'"),
        ("f'{a}b'", "f'b{a}'"),
        ("f'a'", "f'{a}'"),
        ("'a' 'b'", "('a', 'b')"),
        ("'\\n'", "'\\\\n'"),
        ("'\\ud800'", "'\\ud801'"),
        ("'\\0'", "''"),
        ("'a\\n\"1:b'", "'a' \"\\n1:b\""),
        ("a if b else c", "b if a else c"),
        ("not a", "~a"),
        ("a is b", "a == b"),
        ("a @ b", "a * b"),
    ],
)
def test_different_expressions_differ(left: str, right: str) -> None:
    """No two trees share their tokens, however alike their leaves are."""
    assert ast.dump(ast.parse(left)) != ast.dump(ast.parse(right))
    assert expression(left) != expression(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("if a:\n    b\nelse:\n    c", "if a:\n    b\n    c"),
        ("if a:\n    b\nc", "if a:\n    b\n    c"),
        ("if a:\n    b\nelif c:\n    d", "if a:\n    b\nif c:\n    d"),
        ("for a in b:\n    c\nelse:\n    d", "for a in b:\n    c\nd"),
        ("for a in b:\n    c", "while a in b:\n    c"),
        ("try:\n    a\nexcept B:\n    c", "try:\n    a\nexcept:\n    c"),
        ("try:\n    a\nexcept B:\n    c", "try:\n    a\nexcept B as c:\n    c"),
        ("try:\n    a\nexcept B:\n    c", "try:\n    a\nexcept* B:\n    c"),
        ("try:\n    a\nexcept B:\n    c\nelse:\n    d", "try:\n    a\nexcept B:\n    c\nfinally:\n    d"),
        ("with a as b:\n    c", "with a:\n    b\n    c"),
        ("with a, b:\n    c", "with a:\n    with b:\n        c"),
        ("import a.b", "import a"),
        ("import a as b", "import b as a"),
        ("import a, b", "import a as b"),
        ("from . import a", "from .. import a"),
        ("from a import b", "from .a import b"),
        ("x: int", "x: int = None"),
        ("class A: x: int = 1", "class A: (x): int = 1"),
        ("a = b = c", "a = (b, c)"),
        ("a += b", "a = b"),
        ("a += b", "a -= b"),
        ("del a", "a"),
        ("assert a", "assert a, b"),
        ("raise a", "raise a from b"),
        ("match a:\n    case B(c=d): pass", "match a:\n    case B(d): pass"),
        ("match a:\n    case {'b': c}: pass", "match a:\n    case {'b': c, **d}: pass"),
        ("match a:\n    case [b, *c]: pass", "match a:\n    case [b, c]: pass"),
        ("match a:\n    case None: pass", "match a:\n    case True: pass"),
        ("match a:\n    case b: pass", "match a:\n    case _: pass"),
        ("match a:\n    case b.c: pass", "match a:\n    case 'b.c': pass"),
        ("match a:\n    case b if c: pass", "match a:\n    case b: c"),
        ("class A(b): pass", "class A(b=b): pass"),
        ("class A: b", "class A:\n    b\n    b"),
        ("class A:\n    pass\nb", "class A:\n    pass\n    b"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_different_statements_differ(left: str, right: str, inside: bool) -> None:
    """Suites end where they end, at module level and inside a function."""
    if inside:
        left, right = (f"def f():\n{textwrap.indent(code, '    ')}\n" for code in (left, right))
    different = changed(left, right)
    assert different - {f"={LOCALS}"} == {"f"} if inside else different


@pytest.mark.parametrize(
    "code", ["{}a", "a\n{}", "class A:\n    a\n    {}", "if a:\n    b\n    {}", "class A:\n    {}'A class.'"]
)
def test_a_pass_outside_functions_is_no_more_than_a_comment(code: str) -> None:
    """An edit that takes the statement out and leaves `pass` is the same as one that only takes it out."""
    indent = code.partition("{")[0].rpartition("\n")[2]
    assert changed(code.format(f"pass\n{indent}"), code.format("")) == set()


GOLDEN_BODIES = {
    "x = [1, 1.5, 2j, True, None, ..., 'ä', b'b', f'{a!r:>{b}} {c=}']": "d030e226846aa58c811829b256c60200",
    "from . import (a, b as c)\nimport d.e": "28e2db51bd058700be9480aa1fe52ee9",
    "with a as b, c: d = e = lambda f, /, g=1, *h, i=2, **j: (yield)": "85014725ca120fb86f8b74b1787e9572",
    "try: a\nexcept (B, C) as d: pass\nexcept E: raise F from g\nelse: h\n"
    "finally: i": "2fc9b3711913dd1a60743e488544aeca",
    "match a:\n    case {'b': [c, *d], **e} | F(g, h=i) if j: pass": "bbf361ff6a241d1eb14fbf3054e4c1f8",
    "for a, b in c: continue\nelse: del d[1:2, ...]": "4c2e3248c18328b8c78eb29abd521e73",
    "x: int = [a for a in b if c] if d else {**e, f: g}": "383014c2eb5dcac813b13e1ddc4154af",
}


@pytest.mark.parametrize("code", GOLDEN_BODIES)
def test_golden_bodies(code: str) -> None:
    """The same for one statement of most kinds."""
    assert read(code).body.hex() == GOLDEN_BODIES[code]
