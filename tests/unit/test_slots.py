"""Where memo-shaped functions keep what they fill, as their own variables tell."""

from __future__ import annotations

import textwrap

import pytest

from testcache.slots import Filling, Slot
from testcache.source import parse


def slots(code: str) -> frozenset[Slot]:
    """The slots of the one memo-shaped function in a piece of code."""
    source = parse(textwrap.dedent(code).encode(), collected=False)
    assert source.parsed
    assert len(source.memos) == 1
    return next((filling.slots for filling in source.fillings.values()), frozenset())


FOLLOWED = {
    "an attribute": ("if self.x is None:\n        self.x = 1", Slot("self", (), "x")),
    "an attribute of an attribute": ("if self.a.x is None:\n        self.a.x = 1", Slot("self", ("a",), "x")),
    "an element": ("if k not in self.rows:\n        self.rows[k] = 1", Slot("self", ("rows",), "")),
    "a call that fills": ("if k not in self.rows:\n        self.rows.append(k)", Slot("self", ("rows",), "")),
    "another name": (
        "rows = self.rows\n    if k not in rows:\n        rows[k] = 1",
        Slot("rows", (), "", ("self", "rows")),
    ),
    "what a call returned, under a name": ("o = make()\n    if o.x is None:\n        o.x = 1", Slot("o", (), "x")),
    "each of many": ("for o in k:\n        if o.x is None:\n            o.x = 1", Slot("o", (), "x", (), looked=True)),
    "one of two": (
        "if k:\n        o = self\n    else:\n        o = make()\n    if o.x is None:\n        o.x = 1",
        Slot("o", (), "x"),
    ),
    "one of two, as the first returns": (
        "if k:\n        o = self\n        return o.x\n    o = make()\n    if o.x is None:\n        o.x = 1",
        Slot("o", (), "x"),
    ),
    "a name that only the run knows": (
        "if hasattr(self, k):\n        return\n    setattr(self, k, 1)",
        Slot("self", (), "*"),
    ),
    "a variable with two values": (
        "o = k\n    if o.x is None:\n        o.x = 1\n    o = self",
        Slot("o", (), "x", (), looked=True),
    ),
    "a loop that may be left": (
        "for o in k:\n        if not o.x:\n            o.x = 1\n            break\n    o = self",
        Slot("o", (), "x", (), looked=True),
    ),
    "an element of a known element": (
        "if k not in self.a['x']:\n        self.a['x'][k] = 1",
        Slot("self", ("a", "[x"), "", (), looked=True),
    ),
    "an element of one that is replaced": (
        "a = self.a['x']\n    if k not in self.a['x']:\n        self.a['x'][k] = 1\n    self.b = a",
        Slot("self", ("a", "[x"), "", (), looked=True),
    ),
    "each of a list": (
        "if k[0].x is None:\n        k[0].x = 1",
        Slot("k", ("[*",), "x", (), looked=True),
    ),
    "the object itself": ("if k not in self:\n        self[k] = 1", Slot("self", (), "")),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_store_through_a_variable_is_followed(case: str) -> None:
    """The variable, the attributes on the way, and what is set."""
    body, slot = FOLLOWED[case]
    assert slots(f"def f(self, k):\n    {body}\n") == {slot}


def test_an_element_that_is_made_in_passing_is_followed_with_what_it_is_in() -> None:
    """`setdefault` fills the one or the other."""
    code = "def f(self, k):\n    if k not in self.a['x']:\n        self.a.setdefault('x', []).append(k)\n"
    assert slots(code) == {Slot("self", ("a",), ""), Slot("self", ("a", "[x"), "", (), looked=True)}


def filling(code: str) -> Filling:
    """What is known of the one memo-shaped function in a piece of code."""
    return next(iter(parse(textwrap.dedent(code).encode(), collected=False).fillings.values()))


def test_lines_are_where_a_variable_gets_another_value() -> None:
    """There its value must be looked at; an element, where it is filled."""
    code = "def f(k):\n    o = k\n    if o.x is None:\n        o.x = 1\n    p = o\n    o = None\n"
    assert filling(code).lines == {2, 6}
    code = "def f(k):\n    if k['x'].x is None:\n        k['x'].x = work(\n            1)\n    k.pop('x')\n"
    assert filling(code).lines == {3}


NOT_FOLLOWED = {
    "a global": "global X\n    if X is None:\n        X = 1",
    "an attribute of a global": "if M.x is None:\n        M.x = 1",
    "a variable with two values in a line": "o = k\n    if o.x is None:\n        o.x = 1\n        o = k; o = self",
    "a variable whose second value is from a loop": (
        "o = k\n    if o.x is None:\n        o.x = 1\n    for o in k:\n        pass"
    ),
    "a variable with two values, one filled in its line": (
        "o = k\n    if o.x is None:\n        o.x = 1\n    o = o.x.setdefault(1, self)"
    ),
    "a variable filled and replaced in a line": "o = k\n    if o.x is None: o.x = 1; o = self",
    "an element filled in a line of its own suite": "if k not in self.a['x']: self.a['x'][k] = 1",
    "an element filled in a comprehension": "if k not in self.a['x']:\n        [self.a['x'].append(i) for i in k]",
    "a variable replaced in the last line of a condition": (
        "o = k\n    if o.x is None:\n        o.x = 1\n    if (k\n        and setattr(o, 'x', 1)): o = self"
    ),
    "an element under an odd key": "if k not in self.a['*']:\n        self.a['*'][k] = 1",
    "an element that a call makes": "if k not in self.a['x']:\n        self.a.setdefault('x', M)[k] = 1",
    "a name that is deleted": "o = k.o\n    if o.x is None:\n        o.x = 1\n    del o",
    "what a call returns": "if k.get().x is None:\n        k.get().x = 1",
    "an element of an element": "if k not in self.a[0].rows:\n        self.a[0].rows[k] = 1",
    "a container that is replaced": "if k not in self.a:\n        self.a[k] = 1\n    self.a = {}",
    "an attribute that is deleted": "if self.x is None:\n        self.x = 1\n    del self.y",
    "two places of one name": "if self.x is None:\n        self.x = 1\n    M.x = 2",
    "one place of two names": "if self.x is None:\n        self.x = 1\n    if M.y is None:\n        M.y = 1",
    "a function inside": "def g(o):\n        o.x = 1\n    if self.x is None:\n        self.x = 1\n        g(M)",
    "anything by name": "if self.x is None:\n        self.x = 1\n        vars(M)[k] = 1",
    "a variable of a function inside": (
        "o = k\n    def g():\n        nonlocal o\n        o = self\n    if o.x is None:\n        o.x = 1"
    ),
}


@pytest.mark.parametrize("case", NOT_FOLLOWED)
def test_a_function_with_another_store_has_no_slots(case: str) -> None:
    """One store of the same name that may be anywhere is enough."""
    source = parse(f"def f(self, k):\n    {NOT_FOLLOWED[case]}\n".encode(), collected=False)
    assert 1 in source.memos
    assert not source.fillings[1].slots


def test_a_default_that_is_filled_is_not_followed() -> None:
    """It is one object for all calls."""
    source = parse(b"def f(k, rows={}):\n    if k not in rows:\n        rows[k] = 1\n", collected=False)
    assert 1 in source.memos
    assert not any(filling.slots for filling in source.fillings.values())


def test_decorated_functions_have_no_slots() -> None:
    """Nobody knows where a decorator keeps what it remembers."""
    source = parse(b"@cache\ndef f(self):\n    if self.x is None:\n        self.x = 1\n", collected=False)
    assert 1 in source.memos
    assert not any(filling.slots for filling in source.fillings.values())
