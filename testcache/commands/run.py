"""`testcache run`: the tests, without pytest if nothing changed, by pytest if something did."""

from __future__ import annotations

import os
import sys

from testcache import seal
from testcache.clock import clock
from testcache.storage.tally import count


def run(arguments: list[str]) -> int:
    """Say that nothing changed and return 0, or become `pytest --cached` with these arguments.

    Cost when nothing changed: the start of Python and a stat of each file; some more the first time, when
    the seal is made.
    """
    store = _nearest_store()
    found = seal.unbroken(store, arguments) if store else None
    if found is None:
        from testcache.commands.check import everything_holds

        checked = everything_holds(arguments)
        if checked is None:
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, "-m", "pytest", "--cached", *arguments])  # noqa: S606
        store, found = str(checked[0]), checked[1]
        found.save(store, arguments)
    count(store, (clock.time(), found.tests, found.saved_s))
    print(found.line)
    return 0


def _nearest_store() -> str:
    """The store in this folder or the nearest above it, "" if there is none under its usual name."""
    folder = os.getcwd()
    while not os.path.isdir(store := os.path.join(folder, seal.STORE)):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    return store
