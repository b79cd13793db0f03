"""Names that functions ask for to see whether there is anything yet."""

from __future__ import annotations

import ast

import pytest

from testcache.missing import find

ASKED = {
    "if self.rows is None: load()": {"rows"},
    "if not self._rows: load()": {"rows"},
    "if self.rows: return": {"rows"},
    "while k not in ROWS: load()": {"ROWS", "k"},
    "return self.rows or load()": {"rows"},
    "return self.rows if self.rows else load()": {"rows"},
    "if len(self.rows) == 0 or bool(ROWS): load()": {"rows", "ROWS"},
    "if (found := self.rows) is None: load()": {"rows"},
    "if self.rows[k]: load()": {"rows"},
    "if self.stamp != k: load()": {"stamp"},
    "if len(self.rows) < 1: load()": {"rows"},
    "hasattr(self, 'rows')": {"rows"},
    "getattr(self, 'rows', None)": {"rows"},
    "self.rows.get(k)": {"rows"},
    "if 'rows' in vars(self): return": {"rows"},
    "try: return self.rows[k]\n    except KeyError: load()": {"rows"},
    "with suppress(AttributeError): return self.rows": {"rows"},
    "match self.rows:\n        case None: load()": {"rows"},
    "match k:\n        case n if self.rows: load()": {"k", "rows"},
    "return [n for n in k if self.rows]": {"rows"},
    "assert not self.rows": {"rows"},
}


@pytest.mark.parametrize("body", ASKED)
def test_what_is_asked_for_is_found(body: str) -> None:
    """By its bare name, whether it is an attribute, private or global."""
    found = find([ast.parse(f"def f(self, k):\n    {body}\n")])
    assert found >= ASKED[body]


@pytest.mark.parametrize("body", ["while self.at < self.end: step()", "return self.at", "self.at = k"])
def test_an_order_asks_for_nothing(body: str) -> None:
    """An order does not say who fills it."""
    assert not find([ast.parse(f"def f(self, k):\n    {body}\n")])


def test_what_a_predicate_mentions_is_asked_for() -> None:
    """Only if it is called in a condition."""
    code = "def ready(self): return self.done\ndef f(self):\n    {}\n"
    assert find([ast.parse(code.format("if not self.ready(): load()"))]) >= {"done"}
    assert find([ast.parse(code.format("self.ready()"))]) == set()
