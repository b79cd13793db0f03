"""Whether every test of a command line can be replayed: the full check, without pytest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from testcache import seal
from testcache.errors import BadRecord, SettingError, StoreError
from testcache.inputs import invocation
from testcache.inputs.unchanged import changed_reads, held_files
from testcache.inputs.variables import CURRENT_FOLDER
from testcache.inputs.world import World
from testcache.model import Kind
from testcache.project import Project, build_world, open_store
from testcache.report import closing_line
from testcache.storage.database import path_in
from testcache.storage.index import SPACE, Index, decode_index
from testcache.storage.store import Store


def everything_holds(arguments: Sequence[str]) -> tuple[Path, seal.Seal] | None:
    """The store's folder and a seal, if every test of this command line can be replayed.

    1. The world is checked. 2. What the check looked at is sealed as it is now. 3. The world is checked
    again, with nothing remembered: what changes before 2 is seen by 3, what changes later breaks the seal.
    """
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
        checked = _checked(arguments, project, store)
        if checked is None:
            return None
        index, world = checked
        facts = sorted({*_facts(index, world, path_in(store.folder))})
        if _checked(arguments, project, store) is None:
            return None
    saved_s = sum(test.duration_s for file in index.files for test in file.tests)
    line = closing_line(index.total, index.total, {}, {}, saved_s)
    asked = {fact.name.partition("=")[0] for fact in index.facts if fact.kind == Kind.VARIABLE}
    if any("*" in name for name in asked):  # which variables these are is not known without looking
        return None
    names = sorted(asked - {CURRENT_FOLDER})  # a seal is for one anyway
    return store.folder, seal.Seal(names, facts, index.total, saved_s, line)


def _checked(arguments: Sequence[str], project: Project, store: Store) -> tuple[Index, World] | None:
    """The index of this command line and the world it was checked against, if all of it holds."""
    world = build_world(str(project.rootdir), project.settings, store, store.salt)
    world.options[invocation.COMMAND_LINE] = invocation.command_line(arguments)
    key = invocation.key(arguments, str(Path.cwd()), world.roots, world.files, world.distributions, os.environ)
    try:
        data = store.get(SPACE, key)
        index = decode_index(data) if data is not None else None
    except (BadRecord, StoreError):
        return None
    if index is None or not index.total:
        return None
    changed = changed_reads(index, world)
    return (index, world) if not changed and len(held_files(index, changed)) == len(index.files) else None


def _facts(index: Index, world: World, database: Path) -> Iterator[tuple[str, str]]:
    """All that the check looked at and what it is now, each as strictly as it counts or stricter.

    Distributions, modules and options follow from files and folders, and from the command line.
    """
    place = world.roots.path
    looked_at = {*world.files.seen(), *world.modules.listed(), *filter(None, sys.path)}
    looked_at.update(place(content.name) for content in index.contents)
    for folder in (Path.cwd(), *Path.cwd().parents):  # up to the root: a new configuration begins another project
        looked_at.update(str(folder / name) for name in (*invocation.CONFIGURATION, "setup.py"))
    looked_at.add(str(database))
    yield f"{database}-wal", seal.log(f"{database}-wal")
    for path in looked_at:
        yield path, seal.signature(path)
    for fact in index.facts:
        path = place(fact.name)
        if fact.kind in (Kind.EXISTS, Kind.STAT):
            yield path, seal.folder(path)
        elif fact.kind in (Kind.LISTING, Kind.TIMES, Kind.PERMISSIONS):
            yield path, seal.signature(path)
        elif fact.kind == Kind.LINK:
            yield path, seal.link(path)
