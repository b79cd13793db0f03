"""Wiring: from a pytest configuration to a run that watches itself."""

from __future__ import annotations

import os
import tempfile

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

import testcache
from testcache.errors import BadRecord, SettingError, StoreError
from testcache.inputs.distributions import Distributions
from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.inputs.variables import Variables
from testcache.inputs.world import World
from testcache.recording.observer import Observer, Watched
from testcache.recording.recorder import RecorderUnavailable
from testcache.recording.spool import Orders, prepare
from testcache.session.runner import Runner
from testcache.session.workers import Worker
from testcache.settings import Settings, load
from testcache.source import Source
from testcache.storage.codec import decode_source
from testcache.storage.store import Store

MODES = ("on", "read", "refresh", "verify", "off")
NO_SALT = bytes(32)
"""Without a store nothing is kept, so nothing needs keeping secret."""
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
    workerinput = getattr(config, "workerinput", None)
    store, complaint = (None, "") if workerinput is not None else open_store(config, settings, mode)
    if workerinput is not None:
        salt = workerinput.get("testcache", {}).get("salt", b"")
    else:
        salt = store.salt if store is not None else b""
    world = build_world(str(config.rootpath), settings, store, salt or NO_SALT)
    try:
        watched = Watched(settings.recorder, settings.network.allow, settings.processes.trusted)
        observer = Observer(world, watched, spool=(prepare_spool(world, watched, salt or NO_SALT), ""))
        observer.start([AssertionRewritingHook])
    except RecorderUnavailable as problem:
        raise pytest.UsageError(f"testcache: recorder {settings.recorder}: {problem} [recorder]") from None
    plugin = (
        Worker(config, settings, world, observer)
        if workerinput is not None
        else Runner(config, settings, world, observer, store, mode, complaint)
    )
    config.pluginmanager.register(plugin, PLUGIN_NAME)


def open_store(config: pytest.Config, settings: Settings, mode: str) -> tuple[Store | None, str]:
    """The store, or None and why: a broken cache never breaks a run."""
    folder = config.rootpath / settings.store
    try:
        return Store.open(folder, readonly=mode == "read"), ""
    except StoreError as problem:
        return None, str(problem)


def build_world(rootdir: str, settings: Settings, store: Store | None, salt: bytes) -> World:
    """Everything that answers `digest_of`, for this rootdir and this interpreter."""
    files = Files()
    distributions = Distributions(files, rootdir)
    package = os.path.dirname(os.path.dirname(os.path.abspath(testcache.__file__)))
    own = [folder for folder in distributions.editable_folders() if os.path.abspath(folder) != package]
    own += [os.path.join(rootdir, folder) for folder in settings.first_party]
    roots = Roots(rootdir, own=own, owned=lambda path: distributions.owner(path) is not None)

    def fetch(key: bytes) -> Source | None:
        data = store.get("source", key) if store is not None else None
        try:
            return decode_source(data) if data is not None else None
        except BadRecord:
            return None  # parsed again

    return World(roots, files, Sources(fetch), Variables(os.environ, roots, salt), distributions)


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
