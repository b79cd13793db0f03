"""The warm start: what the index of the last complete run settles before anything is imported."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from testcache import report as text
from testcache.clock import clock
from testcache.errors import BadRecord
from testcache.inputs.invocation import key, settled
from testcache.inputs.unchanged import changed_reads, held_files
from testcache.inputs.world import World
from testcache.model import NodeId
from testcache.session.deselected import is_listened_to, tell
from testcache.session.names import node_id
from testcache.session.replay import Replayer
from testcache.session.shown import show
from testcache.storage.index import SPACE, Index, IndexedFile, IndexedTest, decode_index
from testcache.storage.store import Store
from testcache.storage.tally import count

_OF_FUNCTIONS = frozenset("module cls instance function obj fixturenames funcargs callspec originalname".split())  # noqa: SIM905
"""What a test of a function has besides what all have."""

_Real = dict[Path, dict[NodeId, pytest.Item]]
_real = pytest.StashKey[_Real]()


class CachedItem(pytest.Item):
    """A test that is known without its file having been imported; it can only be replayed."""

    def __init__(self, *, test: IndexedTest, **options: Any) -> None:
        super().__init__(**options)
        self.test = test

    def runtest(self) -> None:
        raise AssertionError(f"{self.nodeid} is replayed, never run")

    def __getattr__(self, name: str) -> Any:
        """What a test has whose file is imported: so it is if a hook or a fixture goes through all tests of the run."""
        if name not in _OF_FUNCTIONS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        known = self.config.stash.setdefault(_real, {})
        if self.path not in known:
            module = pytest.Module.from_parent(self.session, path=self.path)
            known[self.path] = {node_id(item): item for item in _within(module)}
        return getattr(known[self.path].get(node_id(self)), name)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, self.test.line, self.test.domain

    @property
    def location(self) -> tuple[str, int | None, str]:
        """Without the path computations of the base class, which cost more than the replay."""
        return self.nodeid.partition("::")[0], self.test.line, self.test.domain


class Warm:
    """An index that fits this invocation, checked against the world."""

    def __init__(self, index: Index, changed: set[int]) -> None:
        self.index = index
        self.changed = changed
        self.held = {file.path: file for file in held_files(index, changed)}

    def known(self, path: str) -> IndexedFile | None:
        """A test file that need not be imported although others are, if those have been that it `acts` by."""
        return self.held.get(path)

    def unneeded(self, paths: Collection[str]) -> dict[str, list[str]]:
        """The test files that need not be imported where only tests of `paths` run, each with what it `acts` by."""
        return {path: file.acts for path, file in self.held.items() if path not in paths}

    @property
    def complete(self) -> bool:
        """Whether every test of the run can be replayed and no file could hold others."""
        return not self.changed and len(self.held) == len(self.index.files)


def invocation_key(config: pytest.Config, world: World) -> bytes | None:
    """The key of this command line's index, None if it may not have one."""
    args = config.invocation_params.args
    if not settled([str(argument) for argument in args]):
        return None
    cwd = str(config.invocation_params.dir)
    words = [str(argument) for argument in args]
    return key(words, cwd, world.roots, world.files, world.distributions, os.environ)


def find(config: pytest.Config, world: World, store: Store, invocation: bytes | None) -> Warm | None:
    """The index of this invocation, if there is one. Cost: one read, a stat a file it names."""
    data = store.get(SPACE, invocation) if invocation is not None else None
    if data is None:
        return None
    try:
        index = decode_index(data)
    except BadRecord:
        return None
    return Warm(index, changed_reads(index, world))


class CachedModule(pytest.Module):
    """A test file that is not imported, because each of its tests can be replayed."""

    def __init__(self, *, file: IndexedFile, **options: Any) -> None:
        super().__init__(**options)
        self.file = file

    def collect(self) -> list[CachedItem]:
        return items(self, self.file)


def items(parent: Any, file: IndexedFile) -> list[CachedItem]:
    """Items for the tests of a held file."""
    path = parent.config.rootpath / file.path
    return [
        CachedItem.from_parent(
            parent, name=test.name.rpartition("::")[2], nodeid=f"{file.path}::{test.name}", path=path, test=test
        )
        for test in file.tests
    ]


