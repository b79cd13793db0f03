"""`testcache import`: take in what another machine recorded, if it is whole and genuine."""

from __future__ import annotations

from pathlib import Path

from testcache.exchange.arrivals import Arrival, receive
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.project import Project
from testcache.report import number
from testcache.storage.store import Store
from testcache.terminal import say

REFUSED = 4


def run(project: Project, files: list[str], *, unverified: bool) -> int:
    """Take in each bundle: 0 if all were taken in, 4 if one was refused. Raises SettingError, StoreError."""
    keyring = Keyring.from_environment()
    limits = Limits(unpacked_bytes=project.settings.max_size)
    refused = False
    store, renewed = Store.open_or_renew(project.store_folder, size_limit_bytes=project.settings.max_size)
    if renewed:
        say(renewed)
    with store:
        for file in files:
            arrival = receive(
                store, Path(file), project=project.name, keyring=keyring, limits=limits, unverified=unverified
            )
            say(words_of(arrival))
            refused = refused or bool(arrival.slug)
    return REFUSED if refused else 0


def words_of(arrival: Arrival) -> str:
    """What became of one bundle, in a line."""
    if arrival.slug:
        return f"testcache: {arrival.name}: refused: {arrival.why} [{arrival.slug}]"
    held = f"{number(arrival.tests, 'test')}, {number(arrival.traces, 'result')}"
    signed = "signature verified" if arrival.signed else "signature not verified"
    news = "new here" if arrival.changed else "nothing new"
    return f"testcache: {arrival.name}: taken in: {held}, {news}; {signed}; {', '.join(arrival.machines)}"
