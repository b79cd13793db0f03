"""Names that functions ask for to see whether there is anything yet."""

from __future__ import annotations

import ast
import textwrap

import pytest

from testcache.missing import find
from testcache.nodes import FUNCTIONS
from testcache.outline import Function

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


def functions(code: str) -> list[Function]:
    """The functions of a program."""
    return [node for node in ast.parse(textwrap.dedent(code)).body if isinstance(node, FUNCTIONS)]


def names(code: str) -> frozenset[str]:
    """What its functions ask for."""
    return find(functions(code)).names


ASKS = {
    "if key not in ROWS: remember(key, work())": {"ROWS"},
    "row = TABLE.get(key)\n    if row is None: TABLE.put(key, work())": {"get", "TABLE"},
    "row = lookup(key)\n    if not row: remember(key, work())": {"lookup"},
    "row = self._rows[key] or other\n    if row is None: self.put(key, work())": {"rows", "other"},
    "if (row := lookup(key)) is None: remember(key, work())": {"lookup"},
    "if not is_known(key): remember(key, work())": {"is_known"},
}


@pytest.mark.parametrize("body", ASKS)
def test_a_function_asks_what_its_variables_stand_for(body: str) -> None:
    """The function that returned it, or the table that it was looked up in."""
    (asked,) = find(functions(f"def f(self, key):\n    {body}\n")).asks.values()
    assert asked >= ASKS[body]


@pytest.mark.parametrize("body", ["assert key in ROWS", "if key: work()", "remember(key, work())"])
def test_neither_an_assertion_nor_a_parameter_asks_for_state(body: str) -> None:
    """What a test expects to be there, and what it was given itself."""
    assert not find(functions(f"def f(key):\n    {body}\n")).asks


@pytest.mark.parametrize("body", ASKED)
def test_what_is_asked_for_is_found(body: str) -> None:
    """By its bare name, whether it is an attribute, private or global."""
    found = names(f"def f(self, k):\n    {body}\n")
    assert found >= ASKED[body]


@pytest.mark.parametrize("body", ["while self.at < self.end: step()", "return self.at", "self.at = k"])
def test_an_order_asks_for_nothing(body: str) -> None:
    """An order does not say who fills it."""
    assert not names(f"def f(self, k):\n    {body}\n")


def test_what_a_predicate_mentions_is_asked_for() -> None:
    """Only if it is called in a condition."""
    code = "def ready(self): return self.done\ndef f(self):\n    {}\n"
    assert names(code.format("if not self.ready(): load()")) >= {"done"}
    assert names(code.format("self.ready()")) == set()
