"""Fingerprints of Python files: what counts, where it counts, and what does not."""

from __future__ import annotations

import textwrap
import warnings

import pytest
from prints import changed, read

from testcache.code.source import Source, parse
from testcache.digest import of_bytes
from testcache.model import LISTED

BOM = b"\xef\xbb\xbf"


MODULE = """
import os

LIMIT = 3


def f(a, b=1):
    "Add."
    return a + b


@decorate(1)
class C(Base, metaclass=Meta):
    "A class."
    size = 3

    def m(self):
        def inner():
            return lambda: 1
        return [inner for _ in range(3)]

    async def n(self, *, key: int = 2) -> str:
        await self.m()
        return "n"

    class Inner:
        def m(self):
            pass
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT  =  ( 3 )  # the limit"),
        ("LIMIT = 3", "LIMIT = \\\n    3"),
        ("LIMIT = 3", "LIMIT = 0b11"),
        ("import os\n", "import os\n\n# a comment\n\n\n"),
        ('"n"', "'n'"),
        ('"n"', "u'n'"),
        ('"n"', "'''n'''"),
        ("a + b", "(a\n        + b)"),
        ("range(3)", "range(3,)"),
        ("LIMIT = 3", "LIMIT = 3;"),
        ("\n    return a + b", "\n\n    # now\n    return a + b"),
        ("    return a + b", "    return (a + b)\n    # the end"),
        ("    ", "\t"),
        ("    ", "  "),
        ("\n", "\r\n"),
        ("class C", "\x0cclass C"),
    ],
)
def test_formatting_does_not_count(old: str, new: str) -> None:
    """Comments, spaces, quotes, parentheses, trailing commas and spellings of a number change nothing."""
    assert old in MODULE
    assert changed(MODULE, MODULE.replace(old, new)) == set()


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("LIMIT = 3", "LIMIT = 4", {"=LIMIT"}),
        ("import os", "import shop", {"", "=os", "=LIMIT", "=f", "=&f"}),
        ("import os", "import os, re", {"=re"}),
        ("size = 3", "size = 4", {""}),
        ("(Base,", "(Other,", {""}),
        ("Meta", "Type", {""}),
        ("decorate(1)", "decorate(2)", {""}),
        ('"A class."', '"Another."', {""}),
        ('"Add."', '"Sum."', {"=&f"}),
        ("a + b", "a - b", {"f"}),
        ("a + b", "b + a", {"f"}),
        ("b=1", "b=2", {"f", "=&f"}),
        ("int = 2", "float = 2", {""}),
        ("-> str", "-> bytes", {""}),
        ("async def n", "def n", {""}),
        ("lambda: 1", "lambda: 2", {"C.m"}),
        ("def inner()", "def inner(x)", {"C.m"}),
        ("            pass", "            return", {"C.Inner.m"}),
        ("def f(", "def g(", {"=f", "=&f", "=g", "=&g", "f", "g"}),
        ("def n(", "def nn(", {"", "C.n", "C.nn"}),
        ("    def m(self):\n        def", "    @static\n    def m(self):\n        def", {""}),
    ],
)
def test_a_change_shows_in_exactly_one_place(old: str, new: str, names: set[str]) -> None:
    """Statements of a function count in its block, header and docstring in its definition, all else in the body."""
    assert MODULE.count(old) == 1
    after = MODULE.replace(old, new)
    if old == "async def n":
        after = after.replace("await ", "")
        names = {"", "C.n"}
    assert changed(MODULE, after) == names


def test_order_of_definitions_does_not_count() -> None:
    """Moving a function past another, or past a constant that it does not need, changes nothing."""
    first, second = read("def f(): return 1\ndef g(): return 2\n"), read("def g(): return 2\ndef f(): return 1\n")
    assert (first.body, first.defined, first.blocks) == (second.body, second.defined, second.blocks)
    assert read("def f(): return 1\nX = 2\n").defined == read("X = 2\ndef f(): return 1\n").defined
    assert changed("def f(): return 1\nrun(f)\n", "run(f)\ndef f(): return 1\n") == {"=f"}


def test_what_makes_a_generator_is_known_of_a_function_that_nobody_calls() -> None:
    """A decorator may look, and never call it."""
    assert changed("def f(): return 1\n", "def f(): yield 1\n") == {"f", "=f"}
    assert changed("def f(): yield 1\n", "def f(): yield 2\n") == {"f"}


def test_adding_and_removing_a_method_changes_the_body() -> None:
    """An override that appears in a subclass must be seen by everyone who depends on the body."""
    before = "class A(B):\n    def m(self): pass\n"
    assert changed(before, before + "    def extra(self): pass\n") == {"", "A.extra"}


def test_definitions_inside_statements_are_blocks_of_their_own() -> None:
    """`if`, `try`, `with`, loops and `match` do not hide a function, at module and at class level."""
    code = """
    if a:
        def f(): return 1
    elif b:
        def f(): return 2
    else:
        class C:
            try:
                def m(self): return 3
            except E:
                def m(self): return 4
            finally:
                def n(self): return 5
    with c:
        for d in e:
            async def g(): return 6
    match h:
        case 1:
            def k(): return 7
    """
    assert set(read(code).blocks) == {"f", "f#2", "C.m", "C.m#2", "C.n", "g", "k"}
    for number, name in enumerate(("f", "f#2", "C.m", "C.m#2", "C.n", "g", "k"), 1):
        assert changed(code, code.replace(f"return {number}", "return 0")) == {name}


def test_repeated_names_are_numbered_in_source_order() -> None:
    """A property and its setter, and every overload, are blocks of their own."""
    code = """
    class C:
        @property
        def x(self): return 1
        @x.setter
        def x(self, value): self._x = value
        @x.deleter
        def x(self): return 3
    """
    assert set(read(code).blocks) == {"C.x", "C.x#2", "C.x#3"}
    assert changed(code, code.replace("return 3", "return 4")) == {"C.x#3"}


def test_block_at_follows_code_objects() -> None:
    """The first line of every code object leads to the block that its code counts in."""
    data = textwrap.dedent(MODULE).encode()
    source = parse(data, collected=False)
    found = {}
    pending = [(compile(data, "m", "exec"), "")]
    while pending:
        code, _ = pending.pop()
        found[code.co_qualname] = source.block_at(code.co_firstlineno)
        pending += [(part, "") for part in code.co_consts if hasattr(part, "co_code")]
    assert {name: block for name, block in found.items() if "<lambda>" not in name and "comp" not in name} == {
        "<module>": "",
        "f": "f",
        "C": "",
        "C.m": "C.m",
        "C.m.<locals>.inner": "C.m",
        "C.n": "C.n",
        "C.Inner": "",
        "C.Inner.m": "C.Inner.m",
    }
    assert found["C.m.<locals>.inner.<locals>.<lambda>"] == "C.m"


def test_a_decorated_function_starts_at_its_first_decorator() -> None:
    """`co_firstlineno` is the line of the first decorator, and so is the span."""
    source = read("x = 1\n@a\n@b(\n    1)\ndef f():\n    pass\n\ny = 2\n")
    assert source.spans == ((2, 6, "f"),)
    assert [source.block_at(line) for line in (0, 1, 2, 5, 6, 7, 8, 99)] == [
        "",
        "",
        "f",
        "f",
        "f",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"x = 'a\x00b'",
        b"\x00",
        b"def f(:\n",
        b"\xff\xfe",
        b"# coding: nonsense\n",
        b"x = '\xe4'",
        b"x = " + b"9" * 5000,
    ],
)
def test_a_file_that_does_not_parse_counts_byte_by_byte(data: bytes) -> None:
    """Null bytes, syntax errors and wrong encodings give the digest of the bytes, no blocks, and any mention."""
    for collected in (False, True):
        source = parse(data, collected=collected)
        assert source == Source(of_bytes(data), {}, (), {"": frozenset("*")}, parsed=False)
        assert source.whole == source.body
        assert parse(data + b" ", collected=collected).body != source.body
        assert source.block_at(1) == ""


def test_declared_encodings_are_decoded() -> None:
    """The same text in Latin-1, in UTF-8 and with a byte order mark is the same code."""
    text = "x = 'ä'\n"
    plain = parse(text.encode(), collected=False)
    assert plain.parsed
    assert parse(b"# coding: latin-1\n" + text.encode("latin-1"), collected=False).body == plain.body
    assert parse(BOM + text.encode(), collected=False).body == plain.body


@pytest.mark.parametrize(
    "code",
    [
        "(" * 5000 + ")" * 5000,
        "x = " + "-" * 50_000 + "1",
        "x = " + "1 + " * 50_000 + "1",
        "if a:\n    pass\n" + "elif b:\n    pass\n" * 3000,
        "def f():\n    return " + "g(" * 150 + ")" * 150,
    ],
    ids=["parentheses", "signs", "sums", "elifs", "calls"],
)
def test_deep_nesting_does_not_raise(code: str) -> None:
    """What is nested too deeply to be read counts by its bytes."""
    source = parse(code.encode(), collected=True)
    assert source.parsed or source.body == of_bytes(code.encode())
    assert parse(code.encode() + b" # changed", collected=True).parsed == source.parsed


def test_an_invalid_escape_is_no_error_under_strict_warnings() -> None:
    """A run with `-W error` sees the same fingerprint, and nothing is printed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        assert parse(b"x = '\\d'\n", collected=False).parsed
    assert caught == []


