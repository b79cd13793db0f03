"""Fingerprints of values in memory: equal ones mean that no test could tell the values apart.

What cannot be looked into (an open file, an array of a C library, too much of anything) gets a fingerprint
that nothing else will ever have: unknown means different.
Functions and classes count by their names, and by what a function closes over: their code is an input of
whoever runs it. Functions without a name of their own, such as lambdas, count by their code, too.
Does not see: the attributes of a class that is defined in a function, if no code of that function runs later;
how often a `functools.lru_cache` was asked; the traceback and the cause of an exception.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from itertools import count
from operator import itemgetter
from typing import Any, Final

from testcache.digest import of_text
from testcache.model import Digest
from testcache.recording import anatomy, plain
from testcache.recording.anatomy import ATOMS, MISSING
from testcache.recording.identity import identity
from testcache.recording.parts import Word, sort_of, unknown
from testcache.recording.plain import atom

MOST_PARTS: Final = 20_000
"""Objects that one portrait may name: about 100 ms. A filled table of a grammar has a few thousand."""

MOST_DEPTH: Final = 40
"""Sets in sets that one portrait follows: each takes a few frames of Python's stack."""


def portrait(value: object, met: list[object] | None = None) -> Digest:
    """The fingerprint of a value and of the objects it leads to, added to `met`: 5 us each, 1 us a plain value."""
    if type(value) in ATOMS:
        return of_text(atom(value))
    painter = Painter()
    digest = painter.paint(value)
    if met is not None:
        met += painter.kept
    return digest


class Painter:
    """Writes one value down, naming objects that come up again by the order in which they came."""

    most = MOST_PARTS
    total = 0  # parts of all portraits of this process

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.kept: list[object] = []
        self._parts = 0
        self._depth = 0

    def paint(self, value: object) -> Digest:
        """The digest of the words that a value comes down to. Not by recursion, but for the elements of sets."""
        at_once = plain.tree(value, self.most) if not self.kept else None
        if at_once is not None:
            return self._take(*at_once)
        words: list[str] = []
        queue: list[object] = [value]
        while queue:
            thing = queue.pop()
            kind = type(thing)
            if kind is Word:
                words.append(thing.text)  # type: ignore[attr-defined]
                continue
            if kind in ATOMS:
                words.append(atom(thing))
                continue
            number = self._numbers.get(identity(thing))
            if number is not None:
                words.append(f"again:{number}")
            elif self._parts >= self.most:
                return self.too_much(words)
            else:
                self._parts += 1
                Painter.total += 1
                self._keep(thing)
                queue.append(_END)
                queue += self.parts_of(thing)[::-1]
        return of_text("\n".join(words))

    def _take(self, text: str, things: list[object]) -> Digest:
        """The digest of what was written in one go."""
        self._parts += len(things)
        Painter.total += len(things)
        self._numbers.update(zip(map(identity, things), count()))
        self.kept += things
        return of_text(text)

    def too_much(self, _words: list[str]) -> Digest:
        return of_text(unknown())

    def _keep(self, thing: object) -> None:
        self._numbers[identity(thing)] = len(self.kept)
        self.kept.append(thing)

    def parts_of(self, thing: object) -> tuple[object, ...]:
        """The words and values that an object comes down to."""
        word, parts = sort_of(type(thing))
        try:
            return (word, *(self._own(thing) if parts is None else parts(thing)))
        except (
            AttributeError,
            TypeError,
            ValueError,
            RuntimeError,
        ):  # half made, or changed by another thread just now
            return (word, Word(unknown()))

    def _own(self, thing: Any) -> Iterator[object]:
        """Elements, pairs, arguments, attributes and slots."""
        kind = type(thing)
        text = plain.flat(thing)
        if text:
            yield Word(text)
            return
        if issubclass(kind, dict):
            if issubclass(kind, collections.defaultdict):
                yield _FACTORY.__get__(thing)
            for key, value in anatomy.items(thing):
                yield key
                yield value
        elif issubclass(kind, (set, frozenset)):
            yield from self.elements(anatomy.content(thing) or ())
        elif issubclass(kind, (list, tuple, collections.deque)):
            if issubclass(kind, collections.deque):
                yield _LENGTH.__get__(thing)
            yield from anatomy.content(thing) or ()
        elif issubclass(kind, BaseException):
            yield BaseException.__dict__["args"].__get__(thing)
        else:
            yield from (Word(plain.BASES[base](thing)) for base in plain.BASES if issubclass(kind, base))
        yield Word("with")
        for name, value in (anatomy.dict_of(thing) or {}).items():
            yield name
            yield value
        for name, slot in anatomy.slots_of(thing):
            value = anatomy.value_of(slot, thing)
            if value is not MISSING:
                yield name
                yield value

    def elements(self, elements: Iterable[object]) -> Iterator[object]:
        """The elements of a set, in an order that rests on nothing but what they are.

        Each is written down on its own first; what two of them share, or what comes up again later, has its
        number from that order.
        """
        if self._depth == MOST_DEPTH:
            yield Word(unknown())
            return
        self._depth += 1
        drawn = []
        before = len(self.kept)
        for element in elements:
            digest = self.paint(element)
            drawn.append((digest, self.kept[before:]))
            for thing in self.kept[before:]:
                del self._numbers[identity(thing)]
            del self.kept[before:]
        self._depth -= 1
        for digest, things in sorted(drawn, key=itemgetter(0)):
            yield Word(digest.hex())
            for thing in things:
                known = self._numbers.get(identity(thing))
                if known is None:
                    self._keep(thing)
                else:
                    yield Word(f"also:{known}")


_FACTORY: Final = collections.defaultdict.__dict__["default_factory"]
_LENGTH: Final = collections.deque.__dict__["maxlen"]
_END: Final = Word(">")


def identify(key: object) -> str:
    """How a key of a dict is written in the name of a place: never in clear, as it may be a secret."""
    return f"#{portrait(key).hex()[:16]}"
