"""The seal: what the world was when everything could be replayed, in stats; while it is that, everything can.

`testcache run` starts more often than anything else here, so this module imports next to nothing. A seal
only repeats what the full check found (`commands/check`), for exactly one command line, interpreter and
environment. Whatever differs, also the time of a file whose content is the same, leads back to that check.
The store's database is among the paths: whatever is forgotten or recorded meanwhile breaks the seal.

    seal = digest of the rest, NUL, fields with a NUL between them; see `Seal.save`
"""

from __future__ import annotations

import os
import stat
import sys
from hashlib import blake2b

from testcache.clock import clock

TYPE_CHECKING = False  # importing it from typing would take longer than all of this
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FORMAT = "1"
NAME = "seal"
"""Of the file below the store's folder."""

STORE = ".testcache"
"""Where the store is unless the settings say otherwise; elsewhere no seal is looked for."""

RACY_S = 2.0
"""As in `inputs/files`: what changed this shortly before may change again within the same clock tick."""

_ABSENT = "-"
_PREFIXES = ("PYTHON", "PYTEST_", "TESTCACHE_", "LC_")
_ALWAYS = ("TZ", "LANG", "LANGUAGE", "CI", "HOME")
_CUSTOMISING = ("sitecustomize", "usercustomize")
"""As in `inputs/interpreter`: Python has imported them by now, if there are any."""


class Seal:
    """One seal.

    Attributes:
        names: environment variables that count, beside those that always do.
        facts: pairs of a path and what it is, as `signature`, `folder` and `link` say it.
        tests, saved_s: how many tests are replayed, and what that saves.
        line: what the run says at its end.
    """

    __slots__ = ("facts", "line", "names", "saved_s", "tests")

    def __init__(
        self, names: Collection[str], facts: Sequence[tuple[str, str]], tests: int, saved_s: float, line: str
    ) -> None:
        self.names = names
        self.facts = facts
        self.tests = tests
        self.saved_s = saved_s
        self.line = line

    def save(self, store: str, arguments: Sequence[str]) -> None:
        """Write it into a store's folder, unless something changed just now; one that is read-only has none."""
        limit = clock.time_ns() - int(RACY_S * 1e9)
        for _, was in self.facts:
            if was == "w":
                return  # somebody is writing to the store, and more may follow
            if was.count(".") and max(map(int, was.lstrip("l").split(".")[:2])) > limit:
                return
        salt = os.urandom(16).hex()
        fields = [FORMAT, salt, _keyed(salt, beginning(arguments, self.names))]
        fields += [" ".join(self.names), str(self.tests), repr(self.saved_s), self.line]
        fields += (text for fact in self.facts for text in fact)
        body = "\0".join(fields).encode("utf-8", "surrogateescape")
        fresh = os.path.join(store, f"{NAME}-{os.getpid()}")
        try:
            with open(fresh, "wb") as file:
                file.write(blake2b(body).hexdigest().encode() + b"\0" + body)
            os.replace(fresh, os.path.join(store, NAME))
        except OSError:
            return


def unbroken(store: str, arguments: Sequence[str]) -> Seal | None:
    """The seal in a store's folder if it is for this command line and all holds. Cost: 1.5 us a path.

    None as well if there is none, it is damaged, or others can write there.
    """
    try:
        seen = os.lstat(store)
        if not stat.S_ISDIR(seen.st_mode) or seen.st_mode & 0o022 or seen.st_uid != os.getuid():
            return None
        with open(os.path.join(store, NAME), "rb") as file:
            value, _, body = file.read().partition(b"\0")
    except OSError:
        return None
    if value != blake2b(body).hexdigest().encode():
        return None
    version, salt, begun, names, tests, saved_s, line, *facts = body.decode("utf-8", "surrogateescape").split("\0")
    if version != FORMAT:
        return None
    pairs = list(zip(facts[::2], facts[1::2], strict=True))
    seal = Seal(names.split(), pairs, int(tests), float(saved_s), line)
    if begun != _keyed(salt, beginning(arguments, seal.names)) or any(_now(path, was) != was for path, was in pairs):
        return None
    return seal


def signature(path: str) -> str:
    """What a file, or the list of a folder's entries, is: change times, size, inode; "-" if it is absent."""
    try:
        return _signature(os.stat(path))
    except (OSError, ValueError):
        return _ABSENT


def folder(path: str) -> str:
    """That a path is a folder, and its permissions, whatever it holds; `signature` for anything else."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return _ABSENT
    return f"d{seen.st_mode:o}" if stat.S_ISDIR(seen.st_mode) else _signature(seen)


def link(path: str) -> str:
    """What a link itself is, not its target; that a path is a folder, whatever it holds."""
    try:
        seen = os.lstat(path)
    except (OSError, ValueError):
        return "l" + _ABSENT
    return f"ld{seen.st_mode:o}" if stat.S_ISDIR(seen.st_mode) else "l" + _signature(seen)


def log(path: str) -> str:
    """That a database's log holds nothing (opening it changes its times), or that it holds something."""
    try:
        return "w" if os.stat(path).st_size else "w0"
    except OSError:
        return "w0"


def _now(path: str, was: str) -> str:
    return _FORMS.get(was[0], signature)(path)


_FORMS = {"d": folder, "l": link, "w": log}


def _signature(seen: os.stat_result) -> str:
    return f"{seen.st_mtime_ns}.{seen.st_ctime_ns}.{seen.st_size}.{seen.st_ino}"


def beginning(arguments: Sequence[str], names: Collection[str], env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What this process begins with: interpreter, folder, arguments and variables, in texts."""
    wanted = {*names, *_ALWAYS, *(name for name in env if name.startswith(_PREFIXES))}
    flags = (repr(sys.flags), repr(sys.warnoptions), repr(sorted(sys._xoptions.items())))
    variables = (f"{name}={env[name]}" if name in env else name for name in sorted(wanted))
    files = [getattr(sys.modules.get(name), "__file__", None) or "" for name in _CUSTOMISING]
    start = (sys.version, sys.executable, *flags, os.getcwd(), *files, *map(signature, files), *sys.path)
    return (*start, "", *arguments, "", *variables)


def _keyed(salt: str, begun: tuple[str, ...]) -> str:
    """A digest from which no value of a variable can be guessed without the salt."""
    text = "\0".join(begun)
    return blake2b(text.encode("utf-8", "surrogateescape"), key=bytes.fromhex(salt)).hexdigest()
