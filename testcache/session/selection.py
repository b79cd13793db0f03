"""The selection: whether a run is of all tests of its project, or at least of all that are recorded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from testcache.session.names import node_id
from testcache.storage.manifests import known_files, load_manifests

if TYPE_CHECKING:
    from testcache.session.runner import Runner
    from testcache.storage.store import Store

_SELECTING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")


def selects_all(config: pytest.Config) -> bool:
    """Whether a run is of all tests of the project."""
    source, sources = config.args_source, pytest.Config.ArgsSource
    everywhere = source is sources.TESTPATHS or (
        source is sources.INVOCATION_DIR and config.invocation_params.dir == config.rootpath
    )
    return everywhere and not any(getattr(config.option, name, None) for name in _SELECTING)


def is_of_all(runner: Runner, store: Store) -> bool:
    """Whether it is of these, or at least of all that are recorded: `pytest tests`, or always with `-m "not slow"`.

    Cost: a manifest for each file of which something was left out. Raises StoreError.
    """
    if runner.workforce.shard is not None:
        return False
    if selects_all(runner.config):
        return True
    recorded = {path for environment, path in known_files(store) if environment == runner.environment}
    roots = runner.world.roots
    rest = [path for path in recorded.difference(runner.notes.files) if os.path.exists(roots.path(path))]
    manifests, _ = load_manifests(store, runner.environment, rest)
    collected = set(map(node_id, runner.collected))
    return all(manifest.tests.keys() <= collected for manifest in manifests.values())
