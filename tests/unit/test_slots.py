"""Where memo-shaped functions keep what they fill, as their own variables tell."""

from __future__ import annotations

import textwrap

import pytest

from testcache.slots import Slot
from testcache.source import parse


def slots(code: str) -> frozenset[Slot]:
    """The slots of the one memo-shaped function in a piece of code."""
    source = parse(textwrap.dedent(code).encode(), collected=False)
    assert source.parsed
    assert len(source.memos) == 1
    return next(iter(source.slots.values()), frozenset())


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
    "each of many": ("for o in k:\n        if o.x is None:\n            o.x = 1", Slot("o", (), "x", (), looped=True)),
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
    "the object itself": ("if k not in self:\n        self[k] = 1", Slot("self", (), "")),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_store_through_a_variable_is_followed(case: str) -> None:
    """The variable, the attributes on the way, and what is set."""
    body, slot = FOLLOWED[case]
    assert slots(f"def f(self, k):\n    {body}\n") == {slot}


NOT_FOLLOWED = {
    "a global": "global X\n    if X is None:\n        X = 1",
    "an attribute of a global": "if M.x is None:\n        M.x = 1",
    "a variable with two values": "o = k\n    if o.x is None:\n        o.x = 1\n    o = self",
    "a loop that may be left": "for o in k:\n        if not o.x:\n            o.x = 1\n            break\n    o = self",
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
    assert 1 not in source.slots


def test_a_default_that_is_filled_is_not_followed() -> None:
    """It is one object for all calls."""
    source = parse(b"def f(k, rows={}):\n    if k not in rows:\n        rows[k] = 1\n", collected=False)
    assert 1 in source.memos
    assert not source.slots


def test_decorated_functions_have_no_slots() -> None:
    """Nobody knows where a decorator keeps what it remembers."""
    source = parse(b"@cache\ndef f(self):\n    if self.x is None:\n        self.x = 1\n", collected=False)
    assert 1 in source.memos
    assert not source.slots
