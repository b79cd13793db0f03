"""What code sets in modules that its file imports is found by its whole path, whatever the file calls the module."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator

import pytest

from testcache.code import outline
from testcache.code.borrowed import find
from testcache.recording.anatomy import MISSING
from testcache.recording.borrowed import Borrowed

PLACES = {
    "an attribute": ("import json\ndef f(): json.MODE = 1", "json.MODE"),
    "of a module by another name": ("import json as j\ndef f(): j.MODE = 1", "json.MODE"),
    "of a module inside": ("import json.decoder\ndef f(): json.decoder.MODE = 1", "json.decoder.MODE"),
    "of a module from another": ("from json import decoder as d\ndef f(): d.MODE = 1", "json.decoder.MODE"),
    "of a class": ("from json import JSONEncoder\ndef f(): JSONEncoder.default = len", "json.JSONEncoder.default"),
    "of a module that a function imports": ("def f():\n    import json\n    json.MODE = 1", "json.MODE"),
    "by the body": ("import json\nif json: json.MODE = 1", "!json.MODE"),
    "one of several": ("import json\ndef f(): a, json.MODE = 1, 2", "json.MODE"),
    "with a type": ("import json\ndef f(): json.MODE: int = 1", "json.MODE"),
    "counted up": ("import json\ndef f(): json.MODE += 1", "json.MODE"),
    "by its name": ("import json\ndef f(): setattr(json, 'MODE', 1 + 2)", "json.MODE"),
    "an item": ("import sys\ndef f(): sys.modules['x'] = 1", "sys.modules[x]"),
    "an item that goes": ("import sys\ndef f(): del sys.modules['x']", "sys.modules[x]"),
    "an item that is worked out": ("import sys\ndef f(x): sys.modules[x.y] = 1", "sys.modules[]"),
    "an element": ("import sys\ndef f(): sys.meta_path.append(1)", "sys.meta_path[]"),
    "a patcher": ("from unittest.mock import patch\ndef f(): patch('json.dumps').start()", "json.dumps"),
    "an item for as long as a test lasts": (
        "import sys\ndef f(monkeypatch): monkeypatch.setitem(sys.modules, 'x', None)",
        "sys.modules[x]",
    ),
    "a table for as long as a block lasts": (
        "import sys\nfrom unittest.mock import patch\ndef f():\n    with patch.dict(sys.modules, {'x': 1}): pass",
        "sys.modules[x]",
    ),
    "a patcher of an object": (
        "import json\nfrom unittest.mock import patch\ndef f(): patch.object(json, 'dumps').start()",
        "json.dumps",
    ),
}
NONE = {
    "an attribute of its own objects": "import json\nclass A:\n    def f(self): self.mode = json",
    "what is only read": "import sys\ndef f(): return sys.argv[1] + sys.meta_path[0]",
    "a module of its own package": "from . import config\ndef f(): config.MODE = 1",
    "a text": "def f(): return 'json.dumps'",
}


def found(text: str) -> frozenset[str]:
    """The places of a file."""
    return find(outline.draw(ast.parse(text)))


@pytest.mark.parametrize("way", PLACES)
def test_a_place_is_found(way: str) -> None:
    """By whatever statement, and by its own name."""
    text, place = PLACES[way]
    assert found(text) == {place}


@pytest.mark.parametrize("way", NONE)
def test_what_is_no_place(way: str) -> None:
    """Neither reads nor the project's own attributes cost anything."""
    assert found(NONE[way]) == frozenset()


@pytest.fixture
def lib() -> Iterator[types.ModuleType]:
    """A module that is no file of the project."""
    module = types.ModuleType("lib_of_others")
    module.__dict__.update(TABLE={}, LIST=[], SET={"a"}, Class=type("Class", (), {"__module__": "lib_of_others"}))
    sys.modules["lib_of_others"] = module
    yield module
    del sys.modules["lib_of_others"]


def test_each_change_is_told_once(lib: types.ModuleType) -> None:
    """An attribute, one of a class, an item, an element: with what was there, and whether that is there again."""
    borrowed = Borrowed(lambda _: False)
    borrowed.hear([f"lib_of_others.{place}" for place in ("MODE", "Class.size", "TABLE[x]", "LIST[]", "SET[]")])
    assert [*borrowed.changes()] == []
    lib.__dict__["MODE"] = 1
    lib.Class.size = 2
    lib.TABLE.update(x=3, y=4)
    lib.LIST.append(5)
    lib.SET.add("b")
    assert [*borrowed.changes()] == [
        ("lib_of_others.MODE", MISSING, 1, False),
        ("lib_of_others.Class.size", MISSING, 2, False),
        ("lib_of_others.TABLE[x]", MISSING, 3, False),
        ("lib_of_others.LIST[]", (), (5,), False),
        ("lib_of_others.SET[]", ("a",), frozenset("ab"), False),
    ]
    assert [*borrowed.changes()] == []
    del lib.__dict__["MODE"]
    assert [*borrowed.changes()] == [("lib_of_others.MODE", 1, MISSING, True)]


@pytest.mark.parametrize(("by_body", "told"), [("!", True), ("", False)])
def test_a_module_that_is_loaded_late(by_body: str, *, told: bool) -> None:
    """What the body of a file sets has changed at once; what is the library's own has not."""
    borrowed = Borrowed(lambda _: False)
    borrowed.hear([f"{by_body}lib_of_late.Made"])
    assert [*borrowed.changes()] == []
    module = sys.modules["lib_of_late"] = types.ModuleType("lib_of_late")
    made = module.__dict__["Made"] = type("Made", (), {"__module__": "lib_of_late"})
    try:
        assert [*borrowed.changes()] == ([("lib_of_late.Made", MISSING, made, False)] if told else [])
    finally:
        del sys.modules["lib_of_late"]


def test_what_is_the_projects_own_is_watched_elsewhere(lib: types.ModuleType) -> None:
    """By the census, which follows all that its modules hold."""
    lib.__file__ = "/project/lib.py"
    borrowed = Borrowed(lambda file: file.startswith("/project"))
    borrowed.hear(["lib_of_others.MODE"])
    lib.__dict__["MODE"] = 1
    assert [*borrowed.changes()] == []


def test_a_table_with_keys_that_are_worked_out_is_a_memo(lib: types.ModuleType) -> None:
    """Such as `linecache.cache`, to which attrs adds each class that it makes: everybody would rest on all of it."""
    borrowed = Borrowed(lambda _: False)
    borrowed.hear(["lib_of_others.TABLE[]"])
    lib.TABLE["made"] = 1
    assert [*borrowed.changes()] == []
