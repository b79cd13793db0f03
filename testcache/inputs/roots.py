"""Names of paths that mean the same in another checkout, and which files are the project's own."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

IGNORED_NAMES = frozenset(
    {"__pycache__", ".pytest_cache", ".testcache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".coverage"}
)
"""Entries that tools write beside the code in every run: never inputs, never part of a listing."""


LAUNCHERS = frozenset({"pytest", "py.test", "coverage", "testcache"})
"""Commands that start a run; an installer writes them for one environment, whose folder they name."""


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def _main_file() -> str:
    return os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or os.devnull)


class Roots:
    """Maps absolute paths to stored names and back.

    Names: `src/a.py` below the rootdir; `../.env` for what lies directly in a folder above it;
    `<tmp>/x`, `<env>/lib/...` and `<base>/lib/...` for the temporary folder, the virtual
    environment and the interpreter; `~/x` below the home folder; the absolute path for the rest.
    """

    def __init__(
        self,
        rootdir: str,
        *,
        own: Iterable[str] = (),
        owned: Callable[[str], bool] | None = None,
        home: str = "",
        temporary: str = "",
    ) -> None:
        """Take the rootdir, more first-party folders, and a test whether a distribution owns a file.

        `home` and `temporary` are the folders of that name, if not this process's own: a child may be told of others.
        """
        self.rootdir = os.path.abspath(rootdir)
        self.own = tuple(os.path.abspath(folder) for folder in own)
        self._owned = owned or (lambda _path: True)
        self._first_party: dict[str, bool] = {}
        self._ignore: Callable[[str], bool] | None = None
        self._names: dict[str, str] = {}
        self.stdlib = (os.path.dirname(os.path.abspath(os.__file__)),)
        self.home = home or os.path.expanduser("~")
        self.temporary = temporary or tempfile.gettempdir()
        tags = [("<tmp>", os.path.realpath(self.temporary)), ("<tmp>", self.temporary)]
        tags += [("<env>", sys.prefix), ("<base>", sys.base_prefix), ("~", self.home)]
        # The longest first: with a home or an environment below /tmp, a path is named by the nearer one.
        named = [(tag, folder) for tag, folder in tags if len(folder) > 1]
        self._tags = tuple(sorted(named, key=lambda pair: len(pair[1]), reverse=True))
        marks = [("<root>", self.rootdir), *self._tags]
        self._marks = [(tag, re.compile(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])")) for tag, folder in marks]
        above: list[str] = []
        folder = os.path.dirname(self.rootdir)
        while folder not in above:
            above.append(folder)
            folder = os.path.dirname(folder)
        self._above = {folder: "../" * (i + 1) for i, folder in enumerate(above)}

    def name(self, path: str) -> str:
        """Give the stored name of an absolute path. Cost: a look-up from the second time on."""
        known = self._names.get(path)
        if known is None:
            known = self._names[path] = self._name(path)
        return known

    def _name(self, path: str) -> str:
        if _under(path, self.rootdir) and not self._in_environment(path):
            return path[len(self.rootdir) + 1 :].replace(os.sep, "/") or "."
        for tag, folder in self._tags:
            if _under(path, folder) and not _under(self.rootdir, path):
                return tag + path[len(folder) :].replace(os.sep, "/")
        if path in self._above:
            return self._above[path].rstrip("/")
        folder, _, last = path.rpartition(os.sep)
        up = self._above.get(folder or os.sep)
        return path if up is None else up + last

    def path(self, name: str) -> str:
        """Give the absolute path that a stored name means here."""
        for tag, folder in self._tags:
            if name == tag or name.startswith(tag + "/"):
                return folder + name[len(tag) :]
        return os.path.normpath(os.path.join(self.rootdir, name))

    def text(self, value: str) -> str:
        """Replace the machine's own folders in a text, such as the value of a variable."""
        for tag, folder in self._marks:
            value = folder.sub(tag, value)
        return value

    def is_stdlib(self, path: str) -> bool:
        """Whether a path belongs to the interpreter's own library."""
        return any(_under(path, lib) for lib in self.stdlib) and not any(part in path for part in _INSTALLED)

    def is_installed(self, path: str) -> bool:
        """Whether a path lies in a folder that an installer writes."""
        return any(part in path for part in _INSTALLED)

    def is_first_party(self, path: str) -> bool:
        """Whether a file is the project's own: below the rootdir, declared, or owned by no distribution.

        Cost: a dictionary look-up after the first call for a path.
        """
        known = self._first_party.get(path)
        if known is None:
            known = self._first_party[path] = self._decide_first_party(path)
        return known

    def _decide_first_party(self, path: str) -> bool:
        if not os.path.isabs(path) or path.endswith((".pyc", ".so", ".pyd")):
            return False
        if any(_under(path, folder) for folder in self.own):
            return True
        if self.is_installed(path):
            return not self._owned(path)
        return not (self._in_environment(path) or self.is_stdlib(path) or self._is_launcher(path))

    def _is_launcher(self, path: str) -> bool:
        """Whether this is the command that was typed, written by an installer: another environment has another."""
        if path != _main_file() or _under(path, self.rootdir):
            return False
        folder, name = os.path.split(path)
        return name in LAUNCHERS or folder == os.path.dirname(sys.executable)

    def _in_environment(self, path: str) -> bool:
        inside = sys.prefix != self.rootdir and _under(sys.prefix, self.rootdir) and _under(path, sys.prefix)
        return inside or (_under(path, self.rootdir) and self.is_installed(path))

    def ignore(self, covers: Callable[[str], bool]) -> None:
        """Take the settings' word for it that paths with these stored names are never inputs."""
        self._ignore = covers

    def is_ignored(self, path: str) -> bool:
        """Whether a path can never be an input: devices, byte code, folders of tools, what is set."""
        if self._ignore is not None and self._ignore(self.name(path)):
            return True
        if path.startswith(("/proc/", "/dev/", "/sys/")) or path.endswith(".pyc") or self.is_stdlib(path):
            return True
        return not IGNORED_NAMES.isdisjoint(path.split(os.sep))