class Unimported:
    """The tests of a run that can only be replayed, until others ask for one of their file."""

    def __init__(self, items: Sequence[pytest.Item]) -> None:
        self._items = {node_id(item): item for item in items if isinstance(item, CachedItem)}

    def real(self, nodes: Collection[NodeId]) -> dict[NodeId, pytest.Item]:
        """Items that can run, for all of the files from which some of these come: they are imported after all.

        Whoever selects or orders tests has had its turn; only pytest's own plugins do so where files are left out.
        Cost, if there are none: a look-up a node, as each test asks that is tried with its neighbours.
        """
        if self._items.keys().isdisjoint(nodes):
            return {}
        known = {item.path: item.parent for node, item in self._items.items() if node in nodes}
        self._items = {node: item for node, item in self._items.items() if item.path not in known}
        modules = (pytest.Module.from_parent(one.parent, path=path) for path, one in known.items() if one is not None)
        return {node_id(item): item for module in modules for item in _within(module)}


def all_imported(items: Sequence[pytest.Item], modules: Sequence[CachedModule]) -> Iterator[pytest.Item]:
    """Items with all of those files that were not imported, selected or not, in place of what is known of them."""
    rest = dict.fromkeys(modules)
    for item in items:
        if not isinstance(item, CachedItem):
            yield item
        elif item.parent in rest:
            del rest[item.parent]
            yield from _within(pytest.Module.from_parent(item.parent.parent, path=item.path))
    for module in rest:
        yield from _within(pytest.Module.from_parent(module.parent, path=module.path))


def _within(node: pytest.Item | pytest.Collector) -> Iterator[pytest.Item]:
    if isinstance(node, pytest.Collector):
        report = node.ihook.pytest_make_collect_report(collector=node)
        if not report.passed:  # by whatever nobody sees: it was fine when its tests were recorded
            node.ihook.pytest_collectreport(report=report)
        for child in report.result:
            yield from _within(child)
    else:
        yield node


def held_file(item: pytest.Item) -> IndexedFile | None:
    """The held file that a test comes from, None if its file was imported."""
    return item.parent.file if isinstance(item.parent, CachedModule) else None


_KNOWN_HOOKS = frozenset(
    {"main", "mark", "nodes", "funcmanage", "lfplugin", "nfplugin", "stepwiseplugin", "session", "unittest"}
    | {"hypothesispytest"}
)
"""Names under which pytest's own plugins are registered; theirs is the order and the selection checked here.
Hypothesis gives its tests a mark, by which only -m selects."""


def may_skip(config: pytest.Config) -> bool:
    """Whether collection may leave files out: not if somebody selects or orders by what is in them."""
    return not config.option.doctestmodules and not is_listened_to(config) and may_leave_out(config)


def may_leave_out(config: pytest.Config) -> bool:
    """The same where it is known what is selected: not if a plugin might miss the tests of another file."""
    if any("::" in str(argument) for argument in config.args):
        return False
    for hook in (config.hook.pytest_collection_modifyitems, config.hook.pytest_itemcollected):
        for found in hook.get_hookimpls():
            if found.plugin_name not in _KNOWN_HOOKS and not found.plugin_name.startswith("testcache"):
                return False
    return True


class WarmRunner:
    """The plugin of a run in which nothing changed: it collects from the index and replays it all."""

    def __init__(self, config: pytest.Config, warm: Warm, world: World, store: Store, mode: str) -> None:
        self.config = config
        self._warm = warm
        self._world = world
        self._mode = mode
        self._saved_s = sum(test.duration_s for file in warm.index.files for test in file.tests)
        self._tally = None if store.readonly else store.folder
        store.close()

    def pytest_plugin_registered(self, plugin: object) -> None:
        """No worker is needed: xdist's session is taken out the moment it registers."""
        if type(plugin).__name__ == "DSession" and type(plugin).__module__ == "xdist.dsession":
            self.config.pluginmanager.unregister(plugin)

    def pytest_report_header(self) -> list[str]:
        return [f"testcache: mode {self._mode}, nothing changed"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> object:
        files = self._warm.index.files
        session.items = [item for file in files for item in items(session, file)]
        session.testscollected = len(session.items)
        collected = pytest.CollectReport(session.nodeid, "passed", None, list(session.items))
        self.config.hook.pytest_collectreport(report=collected)
        tell(session, files)
        for shown in (self._warm.index.shown, *(file.shown for file in files)):
            show(self.config, shown, self._world.roots)
        self.config.hook.pytest_collection_finish(session=session)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        replay = Replayer(self.config, self._world.roots)
        for item in session.items:
            assert isinstance(item, CachedItem)
            replay(item, item.test)
            if session.shouldfail or session.shouldstop:
                break
        return True

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        return text.cached_status(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        yield  # the closing line stands below pytest's own short summary
        total = self._warm.index.total
        if self._tally is not None:
            count(self._tally, (clock.time(), total, self._saved_s))
        terminalreporter.write_line(text.closing_line(total, total, {}, {}, self._saved_s))
