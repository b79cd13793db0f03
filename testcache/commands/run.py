"""`testcache run`: the tests, without pytest if nothing changed, by pytest if something did."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from testcache.errors import BadRecord, SettingError, StoreError
from testcache.inputs import invocation
from testcache.inputs.unchanged import changed_reads, held_files
from testcache.project import Project, build_world, open_store
from testcache.report import closing_line
from testcache.storage.index import SPACE, Index, decode_index
from testcache.storage.tally import Replayed, count


def run(arguments: list[str]) -> int:
    """Say that nothing changed and return 0, or become `pytest --cached` with these arguments.

    Cost when nothing changed: the start of Python, one read of the store and a stat of each file.
    """
    index = _unchanged(arguments)
    if index is None:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "pytest", "--cached", *arguments])  # noqa: S606
    saved_s = sum(test.duration_s for file in index.files for test in file.tests)
    print(closing_line(index.total, index.total, {}, {}, saved_s))
    return 0


def _unchanged(arguments: list[str]) -> Index | None:
    """The index of this command line, if every test of it can be replayed."""
    if not invocation.settled(arguments):
        return None
    try:
        project = Project.find(None)
    except SettingError:
        return None  # pytest will say so
    if project.settings.mode not in ("on", "read"):
        return None
    store, _ = open_store(project.rootdir, project.settings, "read")
    if store is None:
        return None
    with store:
        world = build_world(str(project.rootdir), project.settings, store, store.salt)
        key = invocation.key(arguments, str(Path.cwd()), world.roots, world.files, world.distributions, os.environ)
        try:
            data = store.get(SPACE, key)
            index = decode_index(data) if data is not None else None
        except (BadRecord, StoreError):
            return None
        if index is None or not index.total:
            return None
        changed = changed_reads(index, world)
        if changed or len(held_files(index, changed)) != len(index.files):
            return None
        saved_s = sum(test.duration_s for file in index.files for test in file.tests)
        count(store.folder, Replayed(time.time(), index.total, saved_s))
    return index
