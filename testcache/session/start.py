"""Wiring: from a pytest configuration to a run that watches itself."""

from __future__ import annotations

import tempfile

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from testcache.errors import SettingError
from testcache.inputs.world import World
from testcache.project import NO_SALT, build_world, open_store
from testcache.recording.observer import Observer, Watched
from testcache.recording.recorder import RecorderUnavailable
from testcache.recording.spool import Orders, prepare
from testcache.session.distribution import worker_orders
from testcache.session.runner import Runner
from testcache.session.workers import Worker
from testcache.settings import load

MODES = ("on", "read", "refresh", "verify", "off")
PLUGIN_NAME = "testcache-run"


def start(config: pytest.Config, mode: str) -> None:
    """Build and register the run; a user's mistake is a usage error."""
    if mode not in MODES:
        raise pytest.UsageError(f"--cached={mode}: expected one of {', '.join(MODES)} [option-value]")
    try:
        settings = load(config.rootpath)
    except SettingError as problem:
        raise pytest.UsageError(str(problem)) from None
    if mode == "on":
        mode = settings.mode
    if mode == "off":
        return
    orders = worker_orders()
    store, complaint = (None, "") if orders is not None else open_store(config.rootpath, settings, mode)
    salt = orders["salt"] if orders is not None else store.salt if store is not None else b""
    world = build_world(str(config.rootpath), settings, store, salt or NO_SALT)
    try:
        watched = Watched(settings.recorder, settings.network.allow, settings.processes.trusted)
        observer = Observer(world, watched, spool=(prepare_spool(world, watched, salt or NO_SALT), ""))
        observer.start([AssertionRewritingHook])
    except RecorderUnavailable as problem:
        raise pytest.UsageError(f"testcache: recorder {settings.recorder}: {problem} [recorder]") from None
    plugin = (
        Worker(config, settings, world, observer, orders["run"])
        if orders is not None
        else Runner(config, settings, world, observer, store, mode, complaint)
    )
    config.pluginmanager.register(plugin, PLUGIN_NAME)


def prepare_spool(world: World, watched: Watched, salt: bytes) -> str:
    """Make the folder into which recorded child processes write."""
    folder = tempfile.mkdtemp(prefix="testcache-")
    orders = Orders(
        rootdir=world.roots.rootdir,
        own=list(world.roots.own),
        recorder=watched.recorder,
        hosts=dict(watched.hosts or {}),
        programs=list(watched.programs),
        salt=salt.hex(),
        variables={name: value.hex() for name, value in world.variables.digests().items()},
    )
    prepare(folder, orders)
    return folder
