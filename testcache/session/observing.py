"""Wiring of a run that watches itself: the recorder, the observers and the plugin around them."""

from __future__ import annotations

import tempfile

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from testcache.inputs.world import World
from testcache.recording.observer import Observer, Watched
from testcache.recording.recorder import RecorderUnavailable
from testcache.recording.spool import Orders, prepare
from testcache.settings import Settings


def start_observer(config: pytest.Config, world: World, settings: Settings, salt: bytes) -> Observer:
    """Begin to watch this process; UsageError if the recorder that is asked for cannot be used.

    It ends with the configuration at the latest: a conftest that cannot be imported ends a run without a session.
    """
    learns = settings.library_state == "learned"
    alone = not hasattr(config, "workerinput")
    network, trusted = settings.network.allow, settings.processes.trusted
    watched = Watched(settings.recorder, network, trusted, by_content=learns, openings=alone)
    try:
        observer = Observer(world, watched, spool=(prepare_spool(world, watched, salt), ""))
        config.add_cleanup(observer.stop)
        observer.start([AssertionRewritingHook])
        observer.leftovers.watch()
    except RecorderUnavailable as problem:
        raise pytest.UsageError(f"testcache: recorder {settings.recorder}: {problem} [recorder]") from None
    return observer


def prepare_spool(world: World, watched: Watched, salt: bytes) -> str:
    """Make the folder into which recorded child processes write."""
    folder = tempfile.mkdtemp(prefix="testcache-")
    orders = Orders(
        rootdir=world.roots.rootdir,
        own=list(world.roots.own),
        home=world.roots.home,
        temporary=world.roots.temporary,
        recorder=watched.recorder,
        hosts=dict(watched.hosts or {}),
        programs=list(watched.programs),
        salt=salt.hex(),
        variables={name: value.hex() for name, value in world.variables.digests().items()},
    )
    prepare(folder, orders)
    return folder