def test_every_span_has_a_fingerprint_and_mentions() -> None:
    """Whoever looks a line up may use the name without asking whether it exists."""
    source = read(MODULE)
    assert {name for *_, name in source.spans} == set(source.blocks) == set(source.mentions) - {""}


def test_mentions_are_what_a_block_can_reach() -> None:
    """Names read, attributes, imports and texts that are names; not what is only bound."""
    source = read(
        """
        import a.b as c
        from d import e as e2
        TABLE = {}
        __all__ = ["listed"]

        def f(parameter):
            global G
            local = parameter.attribute
            other.attribute2 = read
            count += 1
            getattr(x, "by_name")
            patch("pkg.mod.Target")
            "a sentence of words"
            e2()
            match x:
                case K(field=captured): pass
            from deep.er import thing
        """
    )
    assert source.mentions[""] == frozenset()
    assert source.imported == {"a", "b", "d", "e"}
    assert {name: {one for one in used if one[0] != "&"} for name, used in source.uses.items()} == {
        "c": {"a", "b"},
        "*c": {"*b"},
        "e2": {"e"},
        "*e2": {"*e"},
        "getdoc": {"__doc__"},
        "TABLE": set(),
        "__all__": set(),
        "f": set(),
        LISTED: {"b", "*b", "e", "*e"},
    }
    assert {name for name in source.mentions["f"] if name[0] != "&"} == frozenset(
        [
            "G",
            "parameter",
            "attribute",
            "^attribute",
            "^field",
            "other",
            "attribute2",
            "read",
            "count",
            "getattr",
            "x",
            "by_name",
            "patch",
            "pkg",
            "mod",
            "Target",
            "e2",
            "e",
            "K",
            "field",
            "deep",
            "er",
            "thing",
        ]
    )


