"""Words that code has at hand when it goes through the whole environment: by these it picks variables out of it.

A prefix in a call of `startswith`, the fields of a settings class, a table of names. That no other variable matters is
taken for granted: a test that copies the environment for a child does not depend on the number of the build.
Does not see: names put together from pieces, or read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Final

from testcache.recording import anatomy

MOST_FRAMES: Final = 12
OWN_FRAMES: Final = 2
"""How many frames of the project are looked at: the loop, and the function that was given a prefix."""

_MOST_PARTS: Final = 50
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_ONE: Final = re.compile(r"\W*_*([A-Za-z][A-Za-z0-9_]+)\W*")
_LONGEST: Final = 80


def patterns(frame: FrameType | None, is_own: Callable[[str], bool]) -> set[str]:
    """Patterns of names of variables, as `Variables.fingerprint` takes them: `APP_*` and `*database_url`.

    Cost: some 20 us a frame.
    """
    found: set[str] = set()
    own = 0
    for _ in range(MOST_FRAMES):
        if frame is None or own == OWN_FRAMES:
            break
        code = frame.f_code
        own += is_own(code.co_filename)
        names = (frame.f_globals.get(name) for name in code.co_names)
        for value in (*code.co_consts, *frame.f_locals.values(), *names):
            for text in _texts(value):
                found.update(_of_text(text))
        frame = frame.f_back
    return found


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value: itself, its elements, the fields of a class, texts in attributes."""
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
    elif issubclass(kind, type):
        yield from _fields(value)
    else:
        held = anatomy.dict_of(value) or {}
        if len(held) <= _MOST_PARTS:
            yield from (part for part in [*held.values()] if type(part) is str)
            yield from (name for name in [*held] if type(name) is str)
        yield from _fields(kind)


def _fields(cls: type) -> Iterator[str]:
    """The annotated names of a class and its bases."""
    for base in anatomy.mro(cls):
        if base is not object:
            noted = anatomy.namespace(base).get("__annotations__")
            yield from (name for name in (noted if type(noted) is dict else ()) if type(name) is str)


def _of_text(text: str) -> Iterator[str]:
    if len(text) > _LONGEST or text.startswith("__") or not text.strip() or len(text.split()) > 1:
        return
    one = _ONE.fullmatch(text)
    if one is not None:
        yield f"*{one[1].casefold()}"
    for word in _WORD.findall(text):
        if word.isupper() or word.endswith("_"):
            yield f"{word.casefold()}*"
