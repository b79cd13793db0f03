"""Functions that keep what their caller computed."""

from __future__ import annotations

import ast

import pytest

from testcache.given import answers, keeps_given

KEEPS = [
    "def put(key, value): ROWS[key] = value",
    "def put(self, key, value): self.rows[key] = value",
    "def put(item): ROWS[item.name] = item",
    "def put(key, raw):\n    row = parse(raw)\n    ROWS[key] = row",
    "def put(key, *values): ROWS.setdefault(key, values)",
    "def put(rows): ROWS.extend(rows)",
    "def put(rows):\n    for row in rows: ROWS.append(row)",
    "def put(rows): ROWS.update(rows)",
    "def put(**rows): ROWS.update(**rows)",
    "def put(value):\n    global ROW\n    ROW = value",
    "def put(value): ROWS[0], other = value, 1",
    "def put(self): ROWS.append(self)",
    "def put(key, raw):\n    if (row := parse(raw)): ROWS[key] = row",
    "def put(table, key, value): table[key] = value",
    "def put(key, value):\n    ROWS[key] = value\n    KEYS[value] = key",
    "def put(item):\n    item.kept = True\n    ROWS[item.name] = item",
    "def put(name, value): request.environ[name] = value",
]

COMPUTES = [
    "def get(key): ROWS[key] = work(key)",
    "def get(a, b):\n    key = a, b\n    ROWS[key] = work(a, b)",
    "def get(*key): ROWS[key] = work(*key)",
    "def get(self): self.rows['a'] = self.work()",
    "def get(self, row): self.row = row",
    "def get(self, key): ROWS[key] = self.work(key)",
    "def get(table): table.append(table.work())",
    "def get(key):\n    row = key\n    return row",
    "def get(name, value): os.environ[name] = value",
    "def get():\n    global ROW\n    ROW = work()",
]


def function(code: str) -> ast.FunctionDef:
    """The function that a program consists of."""
    (node,) = ast.parse(code).body
    assert isinstance(node, ast.FunctionDef)
    return node


@pytest.mark.parametrize("code", KEEPS)
def test_what_comes_from_a_parameter_is_given(code: str) -> None:
    """Directly, through variables, loops and calls."""
    assert keeps_given(function(code))


@pytest.mark.parametrize("code", COMPUTES)
def test_what_the_function_computes_itself_is_not(code: str) -> None:
    """Nor what follows from the key, or from the object that is filled."""
    assert not keeps_given(function(code))


@pytest.mark.parametrize(
    ("end", "told"),
    [("return ROWS[key]", True), ("return True", True), ("yield key", True), ("return", False), ("return None", False)],
)
def test_only_a_value_that_is_returned_tells_the_caller_something(end: str, told: bool) -> None:
    """Whoever stores and returns nothing is not asked, only told."""
    assert answers(function(f"def put(key, value):\n    ROWS[key] = value\n    {end}")) is told
