"""What code sets or fills in modules and classes that its file imports: `json.MODE = 1`, `sys.meta_path.append(...)`.

Such *borrowed* places are written as paths from the root module on, whatever the file calls it: `json.MODE`, with a
key `sys.modules[toml]`, and `sys.meta_path[]` for all that a container holds. A `!` before it says that the body of the
file sets it. Which of them are the project's own, and which are containers at all, is known when the file runs.

Does not see: what is set through a variable or a parameter, keys that are worked out, `del` but for one item.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from testcache.code.outline import Outline

BY_IMPORT: Final = "!"
_IMPORT: Final = "(Import"
_IMPORT_FROM: Final = "(ImportFrom "
_FROM_ELSEWHERE: Final = "(ImportFrom 0"
"""Not relative: what is imported relatively is the project's own."""

WHOLE: Final = "[]"

_SETTERS: Final = ("!setattr", "!delattr", "!.object", "!.setattr", "!.delattr")
_ITEMS: Final = ("!.setitem", "!.delitem")
_PATCHED: Final = "!.dict"
"""`mock.patch.dict(sys.modules, {"toml": None})`."""

_BY_TEXT: Final = frozenset({"!patch", "!.patch", "!.start", "!.setattr"})
"""Who says one of these may give a place by a text: `patch("json.dumps")`."""

_FILLERS: Final = frozenset(
    f"!.{name}"
    for name in (
        "append", "add", "update", "insert", "extend", "pop", "popitem", "remove", "clear", "setdefault", "discard",
        "register", "appendleft", "extendleft", "popleft", "sort", "reverse", "difference_update",
    )
) | {"(Subscript>", "(Delete", "(AugAssign"}  # fmt: skip
"""Who says none of this in a function fills no container there."""

_TEXT: Final = '"'


def find(outline: Outline) -> frozenset[str]:
    """All such places of a file. Cost: 50 ns a token."""
    suites = [(tokens, set(tokens)) for tokens in (outline.body, *(function.tokens for function in outline.functions))]
    imported: dict[str, set[str]] = {}
    for tokens, words in suites:
        if _IMPORT in words or _FROM_ELSEWHERE in words:
            for name, origin in _imports(tokens):
                imported.setdefault(name, set()).add(origin)
    found: set[str] = set()
    for tokens, words in suites:
        mark = BY_IMPORT if tokens is outline.body else ""
        if not words.isdisjoint(imported):
            for root, rest, is_set in _places(tokens, words, imported):
                found.update(f"{mark if is_set else ''}{origin}{rest}" for origin in imported[root])
        if not words.isdisjoint(_BY_TEXT):
            found.update(text for text in map(_text, words) if "." in text and text.replace(".", "_").isidentifier())
    return frozenset(found)


def _imports(tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Each imported name and where it is from."""
    module: str | None = ""
    for token, following in pairwise(tokens):
        if token.startswith(_IMPORT_FROM):
            module = following[2:] + "." if token == _FROM_ELSEWHERE else None
        elif token == _IMPORT:
            module = ""
        elif token.startswith("(alias ") and module is not None:
            name, own = following[2:], token[len("(alias ") :]
            if module or own:
                yield own or name, module + name
            else:
                first = name.partition(".")[0]
                yield first, first


def _places(tokens: list[str], words: set[str], imported: dict[str, set[str]]) -> Iterator[tuple[str, str, bool]]:
    """A name, what is reached from it, and whether that is set for sure. An expression is written from its end.

    `words` are the tokens as a set.
    """
    sets, fills = not words.isdisjoint(_SETTERS), not words.isdisjoint(_FILLERS)
    puts, patches = not words.isdisjoint(_ITEMS), _PATCHED in words
    for at, token in enumerate(tokens):
        if token not in imported:
            continue
        top = at
        while top and tokens[top - 1][0] == "." and tokens[top - 1] != ".":
            top -= 1
        rest = "".join(reversed(tokens[top:at]))
        before = tokens[top - 1] if top else ""
        if before.startswith(">."):
            yield token, rest + before[1:], True
        elif top > 1 and _is_item(tokens, top):
            yield token, f"{rest}[{_text(before)}]", True
        elif (sets or puts) and _text(before):
            if sets and _text(before).isidentifier():
                yield token, f"{rest}.{_text(before)}", True
            if puts:
                yield token, f"{rest}[{_text(before)}]", True
        elif rest and fills:
            yield token, rest + WHOLE, False
        if patches and rest:
            yield from ((token, f"{rest}[{key}]", True) for key in _keys(tokens, top))


def _keys(tokens: list[str], end: int) -> Iterator[str]:
    """The texts of a table that is put over a container."""
    for at in range(end - 1, -1, -1):
        if tokens[at] == _PATCHED:
            return
        if tokens[at][0] == _TEXT:
            yield _text(tokens[at])


def _is_item(tokens: list[str], top: int) -> bool:
    """Whether an item is set or deleted whose key is one token, right before the container."""
    opening = tokens[top - 2]
    return opening == "(Subscript>" or (opening == "(Subscript" and top > 3 and tokens[top - 4] == "(Delete")


def _text(token: str) -> str:
    return token.partition(":")[2] if token[:1] == _TEXT else ""
