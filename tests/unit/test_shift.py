"""Lines that move with their code: what coverage counts in one text of a file is found in another one."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest
from coverage.parser import PythonParser

from testcache.code.layout import layout_of
from testcache.code.shift import Line, Shift

TEXT = '''\
"""About.

In more lines.
"""
import os, sys
from typing import (
    Any,
    overload,
)

if sys.platform == "none":
    def system(): pass
else:
    def system():
        return 1

X = {
    name: value
    for name, value in os.environ.items()
    if value
}; Y = 2


def deco(*given):
    def wrap(
        function
    ):
        return lambda: function(
            *given
        )
    return wrap


@deco(
    1,
    2,
)
@deco(3)
async def decorated(a, b=lambda: (
    1
)):
    """Told."""
    async with a as x, \\
            b as y:
        pass
    async for each in x:
        if each: continue
        elif y:
            break
    else:
        return [
            await z
            async for z in y
        ]


@deco()
class Outer(dict):
    """Told, too."""

    limit: int = 3

    class Inner:
        pass

    @property
    def one(self):
        nonlocal_ = 0
        try:
            with open("x") as file:
                return file.read()
        except (
            OSError,
            ValueError,
        ) as error:
            raise KeyError from error
        except Exception:
            nonlocal_ += 1
        else:
            nonlocal_ = 3
        finally:
            del self.x
        while True:
            if self.x:
                return nonlocal_

    def two(self, what: Any):
        match what:
            case [1, 2] | \\
                 [3, 4]:
                return f"""
                    {what}
                """
            case Inner(x=1) if what:
                return (
                    self
                    .one
                    .strip()
                )
            case _:
                assert what, (
                    "no"
                )

    def two(self): return 4


try:
    Y += 1
except* OSError:
    Y += 1
Y += 1
Y += 1
'''


def parsed(text: str) -> PythonParser:
    parser = PythonParser(text=text)
    parser.parse_source()
    return parser


def shift(before: str, now: str) -> Shift:
    old, new = layout_of(before.encode()), layout_of(now.encode())
    assert old is not None
    assert new is not None
    return Shift(old, new)


def commented(text: str) -> str:
    """The text with a comment and a blank line above each statement."""
    starts, is_first = set(), True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            is_first = True
        elif is_first and token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            starts.add(token.start[0])
            is_first = False
    lines = text.splitlines(keepends=True)
    return "".join(f"# {n}\n\n{line}" if n in starts else line for n, line in enumerate(lines, 1))


def one_line_each(text: str) -> str:
    """Each statement on a line of its own, and on one."""
    return ast.unparse(ast.parse(text)) + "\n"


def apart(text: str) -> str:
    """The text with what shares a line on a line each."""
    for line in ("def system(): pass", "if each: continue", "def two(self): return 4"):
        head, _, rest = line.partition(": ")
        indent = " " * (text.rpartition(line)[0].rpartition("\n")[2].count(" ") + 4)
        text = text.replace(line, f"{head}:\n{indent}{rest}")
    return text.replace("}; Y", "}\nY")


@pytest.mark.parametrize(
    ("one", "other"),
    [(TEXT, commented(TEXT)), (apart(TEXT), one_line_each(TEXT)), (commented(apart(TEXT)), one_line_each(TEXT))],
    ids=["comments", "lines", "both"],
)
def test_what_coverage_counts_is_found_again(one: str, other: str) -> None:
    """All statements, and all arcs between them, are those of the other text, in either direction."""
    for before, now in ((one, other), (other, one)):
        moves, was, expected = shift(before, now), parsed(before), parsed(now)
        lines, arcs = moves.of(sorted(was.statements)), moves.of(sorted(was.arcs()))
        assert lines is not None
        assert expected.translate_lines(line for line in lines if isinstance(line, int)) == expected.statements
        assert arcs is not None
        found = expected.translate_arcs(arc for arc in arcs if isinstance(arc, tuple))
        assert found >= expected.arcs()
        assert all(min(arc) < 0 for arc in found - expected.arcs())  # a module and what begins on its first line
        assert not moves.grows


def test_physical_lines_are_kept_where_a_statement_only_moved() -> None:
    """What is written as before has the very lines that were traced."""
    moves = shift("x = [\n    1,\n    2,\n]\n", "\n\nx = [\n    1,\n    2,\n]\n")
    assert moves.of([1, 2, 3]) == [3, 4, 5]
    assert shift("x = [\n    1,\n    2,\n]\n", "\nx = [1, 2]\n").of([1, 3]) == [2, 2]


@pytest.mark.parametrize(
    ("before", "now", "lines", "expected"),
    [
        ("if a: b\n", "if a:\n    b\n", [1], None),
        ("if a: b\n", "\nif a: b\n", [1], [2]),
        ("def f(): return 1\n", "def f():\n    return 1\n", [1], None),
        ("def f():\n    return 1\n", "def f(): return 1\n", [1, 2], [1, 1]),
        ("def f():\n    return 1\n", "def f():\n    return 2\n", [2], None),
        ("def f():\n    return 1\n", "def g():\n    return 1\n", [2], None),
        ("x = 1\ny = 2\n", "y = 2\n", [1, 2], [1]),
        ("x = 1\ny = 2\n", "y = 2\n", [(-1, 1), (1, 2), (2, -1)], [(1, -1)]),
        ("f()\nf()\n", "f()\n\nf()\n", [1, 2], [1, 3]),
        ("x = 1\n", "x = 1\n", [7], None),
    ],
)
def test_what_is_not_known_is_not_guessed(
    before: str, now: str, lines: list[Line], expected: list[Line] | None
) -> None:
    """Lines that fell apart, and those of other functions, have no answer; statements that are gone have no line."""
    assert shift(before, now).of(lines) == expected


def test_new_statements_of_the_module_are_noticed() -> None:
    """Nobody knows of what an import executes now and did not then; what is new inside of a function is no matter."""
    assert shift("x = 1\n", "x = 1\ny = 2\n").grows
    assert shift("x = 1\n", "x = 2\n").grows
    assert not shift("def f():\n    return 1\n", "def f():\n    return 2\n").grows


def test_what_is_no_python_has_no_layout() -> None:
    """A template, or a file with an error in it."""
    assert layout_of(b"{% if x %}") is None
    assert layout_of(b"\0") is None
