"""`testcache ci save`: leave one bundle for the jobs to come, if this job may."""

from __future__ import annotations

import os
from pathlib import Path

from testcache.commands.ci import outputs
from testcache.commands.ci.restore import SUFFIX, bundles, this_machine
from testcache.errors import StoreError
from testcache.exchange.arrivals import arrivals
from testcache.exchange.keyring import KEY, Keyring
from testcache.exchange.outgoing import export, machine_of
from testcache.exchange.place import place
from testcache.exchange.refusals import Damaged, Forged, Partial, Unsigned
from testcache.project import Project
from testcache.report import number, size
from testcache.storage.history import facts_of
from testcache.storage.store import Store
from testcache.terminal import say

_NO_GOOD = frozenset(kind.slug for kind in (Damaged, Forged, Partial, Unsigned))


def run(project: Project, folder: str, *, mode: str, branches: tuple[str, ...]) -> int:
    """Write the bundle of this machine and drop those it contains; always 0.

    Output `saved` is "true" only if there is something that was not restored. Raises SettingError.
    """
    here = place(os.environ, mode, branches)
    saved = ""
    if here.mode != "write":
        say(f"testcache: {folder}: not saved: mode {here.mode} ({here.why})")
    else:
        try:
            saved = _save(project, folder)
        except StoreError as problem:
            say(outputs.warning(f"testcache: {folder}: not saved: {problem} [{problem.slug}]"))
    outputs.put({"saved": "true" if saved else "false", "bundle": saved})
    return 0


def _save(project: Project, folder: str) -> str:
    """The name of the new bundle, "" if there is nothing new."""
    keyring = Keyring.from_environment()
    store = project.store()
    if store is None:
        say(f"testcache: {folder}: not saved: nothing is recorded in {project.store_name}")
        return ""
    with store:
        return _replace(project, store, Path(folder), keyring)


def _replace(project: Project, store: Store, folder: Path, keyring: Keyring) -> str:
    machine = this_machine(project)
    fresh = folder / f".new-{os.urandom(8).hex()}"
    header = export(
        store,
        fresh,
        project=project.name,
        keyring=keyring,
        wanted=lambda key: machine_of(facts_of(store, key)) == machine,
    )
    kept = folder / f"{header.content[:16]}{SUFFIX}"
    known = kept.exists()
    os.replace(fresh, kept)
    superseded = _superseded(store, machine)  # and what would be carried along and refused for ever
    dropped = [file for file in bundles(str(folder)) if file != kept and file.name in superseded]
    for file in dropped:
        file.unlink(missing_ok=True)  # two jobs that share a folder may both see it
    say(
        f"testcache: {kept}: {'nothing new' if known else 'saved'}: {number(header.files, 'test file')}, "
        f"{size(kept.stat().st_size)}, {'signed' if keyring else f'not signed, as {KEY} is not set'}"
        + (f"; {number(len(dropped), 'older bundle')} dropped" if dropped else "")
    )
    return "" if known and not dropped else kept.name


def _superseded(store: Store, machine: str) -> set[str]:
    """Names of bundles that were taken in whole, so that the new one contains them, or that are no good.

    Those of other machines, other projects and newer versions belong to somebody else.
    """
    latest = {one.name: one for one in arrivals(store)}.values()
    return {one.name for one in latest if one.slug in _NO_GOOD or set(one.machines) == {machine}}
