"""`functools.lru_cache` and `cache`: a hit runs no Python code, yet it rests on what filled the cache.

Each cache of first-party code counts its calls; whoever was on top of the tape when the count moved is
linked to the fill: everything that ran, under any test, while the cached function was computing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from testcache.recording.context import Context, Place
from testcache.recording.pending import Fill
from testcache.recording.tape import Tape


class Memos:
    """Finds caches as they are made and tells the tape which were asked."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._caches: list[tuple[Any, Place, list[int]]] = []
        self._original: Any = None

    def install(self) -> None:
        """Wrap `functools.lru_cache`, through which `functools.cache` goes too."""
        self._original = functools.lru_cache
        functools.lru_cache = self._lru_cache
        self._tape.touched.append(self.asked)

    def uninstall(self) -> None:
        """Put it back; caches made meanwhile are ordinary ones."""
        if self._original is not None:
            functools.lru_cache = self._original
            self._original = None

    def _lru_cache(self, maxsize: Any = 128, typed: bool = False) -> Any:
        made = self._original(maxsize, typed)
        if callable(maxsize):
            self._watch(made)
            return made

        def decorating(function: Callable[..., Any]) -> Any:
            cached = made(function)
            self._watch(cached)
            return cached

        return decorating

    def _watch(self, cached: Any) -> None:
        code = getattr(getattr(cached, "__wrapped__", None), "__code__", None)
        if code is None or not self._tape.roots.is_first_party(code.co_filename):
            return
        place = (code.co_filename, code.co_firstlineno)
        self._tape.fills.setdefault(place, Fill(Context(f"cache {code.co_qualname}"), frozenset({code.co_name})))
        if self._tape.recorder is not None:
            self._tape.recorder.watch(place[0], [place[1]])
        self._caches.append((cached, place, [0]))

    def asked(self) -> Iterator[Context]:
        """The fills of all caches that were called since the last time. Cost: 0.4 µs a cache."""
        for cached, place, seen in self._caches:
            info = cached.cache_info()
            calls = info.hits + info.misses
            if calls != seen[0]:
                seen[0] = calls
                fill = self._tape.fills[place].context
                self._tape.pending.lasting(fill)
                yield fill
