"""Environment variables as the process found them, known only by keyed digests."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from testcache import digest
from testcache.inputs.roots import Roots
from testcache.model import ABSENT, Digest

VOLATILE = frozenset(
    {
        "PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT",
        "PYTEST_XDIST_TESTRUNUID", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "TESTCACHE_CHILD", "TMPDIR", "TEMP", "TMP",
        "COV_CORE_SOURCE", "COV_CORE_CONFIG", "COV_CORE_DATAFILE", "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG", "SHLVL", "_", "OLDPWD", "PWD",
    }
)  # fmt: skip
"""Set anew by every run, or named in the environment key already: reading one ties a test to nothing."""


CURRENT_FOLDER = "<current folder>"
"""Stands among the variables for the folder in which the run was started."""

EVERY_VARIABLE = "<every variable>"
"""Stands among the variables for a copy of them all, out of which anybody may look up what he has a name for."""

_UNKNOWN_SALT = digest.of_text("keyed with a salt that is not known here")


class Variables:
    """The environment at the start of the run, before conftest files changed it.

    `others` are salts of other stores by id, for traces that were recorded there.
    """

    def __init__(
        self, start: Mapping[str, str], roots: Roots, salt: bytes, others: Mapping[str, bytes] | None = None
    ) -> None:
        self._start = {**start, CURRENT_FOLDER: _current_folder()}
        self._roots = roots
        self._salt = salt
        self._others = others or {}
        self._known: dict[str, Digest] = {}

    def fingerprint(self, name: str) -> Digest:
        """Keyed digest of a variable's value at the start, ABSENT if it was unset.

        The machine's own folders are replaced by their tags first, so that `HOME` or a path below
        the rootdir is equal in another checkout. `APP_*` is all variables that begin like that, `*port` those that are
        called or end like that, in capitals or not. `NAME=salt id` asks for the digest that the store
        with that salt would have recorded; it matches nothing if that salt is not known.
        Cost: a look-up, once it is known; else 0.2 ms for a pattern.
        """
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._fingerprint(name)
        return known

    def _fingerprint(self, name: str) -> Digest:
        variable, foreign, salt_id = name.partition("=")
        value = self._all(variable) if "*" in variable else self._start.get(variable)
        if value is None:
            return ABSENT
        salt = self._others.get(salt_id) if foreign else self._salt
        return _UNKNOWN_SALT if salt is None else digest.keyed(salt, self._roots.text(value))

    def _all(self, pattern: str) -> str | None:
        """The variables that a pattern means, and their values; None if there is none."""
        word = pattern.strip("*")
        anywhere = pattern.startswith("*") and pattern.endswith("*")
        found = []
        for name in sorted(self._start):
            plain = name.casefold()
            fits = plain.startswith(word) if pattern.endswith("*") else plain == word or plain.endswith(f"_{word}")
            if (fits or (anywhere and word in plain)) and Variables.counts(self, name):
                found.append(f"{name}={self._start[name]}")
        return "\0".join(found) if found else None

    def keyed(self, value: str) -> Digest:
        """The digest of a value that a variable has got since."""
        return digest.keyed(self._salt, self._roots.text(value))

    def at_start(self, name: str) -> str | None:
        """The value a variable had when the run started."""
        return self._start.get(name)

    def changed(self, now: Mapping[str, str]) -> dict[bytes, tuple[bytes, bytes | None]]:
        """What has been set since the start: the value that a worker inherits, and the one before."""
        return {
            os.fsencode(name): (os.fsencode(value), None if name not in self._start else os.fsencode(self._start[name]))
            for name, value in now.items()
            if Variables.counts(self, name) and self._start.get(name) != value
        }

    def names(self) -> Collection[str]:
        """The names of all variables at the start."""
        return self._start.keys()

    def digests(self) -> dict[str, Digest]:
        """Keyed digests of all variables at the start, for child processes."""
        return {name: self.fingerprint(name) for name in self._start}

    def counts(self, name: str) -> bool:
        """Whether a read of this variable is an input."""
        return name not in VOLATILE


def start_of(now: Mapping[str, str], changed: Mapping[bytes, tuple[bytes, bytes | None]]) -> dict[str, str]:
    """The environment at the start of the run, in a worker that has inherited another one, as `changed` tells."""
    start = dict(now)
    for name, (value, before) in changed.items():
        if start.get(os.fsdecode(name)) == os.fsdecode(value):
            del start[os.fsdecode(name)]
            start |= {} if before is None else {os.fsdecode(name): os.fsdecode(before)}
    return start


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


class InheritedVariables(Variables):
    """A child's environment: only what it has unchanged from the run's start is an input."""

    def __init__(self, now: Mapping[str, str], roots: Roots, salt: bytes, start: Mapping[str, Digest]) -> None:
        super().__init__(now, roots, salt)
        self._inherited = start

    def counts(self, name: str) -> bool:
        if "*" in name:  # what that is in the run, its parent knows
            return super().counts(name)
        same = self.fingerprint(name) == self._inherited.get(name, ABSENT)
        return same and super().counts(name)
