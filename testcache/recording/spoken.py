"""Words that code has at hand when it goes through the whole environment: by these it picks variables out of it.

A prefix in a call of `startswith`, the fields of a settings class, a table of names. That no other variable matters is
taken for granted: a test that copies the environment for a child does not depend on the number of the build.
Patterns are stored in clear, and what code has at hand may be a secret: a text counts only if it looks like a name of a
variable, and one that is not written in the code only if it is a prefix in capitals, or if there is such a variable.
Who keeps a copy may look it up anywhere, later on: there the names count that stand in quotes in any file of the
project below, and those that a data file marks as to be filled in (`${SHOP_PORT}`).
Does not see: names put together from pieces, names in data files in small letters, but for `%(port)s`, and in code in
small letters without a `_`, unless something is looked up by them.
"""

from __future__ import annotations

import functools
import opcode
import re
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from types import CodeType, FrameType
from typing import Any, Final

from testcache.recording import anatomy
from testcache.recording.identity import identity

MOST_FRAMES: Final = 12
OWN_FRAMES: Final = 2
"""How many frames of the project are looked at: the loop, and the function that was given a prefix."""

_MOST_PARTS: Final = 50
_MOST_CODES: Final = 4096
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_LONGEST: Final = 80

_QUOTED: Final = re.compile(r"""(?<!\w)[rRfFuU]?(["'])([A-Za-z][A-Za-z0-9_-]{1,79})(?:\1|(?<=_)\{)""")
_LOOKED_UP: Final = re.compile(
    r"""(?:\[|\.get\(|\.pop\(|\.setdefault\(|\bgetenv\()\s*["'](\w{2,80})["']|["'](\w{2,80})["']\s+(?:not\s+)?in\b"""
)
_IN_A_SECTION: Final = re.compile(r"""\.get(?:int|float|boolean)?\(()\s*["']\w+["']\s*,\s*["'](\w{2,80})["']""")
"""How `configparser` is asked; the second may be what another table gives instead, which is no variable then."""
_LISTED: Final = re.compile(r"""["']([A-Z][A-Z0-9_]+(?:[\s,;|]+[A-Z][A-Z0-9_]+)+)["']""")
_CAPITALS: Final = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b")
_MOST_NAMES: Final = 200
"""Names in capitals in one data file: more of them are data."""

_SEPARATOR: Final = "__"
"""Stands between the parts of a name: `DB__HOST` for a setting within one."""

_MATCHING: Final = frozenset({"match", "fullmatch", "search", "findall", "finditer", "compile", "fnmatch", "filter"})
_FOLDING: Final = frozenset({"lower", "casefold", "upper"})
_CONTAINS: Final = opcode.opmap["CONTAINS_OP"]
_SHORTEST_PART: Final = 3
"""Letters of a text that is looked for within names: `"KEY" in name`, or of a pattern."""

_FILLED_IN: Final = re.compile(r"(?:\$\{?|\{\{?[ \t]*(?:\w+\.)?|%\()([A-Z][A-Z0-9_]{1,79})\b")

_INTERPOLATED: Final = re.compile(r"%\((\w{2,80})\)s|\$\{(?:\w+:)?(\w{2,80})\}")
"""How `configparser` fills in, which writes all names of the environment that it is given in small letters."""


def patterns(frame: FrameType | None, is_own: Callable[[str], bool], variables: Collection[str]) -> set[str]:
    """Patterns of names of variables, as `Variables.fingerprint` takes them: `app_*` and `*database_url`.

    `variables` are the names of those that there are. Cost: some 50 us a frame.
    """
    known = tuple(map(str.casefold, variables))
    found: set[str] = set()
    own = 0
    for _ in range(MOST_FRAMES):
        if frame is None or own == OWN_FRAMES:
            break
        code = frame.f_code
        is_ours = is_own(code.co_filename)
        if own and not is_ours:  # pytest, which calls the test
            break
        own += is_ours
        names = (frame.f_globals.get(name) for name in code.co_names)
        values = [*frame.f_locals.values(), *names]
        for kind in {identity(kind): kind for kind in map(_class_of, values)}.values():
            found |= _by_fields(kind)
        found |= _written_in(code)
        for word in (word for value in values for text in _texts(value) for word in _words(text)):
            if (word.isupper() and word.endswith("_")) or _fits(word.casefold(), known):
                found.update(_of(word))
        frame = frame.f_back
    return found


