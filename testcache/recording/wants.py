"""Wants: modules that installed distributions import without declaring that they need them, found or not.

An optional dependency that is installed later, or upgraded, changes what a library does. Whoever rests on the library
rests on where these would be found, and on the distributions that they were found in.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from os.path import abspath
from types import FrameType
from typing import Any
from weakref import WeakSet

from testcache.inputs.distributions import Distributions
from testcache.recording.context import Context
from testcache.recording.origin import ENGINE


class Wants:
    """What each distribution has asked for up to now; `charge` charges a module to a context."""

    def __init__(self, distributions: Distributions, charge: Callable[[Context, str], None]) -> None:
        self._distributions = distributions
        self._charge = charge
        self._pairs: set[tuple[str, str]] = set()
        self._wanted: defaultdict[str, set[str]] = defaultdict(set)
        self._users: defaultdict[str, WeakSet[Context]] = defaultdict(WeakSet)

    def asked(self, asker: Mapping[str, Any], name: str) -> None:
        """Code of a library with these globals has imported a module, or tried to. Cost: 0.5 us, once that is known."""
        package, top = str(asker.get("__name__")).partition(".")[0], name.partition(".")[0]
        if package == top or (package, top) in self._pairs:
            return
        self._pairs.add((package, top))
        file = asker.get("__file__")
        if top in sys.stdlib_module_names or package in ENGINE or not isinstance(file, str):
            return
        owner = self._distributions.owner(abspath(file))
        if owner is not None:
            self._wanted[owner].add(top)
            for user in [*self._users[owner]]:
                self._used(user, top)

    def used(self, context: Context, owner: str) -> None:
        """A context rests on a distribution."""
        if context not in self._users[owner]:
            self._users[owner].add(context)
        for top in [*self._wanted.get(owner, ())]:
            self._used(context, top)

    def _used(self, context: Context, top: str) -> None:
        key = ("wanted", top)
        if key not in context.imports:
            context.imports.add(key)
            self._charge(context, top)


def asking(frame: FrameType) -> Any:
    """The globals of who imports a module by a function: what an entry point loads is wanted by who has it loaded."""
    while frame.f_globals.get("__name__") == "importlib.metadata" and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_globals
