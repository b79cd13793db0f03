"""`testcache ci restore`: take in the bundles that the CI brought back, or go on without them."""

from __future__ import annotations

import os
from pathlib import Path

from testcache.commands.bring import words_of
from testcache.commands.ci import outputs
from testcache.errors import StoreError
from testcache.exchange.arrivals import receive
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.outgoing import machine_of
from testcache.exchange.place import place
from testcache.inputs import interpreter
from testcache.inputs.roots import Roots
from testcache.project import Project
from testcache.report import number
from testcache.storage.store import Store
from testcache.terminal import say

SUFFIX = ".testcache"


def run(project: Project, folder: str, *, unverified: bool, mode: str) -> int:
    """Take in each bundle of a folder that was made on a machine like this one, none for a release; always 0.

    Raises SettingError: the key is too short, which no run should go on with.
    """
    here = place(os.environ, mode)
    if here.mode == "off":
        outputs.put({"restored": "0"})
        say(f"testcache: {folder}: nothing is restored: mode {here.mode} ({here.why})")
        return 0
    keyring = Keyring.from_environment()
    limits = Limits(unpacked_bytes=project.settings.max_size)
    files = bundles(folder)
    taken = 0
    try:
        store, renewed = Store.open_or_renew(project.store_folder, size_limit_bytes=project.settings.max_size)
        if renewed:
            say(outputs.warning(renewed))
        with store:
            for file in files:
                arrival = receive(
                    store,
                    file,
                    project=project.name,
                    keyring=keyring,
                    limits=limits,
                    unverified=unverified,
                    machine=this_machine(project),
                )
                taken += not arrival.slug
                say(outputs.warning(words_of(arrival)) if arrival.slug else words_of(arrival))
    except StoreError as problem:
        say(outputs.warning(f"testcache: nothing is restored: {problem} [{problem.slug}]"))
    outputs.put({"restored": str(taken)})
    say(f"testcache: {folder}: {taken} of {number(len(files), 'bundle')} taken in")
    return 0


def bundles(folder: str) -> list[Path]:
    """The bundles in a folder, sorted by name; none if there is no folder."""
    return sorted(Path(folder).glob(f"*{SUFFIX}"))


def this_machine(project: Project) -> str:
    """Interpreter and platform here, as bundles name them."""
    return machine_of(dict(interpreter.facts(Roots(str(project.rootdir)))))
