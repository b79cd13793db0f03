"""What the remote holds for this checkout, and why nothing of it may be replayed: lines for `testcache doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from testcache.commands.restored import REMEDY_INPUTS, differing, important
from testcache.environments import Difference, differences
from testcache.errors import SettingError
from testcache.exchange.keyring import KEY, Keyring
from testcache.exchange.outgoing import MODE as IMPORTED
from testcache.inputs.roots import Roots
from testcache.outlook import drift
from testcache.project import Project
from testcache.remote.address import shown
from testcache.remote.configuration import configured
from testcache.remote.directory import Known
from testcache.remote.scope import scopes
from testcache.remote.share import Share
from testcache.report import moment, number
from testcache.storage.history import Run, facts_of, runs
from testcache.storage.owed import count_owed
from testcache.storage.store import Store


def findings(project: Project, store: Store | None) -> Iterator[tuple[str, str]]:
    """Yield (what is found, what to do or ""); asks the remote, for at most its deadline. Nothing if none is set."""
    try:
        remote = configured(project.settings, os.environ)
        if not remote.url or remote.mode == "off":
            return
        keyring = Keyring.from_environment()
        share = Share(project, remote, keyring, store.salt if store is not None else b"")
    except SettingError as problem:
        yield str(problem), "mend the setting, or the variable"
        return
    try:
        listed = share.listed()
        trouble = share.trouble()
    finally:
        share.close()
    ours = scopes(remote, project.rootdir, os.environ)
    reads, writes = ", ".join(ours.read) or "nothing", ours.own or "nothing"
    signed = "signed" if keyring else f"not signed, as {KEY} is not set"
    yield f'{shown(remote.url)}: project "{project.name}", reads {reads}, writes {writes}, {signed}', ""
    left = count_owed(store) if store is not None else 0
    if left:
        yield f"results of {number(left, 'test file')} could not be given to it yet; later runs here do so", ""
    if trouble:
        yield trouble, "look at address, network, credentials and keys"
    elif ours.read and not any(listed.values()):
        yield "nothing was recorded for that yet", "let a job of the base branch write: TESTCACHE_REMOTE=read-write"
    else:
        yield from _of_use(project, store, listed)


def _of_use(project: Project, store: Store | None, listed: dict[str, list[Known]]) -> Iterator[tuple[str, str]]:
    kept = [run for run in runs(store) if run.mode != IMPORTED] if store is not None else []
    own = kept[-1] if kept else None
    known = [(scope, one) for scope, environments in listed.items() for one in environments]
    for scope, one in known:
        if own is not None and one.environment == own.environment:
            words = f"there are results of this environment, for {scope}, {moment(one.at)}"
            if own.total and not own.cached:
                yield f"{words}; none was replayed in the last run: {differing(own)}", REMEDY_INPUTS
            else:
                yield words, ""
            return
    compared = [(_differing(project, store, one, own), scope, one) for scope, one in known]
    if not compared:
        return
    nearest, scope, one = min(compared, key=lambda each: (len(each[0]), -each[2].at))
    there = f"{number(len(known), 'environment')} known, the nearest for {scope}, {moment(one.at)}"
    if nearest:
        yield f"nothing was recorded where all is as it is here ({there}): {important(nearest)}", "record there"
    elif own is not None:
        yield f"nothing was recorded with these options ({there})", "let both sides use the same options"
    else:
        yield there, ""


def _differing(project: Project, store: Store | None, known: Known, own: Run | None) -> tuple[Difference, ...]:
    if own is None or store is None:
        return drift(known.facts, Roots(str(project.rootdir)))
    return differences(known.facts, facts_of(store, bytes.fromhex(own.environment)))
