"""What a run notes down for the commands: which files it collected in full, and what its key stands for."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from testcache import digest
from testcache.inputs.roots import Roots
from testcache.model import NodeId
from testcache.session import environment
from testcache.session.names import node_id, path_of
from testcache.session.recording import Recording

SHOWN_CHARS = 200
_COLLECTION = ("testpaths", "python_files", "norecursedirs")
_MAYBE_SECRET = ("ini ", "option ")


class Notes:
    """A pytest plugin that watches what is left out of the collection; it decides nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._path = tuple(sys.path)
        self._partial: set[str] = set()
        self.deselected: Counter[str] = Counter()
        self.facts: dict[str, str] = {}
        self.files: dict[str, list[NodeId]] = {}
        config.pluginmanager.register(self, "testcache-notes")

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """A file whose tests were deselected in part says nothing about what it holds."""
        self.deselected.update(path_of(node_id(item)) for item in items)

    def collected(self, items: Iterable[pytest.Item], recording: Recording, salt: bytes) -> None:
        """Take the collected tests and the facts behind the environment key."""
        for name, value in sorted(environment.facts(recording)):
            secret = name.startswith(_MAYBE_SECRET)
            self.facts[name] = digest.keyed(salt, value).hex()[:16] if secret else value[:SHOWN_CHARS]
        if getattr(self._config.option, "lf", False):
            return  # --lf drops tests while it collects, without a word
        for argument in self._config.args:
            path, found, _ = argument.partition("::")
            if found:
                self._partial.add(
                    recording.world.roots.name(os.path.join(str(self._config.invocation_params.dir), path))
                )
        for node in map(node_id, items):
            if path_of(node) not in self._partial and not self.deselected[path_of(node)]:
                self.files.setdefault(path_of(node), []).append(node)

    def collection(self) -> dict[str, list[str]]:
        """The settings that say which files hold tests."""
        return {name: [str(value) for value in self._config.getini(name)] for name in _COLLECTION}

    def search(self, roots: Roots) -> list[str]:
        """The search path as stored names, so that a command finds what this run has looked for in the same places.

        What pytest has put first since then, the folders of test files, was not there when the run decided: an
        `.egg-info` in one of them is not the distribution that is installed.
        """
        own = roots.rootdir + os.sep
        places = [os.path.abspath(entry) for entry in sys.path]
        known = [os.path.abspath(entry) for entry in self._path]
        later = (place for place in places if place not in known and not (place + os.sep).startswith(own))
        return [roots.name(place) for place in (*known, *later)]
