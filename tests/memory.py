"""Real modules in memory, and a census of them."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path
from typing import Any

from testcache.recording.census import Census
from testcache.recording.change import Change
from testcache.recording.interiors import Interiors

numbers = itertools.count()


class World:
    """Modules on disk and in memory, and a census of them."""

    def __init__(self, folder: Path, *, by_content: bool = False) -> None:
        self.folder = folder
        self.interiors = Interiors(self._is_library, by_content=by_content)
        self.census = Census(
            lambda path: Path(path).name.partition("_")[0] + ".py",
            lambda path: path.startswith(str(folder)) and not Path(path).name.startswith("lib"),
            self.interiors,
        )

    def _is_library(self, module: str) -> bool:
        return module.startswith(("lib", "msgspec", "backports"))

    def load(self, text: str, *, name: str = "m") -> Any:
        """Write a module, import it, and watch it from now on."""
        unique = f"{name}_{next(numbers)}"
        (self.folder / f"{unique}.py").write_text(text)
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        try:
            found = importlib.import_module(unique)
        finally:
            sys.path.remove(str(self.folder))
        self.census.adopt([found])
        return found

    def changes(self) -> dict[str, Change]:
        return {change.place: change for change in self.census.changes().changes}

    def places(self) -> set[str]:
        return set(self.changes())


FULL = """
import collections, contextvars, functools, logging, threading
class Box:
    kind = "box"
    table = {}
    def __init__(self, **held): self.__dict__.update(held)
class Slotted:
    __slots__ = ("x", "y")
    def __init__(self): self.x = self.y = None
class Rows(list): pass
class Table(dict): pass
TABLE, LIST, SET, QUEUE = {}, [], set(), collections.deque()
FACTORY, ORDERED = collections.defaultdict(list), collections.OrderedDict()
BOX, SLOTTED, ROWS, OWN = Box(), Slotted(), Rows(), Table()
DEEP = {"a": [Box(b={"c": [set()]})]}
PAIR = ([], {})
COUNT = 0
LOCAL = threading.local()
BYTES = bytearray(b"ab")
CURRENT = contextvars.ContextVar("current", default=None)
LOG = logging.getLogger(__name__)
def memo():
    kept = {}
    def ask(key): return kept.setdefault(key, [key])
    return ask
ASK = memo()
def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
STEP = counter()
@functools.lru_cache(maxsize=None)
def cached(key): return [key]
@functools.lru_cache(maxsize=2)
def bounded(key): return [key]
def default(key, kept={}): return kept.setdefault(key, [key])
def marked(): pass
PARTIAL = functools.partial(default, kept={})
LAZY = Box(cell=functools.cached_property(len))
"""
