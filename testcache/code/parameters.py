"""Parameters: rows of `pytest.mark.parametrize` that are plain values, each of which concerns its own test alone.

A row is known by what pytest makes of it in the name of its test: the texts and numbers in it, and for anything else
the parameter and the place in the table (`low1`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from testcache.code.outline import Definition
from testcache.code.syntax import write
from testcache.digest import of_text
from testcache.model import Digest

_MOST_ROWS: Final = 2_000
_MOST_WORDS: Final = 20
"""Dashes in the name of a test: it is tried between which of them the name of its row stands, 1 us each way."""

_PLAIN: Final = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.USub, ast.Load)
"""What a row is written with; the order of a set is another one in each process."""

_ATOMS: Final = frozenset({str, bytes, int, float, complex, bool, type(None)})
_MOST_DEPTH: Final = 20

_PLACE: Final = "(rows"
"""Stands for the rows of a table in the tokens of its function."""


Tables = tuple[tuple[str, ...], ...]
"""The names of the parameters of each table, in the order of the decorators."""


class Row(NamedTuple):
    """What its test is called by, and the digest of its values."""

    name: str
    digest: Digest


class Table(NamedTuple):
    """The second argument of one `parametrize`.

    Attributes:
        names: of the parameters.
        rows: in their order.
        tokens: how it is written.
    """

    names: tuple[str, ...]
    rows: list[Row]
    tokens: list[str]

    def blocks(self, block: str, number: int) -> Iterator[tuple[str, Digest]]:
        """The table as a block, `test_it[0*]`, and each row of it, if no two have one name."""
        yield all_rows(block, number), of_text("\n".join(self.tokens))
        if len({row.name for row in self.rows}) == len(self.rows):
            yield from ((one_row(block, number, row.name), row.digest) for row in self.rows)


def tables_of(item: Definition) -> Iterator[Table]:
    """The tables of a separable test whose rows are plain values, in the order of its decorators."""
    for decorator in item.node.decorator_list:
        match decorator:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="parametrize"),
                args=[named, ast.List() | ast.Tuple() as values],
                keywords=[],
            ):
                names = _names(named)
                rows = (
                    [_row(names, *each) for each in enumerate(values.elts)]
                    if names and len(values.elts) <= _MOST_ROWS
                    else []
                )
                found = [row for row in rows if row is not None]
                if found and len(found) == len(rows):
                    tokens: list[str] = []
                    write([values], tokens)
                    yield Table(names, found, tokens)


def row_digest(values: Iterable[object]) -> Digest:
    """Digest the values of one row: those that a test gets are written as they are in the source."""
    return of_text(repr(tuple(values)))


def divided(item: Definition, tokens: list[str]) -> tuple[dict[str, Digest], Tables]:
    """The blocks of a separable definition, and the names of the parameters of its tables.

    They are itself without its tables, each of these, and each row of one. `tokens` are all of it.
    """
    blocks: dict[str, Digest] = {}
    tables = [*tables_of(item)]
    for number, table in enumerate(tables):
        part = table.tokens
        places = (at for at, token in enumerate(tokens) if token == part[0] and tokens[at : at + len(part)] == part)
        at = next(places)
        tokens = [*tokens[:at], _PLACE, *tokens[at + len(part) :]]
        blocks.update(table.blocks(item.block, number))
    blocks[item.block] = of_text("\n".join(tokens))
    return blocks, tuple(table.names for table in tables)


def row_of(blocks: Mapping[str, Digest], block: str, number: int, values: Sequence[object], test: str) -> str:
    """The block of the row with these values; of all rows, if that is none of them.

    `test` is what stands in brackets in the name of the test: the names of its rows, with dashes between them.
    """
    words = test.split("-")
    if len(words) > _MOST_WORDS or not all(map(_is_plain, values)):
        return all_rows(block, number)
    digest = row_digest(values)
    ends = range(1, len(words) + 1)
    names = ("-".join(words[at:end]) for end in ends for at in range(end))
    rows = {one_row(block, number, name) for name in names}
    found = [row for row in rows if blocks.get(row) == digest]
    return found[0] if len(found) == 1 else all_rows(block, number)


def all_rows(block: str, number: int) -> str:
    """The name of a table as a block."""
    return f"{block}[{number}*]"


def one_row(block: str, number: int, name: str) -> str:
    """The name of a row as a block."""
    return f"{block}[{number}:{of_text(name).hex()[:16]}]"


def _names(node: ast.expr) -> tuple[str, ...]:
    """The names of the parameters, () if that is not plain to see."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        names = tuple(name.strip() for name in node.value.split(","))
        return names if all(names) else ()  # "x," stands for rows of one value
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else []
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return tuple(texts) if len(parts) == len(texts) > 1 else ()


def _row(names: tuple[str, ...], place: int, node: ast.expr) -> Row | None:
    """A row; None if it is not made of plain values, or not of as many as there are names."""
    if not all(isinstance(part, _PLAIN) for part in ast.walk(node)):
        return None
    try:
        value = ast.literal_eval(node)
        values = (value,) if len(names) == 1 else value
        if type(values) not in (tuple, list) or len(values) != len(names):
            return None
        texts = (_named(each, f"{name}{place}") for name, each in zip(names, values, strict=True))
        return Row("-".join(texts), row_digest(values))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # {[]: 1}, -"a", a number of 5,000 digits
        return None


def _is_plain(value: object, depth: int = _MOST_DEPTH) -> bool:
    """Whether a value can be written as it would be in a source: a test may have put anything into its row."""
    kind = type(value)
    if kind is list or kind is tuple or kind is dict:
        parts = chain.from_iterable(value.items()) if kind is dict else value  # type: ignore[attr-defined]
        return depth > 0 and all(_is_plain(part, depth - 1) for part in parts)  # type: ignore[attr-defined]
    return kind in _ATOMS


def _named(value: object, otherwise: str) -> str:
    """What pytest makes of a value in the name of a test."""
    if isinstance(value, str):
        return value.encode("unicode_escape").decode("ascii")
    if isinstance(value, bytes):
        return value.decode("ascii", "backslashreplace")
    return str(value) if value is None or isinstance(value, int | float | complex) else otherwise
