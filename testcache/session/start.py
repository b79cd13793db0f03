"""Wiring: from a pytest configuration to a run that watches itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from testcache.errors import SettingError
from testcache.inputs.invocation import COMMAND_LINE, command_line
from testcache.inputs.variables import start_of
from testcache.project import NO_SALT, build_world, open_store
from testcache.quantities import Audit
from testcache.session.audit import wanted
from testcache.session.ending import Ending
from testcache.session.orders import worker_orders
from testcache.session.warm import WarmRunner, find, invocation_key
from testcache.settings import REMOTE, Settings, load

if TYPE_CHECKING:
    from testcache.inputs.world import World
    from testcache.recording.observer import Observer

MODES = ("on", "read", "refresh", "verify", "off")
PLUGIN_NAME = "testcache-run"
SHARED = "testcache-shared"


def start(config: pytest.Config, mode: str) -> Callable[[], None]:
    """Build and register the run; a user's mistake is a usage error.

    What is returned is to be called when conftest files are loaded.
    """
    if mode not in MODES:
        raise pytest.UsageError(f"--cached={mode}: expected one of {', '.join(MODES)} [option-value]")
    try:
        settings = load(config.rootpath)
    except SettingError as problem:
        raise pytest.UsageError(str(problem)) from None
    if mode == "on":
        mode = settings.mode
    known = config.known_args_namespace
    if mode == "off":
        for option, given in (("--shard", known.shard), ("--cached-hosts", known.cached_hosts)):
            if given is not None:
                raise pytest.UsageError(f"{option}={given}: it needs the cache, which is off [option-value]")
        return _nothing
    isolated = config.known_args_namespace.cached_isolated
    if isolated and not hasattr(os, "fork"):
        raise pytest.UsageError("--cached-isolated: this platform has no fork [option-value]")
    orders = worker_orders()
    if orders is not None:
        return _start_worker(config, settings, orders)
    audit = Audit() if isolated else wanted(config, settings.audit)
    store, complaint = open_store(config.rootpath, settings, mode)
    team = None
    if store is not None and not isolated and (settings.remote.url or REMOTE in os.environ):
        from testcache.session.shared import Shared

        team = Shared.begin(config, settings, store, mode)
    salt = store.salt if store is not None else NO_SALT
    world = build_world(str(config.rootpath), settings, store, salt)
    world.options[COMMAND_LINE] = command_line(sys.argv[1:])
    invocation = warm = None
    if store is not None:
        # An audit draws among all hits, and compares with traces: the index has none.
        invocation = invocation_key(config, world) if audit == Audit() and not isolated else None
        warm = find(config, world, store, invocation)
        if warm is not None and warm.complete and mode in ("on", "read"):
            config.pluginmanager.register(WarmRunner(config, warm, world, store, mode), PLUGIN_NAME)
            config.pluginmanager.register(Ending(config, tests_ran=False))
            return _nothing
    if team is not None:
        team.connect(warm)
    from testcache.session.runner import Runner

    observer = _start_observer(config, world, settings, salt)
    if observer is None:
        if store is not None:
            store.close()
        return _nothing
    kind: type[Runner] = Runner
    if isolated:
        from testcache.session.isolated import Isolated

        kind = Isolated
    plugin = kind(config, settings, world, observer, store, mode, complaint, invocation, warm, audit)
    config.pluginmanager.register(plugin, PLUGIN_NAME)
    config.pluginmanager.register(Ending(config, tests_ran=True))
    if team is not None:  # after the run's own: what it does at the end comes after what that does
        config.pluginmanager.register(team, SHARED)
    return plugin.recording.options.begin


def _start_observer(config: pytest.Config, world: World, settings: Settings, salt: bytes) -> Observer | None:
    """Begin to watch; None if what plugins have made of the interpreter by now prevents it: all tests run then."""
    from testcache.session.observing import start_observer
    from testcache.session.unwatched import Unwatched

    try:
        return start_observer(config, world, settings, salt)
    except pytest.UsageError:
        raise
    except Exception as problem:
        config.pluginmanager.register(Unwatched(problem))
        return None


def _nothing() -> None:
    """Nobody watches."""


def _start_worker(config: pytest.Config, settings: Settings, orders: dict[str, Any]) -> Callable[[], None]:
    """The same inside a worker of xdist: it records, and of the store it reads only what was parsed before."""
    from testcache.session.workers import Worker

    salt = orders["salt"] or NO_SALT
    store = open_store(config.rootpath, settings, "read")[0] if orders["stored"] else None
    start = start_of(os.environ, orders["environ"])
    world = build_world(str(config.rootpath), settings, store, salt, parsed=orders["parsed"], start=start)
    observer = _start_observer(config, world, settings, salt)
    if observer is None:
        return _nothing
    worker = Worker(config, settings, world, observer, orders, store)
    config.pluginmanager.register(worker, PLUGIN_NAME)
    config.pluginmanager.register(Ending(config, tests_ran=True))
    return worker.recording.options.begin
