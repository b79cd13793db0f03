"""`testcache ci compact`: of many small bundles in a folder make one for each machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from testcache.clock import clock
from testcache.commands.bring import words_of
from testcache.commands.ci.restore import SUFFIX, bundles
from testcache.errors import SettingError
from testcache.exchange.arrivals import machines, receive
from testcache.exchange.bundle import opened
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.outgoing import export
from testcache.exchange.refusals import Refused
from testcache.project import Project
from testcache.quantities import Duration
from testcache.report import number, size
from testcache.storage.store import Store
from testcache.terminal import say


def run(project: Project, folder: str, *, max_age: str | None) -> int:
    """Merge bundles of the same machines; always 0. What is refused stays where it is.

    `max_age` leaves out results that were recorded longer ago. Raises SettingError, StoreError.
    """
    keyring = Keyring.from_environment()
    limits = Limits(unpacked_bytes=project.settings.max_size)
    try:
        age = None if max_age is None else Duration.parse(max_age)
    except ValueError as error:
        raise SettingError(f"--max-age={max_age}: expected {error} [option-value]") from None
    not_before = float("-inf") if age is None else clock.time() - age
    files = bundles(folder)
    before = sum(file.stat().st_size for file in files)
    groups: dict[tuple[str, ...], list[Path]] = {}
    for file in files:
        try:
            with opened(file, project=project.name, keyring=keyring, limits=limits) as bundle:
                groups.setdefault(machines(bundle.header), []).append(file)
        except Refused as refusal:
            say(f"testcache: {file.name}: left alone: {refusal} [{refusal.slug}]")
    for group in groups.values():
        if len(group) > 1 or age is not None:
            _merge(project, group, keyring, limits, not_before)
    left = bundles(folder)
    after = sum(file.stat().st_size for file in left)
    say(f"testcache: {folder}: {number(len(files), 'bundle')}, {size(before)}; now {len(left)}, {size(after)}")
    return 0


def _merge(project: Project, group: list[Path], keyring: Keyring, limits: Limits, not_before: float) -> None:
    folder = group[0].parent
    with (
        tempfile.TemporaryDirectory(prefix="testcache-") as scratch,
        Store.open(Path(scratch) / "store") as store,
    ):
        taken = []
        for file in group:
            arrival = receive(store, file, project=project.name, keyring=keyring, limits=limits)
            if arrival.slug:
                say(words_of(arrival))
            else:
                taken.append(file)
        fresh = folder / f".new-{os.urandom(8).hex()}"
        header = export(store, fresh, project=project.name, keyring=keyring, not_before_s=not_before)
    kept = folder / f"{header.content[:16]}{SUFFIX}"
    os.replace(fresh, kept)
    for file in taken:
        if file != kept:
            file.unlink(missing_ok=True)
