"""Modules of the project that code outside of it asked for: nobody can read what that code looks up.

A settings module that a framework imports by name, a function that `pickle` finds for a worker process,
`python -c "import shop"`: whoever rests on that depends on every name of the module; code that is in no
file at all may look up any name anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from testcache.model import ABSENT, EVERY, Kind
from testcache.recording.context import Context
from testcache.recording.guard import guarded
from testcache.recording.origin import ENGINE
from testcache.recording.tape import Tape

_KNOWN = ("importlib", "unittest.mock", "pkgutil", "runpy")
"""They only hand a module on, or take a name from it that the code of the project wrote down."""


class Strangers:
    """Charges those who let code outside of the project import a module of it."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._harmless: dict[str, bool] = {}
        self._paths: dict[str, str] = {}

    @guarded
    def asked(self, context: Context, asker: Mapping[str, Any], names: Iterable[str]) -> bool:
        """Code with the globals `asker` has imported the modules of these names; whether it may without any charge.

        Cost: about 1 us.
        """
        file = asker.get("__file__")
        if isinstance(file, str) and file.startswith("<"):  # a program given to `python -`
            file = None
        if isinstance(file, str) and self._is_harmless(str(asker.get("__name__")), file):
            return True
        for name in names:
            path = self._path(name)
            if path:
                everything = EVERY if not isinstance(file, str) else f"{path}::{EVERY}"
                self._tape.note(context, Kind.DEFINITIONS, everything, ABSENT)
        return False

    def is_outside(self, name: str) -> bool:
        """Whether a module is known to be none of the project's: libraries import theirs wherever they need them."""
        return self._paths.get(name) == ""

    def _is_harmless(self, name: str, file: str) -> bool:
        """Is the code the project's own, which is read, or one that is known?"""
        known = self._harmless.get(name)
        if known is None:
            own = self._tape.roots.is_first_party(os.path.abspath(file))
            known = own or name.partition(".")[0] in ENGINE or _is_known(name)
            self._harmless[name] = known
        return known

    def _path(self, name: str) -> str:
        """The stored name of the module's file if it is the project's, else ""."""
        known = self._paths.get(name)
        if known is None:
            module = sys.modules.get(name)
            file = getattr(module, "__file__", None)
            roots = self._tape.roots
            known = ""
            if isinstance(file, str) and roots.is_first_party(os.path.abspath(file)):
                known = roots.name(os.path.abspath(file))
            if module is not None:
                self._paths[name] = known
        return known


def name_of(asker: Any) -> str | None:
    """The module that these globals are of; None for what is given none, such as `__import__(name)`, or is no module.

    All who have no name are different ones: what is known of one of them says nothing of the next.
    """
    name = dict.get(asker, "__name__") if issubclass(type(asker), dict) else None
    return name if isinstance(name, str) else None


def _is_known(name: str) -> bool:
    return name.startswith(_KNOWN) and not name.startswith("importlib.metadata")  # that loads entry points