def _class_of(value: Any) -> type:
    return value if issubclass(type(value), type) else type(value)


def _by_fields(cls: type) -> frozenset[str]:
    """What the annotated names of a class and its bases stand for now: its own fields are called `DB__HOST`."""
    names = (anatomy.namespace(base).get("__annotations__") for base in anatomy.mro(cls) if base is not object)
    fields = [name.casefold() for noted in names if type(noted) is dict for name in noted if type(name) is str]
    return frozenset(chain.from_iterable((f"*{name}", f"{name}__*") for name in fields))


_codes: Final[dict[int, tuple[CodeType, frozenset[str]]]] = {}


def _written_in(code: CodeType) -> frozenset[str]:
    """What the texts in some code stand for. Cost: a look-up, once it is known: a code object hashes slowly."""
    known = _codes.get(identity(code))
    if known is None:
        words = {word for value in code.co_consts for text in _texts(value) for word in _words(text)}
        inner = [code, *(value for value in code.co_consts if type(value) is CodeType)]
        names = {name for one in inner for name in one.co_names}
        by_pattern = not _MATCHING.isdisjoint(names)
        by_part = by_pattern or any(_CONTAINS in one.co_code[::2] for one in inner)
        in_any_case = by_pattern or not _FOLDING.isdisjoint(names)
        words = {word for word in words if word.isupper() or "_" in word or (in_any_case and word.isalpha())}
        found = set(chain.from_iterable(map(_of, words)))
        found.update(f"*{word.strip('_').casefold()}*" for word in words if by_part and len(word) >= _SHORTEST_PART)
        separator = (f"*{_SEPARATOR}*",) if _SEPARATOR in code.co_consts else ()
        if len(_codes) == _MOST_CODES:
            _codes.clear()
        known = _codes[identity(code)] = (code, frozenset((*found, *separator)))
    return known[1]


def names_in_code(text: str) -> frozenset[str]:
    """The names of variables for which there is a text in a Python file, and `app_*` for a prefix.

    Cost: some 0.2 ms for 10 kB.
    """
    found: set[str] = set()
    for match in _QUOTED.finditer(text):
        word = match[2].replace("-", "_")
        if word.isupper() and word.endswith("_"):
            found.add(f"{word.casefold()}*")
        elif word.isupper() or "_" in word:
            found.update((word, word.upper()))
    for match in _LISTED.finditer(text):
        found.update(_WORD.findall(match[1]))
    for match in chain(_LOOKED_UP.finditer(text), _IN_A_SECTION.finditer(text)):
        word = match[1] or match[2]
        found.update((word, word.upper()))
    return _interpolated(text).union(found)


def names_in_data(text: str) -> frozenset[str]:
    """The names of variables that a data file has to be filled in with, or lists: `SHOP_URL`."""
    listed = frozenset(_CAPITALS.findall(text))
    return _interpolated(text).union(_FILLED_IN.findall(text), listed if len(listed) <= _MOST_NAMES else ())


def _interpolated(text: str) -> frozenset[str]:
    words = (one or other for one, other in _INTERPOLATED.findall(text))
    return frozenset(name for word in words for name in (word, word.upper()))


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value: itself, its elements, texts in attributes."""
    kind = type(value)
    if kind is str:
        yield value
    elif kind is re.Pattern:
        yield str(value.pattern)
    elif kind in (tuple, list, set, frozenset, dict):
        if len(value) <= _MOST_PARTS:
            yield from (part for part in [*value] if type(part) is str)
    elif kind is CodeType:  # a generator or a function inside
        yield from (part for part in value.co_consts if type(part) is str)
    else:
        held = anatomy.dict_of(value) or {}
        if len(held) <= _MOST_PARTS:
            yield from (part for part in (*held, *held.values()) if type(part) is str)


def _words(text: str) -> list[str]:
    """The words of a text that may be a name, or a pattern of names."""
    return _WORD.findall(text) if len(text) <= _LONGEST and not text.startswith("__") and len(text.split()) == 1 else []


@functools.lru_cache(4096)  # a suite has its environment patched test by test, from the same code
def _fits(word: str, names: tuple[str, ...]) -> bool:
    return any(name.startswith(word) or name.endswith(f"_{word}") for name in names)


def _of(word: str) -> Iterator[str]:
    """What a word may stand for."""
    yield f"*{word.strip('_').casefold()}"
    if word.isupper() or word.endswith("_"):
        yield f"{word.casefold()}*"