def test_what_is_only_called_is_not_held() -> None:
    """Whoever only calls a function cannot look at it; what an own name holds was held under another."""
    source = read(
        """
        from shop import rate as r
        def f(parameter):
            called(1); tax.called(2); kept = asked(tax.held)
            parameter(held_too); kept("held_by_name"); r()
            from deep import thing
        """
    )
    held = {"&tax", "&held", "&held_too", "&held_by_name", "&rate"}
    assert {name for name in source.mentions["f"] if name[0] == "&"} == held


def test_mentions_of_an_alias_are_those_of_what_it_stands_for() -> None:
    """A function that calls `r` reaches `rate`, if `r` is how the file imported it."""
    source = read("from rates import rate as r\n\ndef f():\n    return r(1)\n")
    assert "rate" in source.mentions["f"]


GOLDEN = {
    "": "0f7a578e7b5929536a9cc7ab764750b2",
    "=os": "38cc62ae4a6aafe9ce8f2504942a854b",
    "=LIMIT": "473d096ff4a34f9352695205fc46d18a",
    "=f": "1c83d1778d1c823d081f2ccf0b1d5b30",
    "f": "1953f560650897fb2f3247daeb079811",
    "C.m": "54a8a71f9481c9ff1fe64adc5ed51c7a",
    "C.n": "cbef94afb2b6ba4cd757f98436c86bc2",
    "C.Inner.m": "d1c9fc70ca763d97d71143fcc076fd01",
    "=&f": "07a75562a90a8108ad35767bbd329792",
}


def test_golden_digests() -> None:
    """Fingerprints are the same on every version of Python; raise DIGEST_FORMAT when these change."""
    source = read(MODULE)
    found = {name: value.hex() for name, value in source.blocks.items()}
    found |= {f"={name}": defined.digest.hex() for name, defined in source.definitions.items()}
    assert {"": source.body.hex(), **found} == GOLDEN
