"""What a run would do now, as far as the store can tell; pytest is not asked and nothing is collected."""

from __future__ import annotations

import fnmatch
import glob
import importlib.metadata
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from testcache.clock import clock
from testcache.environments import Difference, differences
from testcache.errors import BadRecord
from testcache.inputs import interpreter, invocation
from testcache.inputs.roots import Roots
from testcache.inputs.unchanged import changed_reads, held_files
from testcache.leaks import Leaks, came_upon
from testcache.model import (
    ABSENT,
    Decision,
    Digest,
    EnvironmentKey,
    Hit,
    Input,
    Kind,
    Manifest,
    Miss,
    NodeId,
    Trace,
)
from testcache.project import Project, build_world
from testcache.reach import Reach
from testcache.reasons import Reason
from testcache.storage.definitions import load_definitions
from testcache.storage.history import Run, Uncached, collected, facts_of, runs, uncached
from testcache.storage.index import SPACE as INDEX
from testcache.storage.index import decode_index
from testcache.storage.leaks import load_leaks, load_taken
from testcache.storage.manifests import known_files, load_manifests
from testcache.storage.quarantine import Quarantine
from testcache.storage.store import Store
from testcache.trace import Verifier

if TYPE_CHECKING:
    from testcache.code.source import Source

_KNOWABLE = ("python", "platform", "pytest", "plugin ", "variable ")
"""Facts that can be looked up without starting pytest."""

_TEST = re.compile(r"(?:[A-Z]\w*\.)*test\w*\Z")
"""A block that pytest would collect by its default names. Does not see: other names set in the ini file."""

_MAY_HOLD_TESTS = re.compile(rb"^\s*(?:(?:async\s+)?def\s+test|class\s+\w*Test)", re.MULTILINE)

_ARGUMENTS = re.compile(r"\[.*\Z", re.DOTALL)


def drift(recorded: dict[str, str], roots: Roots) -> tuple[Difference, ...]:
    """What differs from a recorded environment, of all that can be known without pytest."""
    now = dict(interpreter.facts(roots))
    for name in recorded:
        if name == "pytest" or (name.startswith("plugin ") and name != "plugin modules"):
            try:
                now[name] = importlib.metadata.version(name.removeprefix("plugin "))
            except importlib.metadata.PackageNotFoundError:
                continue  # stays without a value: it is gone
    known = {name: value for name, value in recorded.items() if name in now or name.startswith(_KNOWABLE)}
    known.pop("plugin modules", None)
    return differences(known, now)


class Outlook:
    """The known tests of a project under the environment of one run, and whether they would run now.

    Attributes:
        run: the run by whose environment all is judged.
        drift: what has changed in that environment since; if anything has, every test would run.
    """

    def __init__(self, project: Project, store: Store, run: Run) -> None:
        self.project = project
        self.store = store
        self.run = run
        self.environment = EnvironmentKey(bytes.fromhex(run.environment))
        plain = Roots(str(project.rootdir))
        self.drift = drift(facts_of(store, self.environment), plain)
        search = [plain.path(name) for name in run.search]
        self.world = build_world(str(project.rootdir), project.settings, store, store.salt, search=search)
        self.world.options = {name: Digest(bytes.fromhex(value)) for name, value in run.options.items()}
        self.uncached = uncached(store, self.environment)
        self._unstored: dict[str, list[NodeId]] = {}
        for node in self.uncached:
            self._unstored.setdefault(node.partition("::")[0], []).append(node)
        self.corrupt = 0
        self._whole: set[tuple[str, bytes]] | None = None
        reach = Reach(self.world.source, load_definitions(store), self.world.words)
        learns = project.settings.library_state == "learned"
        self._verifier = Verifier(self.world.digest_of, reach, self._traces_of, learns=learns)
        self._quarantine = Quarantine(store, self.environment, self.world.digest_of, reach)
        self._manifests: dict[str, Manifest] = {}

    @classmethod
    def of(cls, project: Project, store: Store) -> Self | None:
        """Look from the latest of the runs whose environment differs least; None if there was no run."""
        roots = Roots(str(project.rootdir))
        latest: dict[str, Run] = {run.environment: run for run in runs(store)}

        def distance(run: Run) -> tuple[int, float]:
            return len(drift(facts_of(store, bytes.fromhex(run.environment)), roots)), -run.at

        return cls(project, store, min(latest.values(), key=distance)) if latest else None

    # -- what is known

    def files(self) -> list[str]:
        """Every test file with a recorded or an uncacheable test, sorted."""
        recorded = {path for environment, path in known_files(self.store) if environment == self.environment}
        return sorted({*filter(self.known, recorded), *self._unstored})

    def manifest(self, path: str) -> Manifest:
        """The manifest of a test file, empty if there is none or it is damaged."""
        if path not in self._manifests:
            found, corrupt = load_manifests(self.store, self.environment, [path])
            self._manifests |= found
            self.corrupt += corrupt
        return self._manifests[path]

    def _traces_of(self, node: NodeId) -> list[Trace]:
        return self.manifest(node.partition("::")[0]).traces.get(node, [])

    def known(self, path: str) -> list[NodeId]:
        """Every test of a file that was ever seen under this environment, sorted."""
        manifest = self.manifest(path)
        return sorted({*manifest.tests, *manifest.failed, *self._unstored.get(path, ())})

    def expected(self, path: str) -> list[NodeId]:
        """The tests that a run would find in a file: those it held when it was last collected in full.

        Tests whose function is gone since then are left out; those that were added are in `added`.
        """
        if not os.path.exists(self.world.roots.path(path)):
            return []
        nodes = self._collected(path)
        source = self.world.source(path)
        if source is None or not source.parsed:
            return nodes
        return [node for node in nodes if not self._is_gone(path, node, source)]

    def _collected(self, path: str) -> list[NodeId]:
        """What a file held when it was last collected in full, here or elsewhere; else all that is known."""
        if (own := collected(self.store, self.environment, [path]).get(path)) is not None:
            return sorted(own)  # some plugins shuffle
        nodes = {*self.known(path)}
        lists = [collected(self.store, other, [path]).get(path) for other in self._others(path)]
        nodes.update(*(found for found in lists if found is not None))
        return sorted(nodes if any(lists) else {*nodes, *self.known_elsewhere(path)})

    def _in_order(self, path: str) -> list[NodeId]:
        """The same as a run would have them one after the other, as far as it is known."""
        place = {node: at for at, node in enumerate(collected(self.store, self.environment, [path]).get(path, ()))}
        return sorted(self.expected(path), key=lambda node: place.get(node, len(place)))

    def _others(self, path: str) -> list[EnvironmentKey]:
        """The other environments under which a test file is recorded."""
        return [found for found, name in known_files(self.store) if name == path and found != self.environment]

    def _is_gone(self, path: str, node: NodeId, source: Source) -> bool:
        block = _block(node)
        traces = self.manifest(path).traces.get(node, [])
        if block in source.blocks:
            rows = [_rows(trace, f"{path}::{block}") for trace in traces] if block in source.tables else []
            return bool(rows) and all(row and not row <= source.blocks.keys() for row in rows)
        asked = Input(Kind.BLOCK, f"{path}::{block}")
        return any(read.input == asked and read.digest != ABSENT for trace in traces for read in trace.reads)

    def added(self, path: str) -> list[str]:
        """Functions of a known file that look like tests nobody has seen, or have parameters nobody has seen.

        They are node ids without parameters.

        None if a complete run has seen the file as it is: what it did not collect is no test.
        """
        source = self.world.source(path)
        if source is None or not source.parsed:
            return []
        if (path, self.world.files.digest(self.world.roots.path(path))) in self._seen_whole():
            return []
        seen = {_block(node) for node in [*self._collected(path), *self.known(path)]}
        new = [block for block in source.blocks if _TEST.match(block) and block not in seen]
        new += [block for block in source.tables if block in seen and self._has_new_rows(path, block, source)]
        return sorted(f"{path}::{block.replace('.', '::')}" for block in new)

    def _has_new_rows(self, path: str, block: str, source: Source) -> bool:
        """Whether there is a row of parameters of which no recorded test is made; not if one of its tests would run."""
        traces = [self._traces_of(node) for node in self.known(path) if _block(node) == block]
        known = {row for each in traces for trace in each for row in _rows(trace, f"{path}::{block}")}
        rows = {name for name in source.blocks if name.startswith(f"{block}[") and not name.endswith("*]")}
        return all(traces) and bool(rows - known) and not any(row.endswith("*]") for row in known)

    def _seen_whole(self) -> set[tuple[str, bytes]]:
        """Name and digest of every file that a complete run rested on."""
        if self._whole is None:
            self._whole = set()
            for key in self.store.keys(INDEX):
                data = self.store.get(INDEX, key)
                try:
                    contents = decode_index(data).contents if data is not None else []
                except BadRecord:
                    continue  # of another version; it only saves a guess
                self._whole.update((content.name, content.digest) for content in contents)
        return self._whole

    def unknown_files(self) -> list[str]:
        """Files that pytest would look into, that seem to hold tests, and that were never recorded."""
        known = {*self.files(), *self.other_files()}
        return sorted(path for path in self._test_files() if path not in known and self._may_hold_tests(path))

    def _test_files(self) -> Iterator[str]:
        root = str(self.project.rootdir)
        patterns = self.run.collection.get("python_files") or ["test_*.py", "*_test.py"]
        ignored = self.run.collection.get("norecursedirs") or [".*", "build", "dist", "node_modules", "venv"]
        starts = self.run.collection.get("testpaths") or ["."]
        for start in sorted({found for pattern in starts for found in glob.glob(pattern, root_dir=root)}):
            for folder, folders, names in os.walk(os.path.normpath(os.path.join(root, start))):
                folders[:] = [
                    name
                    for name in folders
                    if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
                    and name != "__pycache__"
                    and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
                ]
                for name in names:
                    if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and name.endswith(".py"):
                        yield self.world.roots.name(os.path.join(folder, name))

    def _may_hold_tests(self, path: str) -> bool:
        try:
            with open(self.world.roots.path(path), "rb") as file:
                return _MAY_HOLD_TESTS.search(file.read()) is not None
        except OSError:
            return False  # removed since it was listed

    def other_files(self) -> list[str]:
        """Test files that were recorded under other environments only, sorted."""
        here = set(self.files())
        others = {path for _, path in known_files(self.store)} - here
        return sorted(filter(self.known_elsewhere, others))

    def known_elsewhere(self, path: str) -> list[NodeId]:
        """Every test of a file that was recorded under any other environment, sorted."""
        found: set[NodeId] = set()
        for environment in self._others(path):
            manifest = load_manifests(self.store, environment, [path])[0][path]
            found.update(manifest.tests, manifest.failed)
        return sorted(found)

    # -- deciding

    def decide(self, node: NodeId, *, everything: bool = False) -> Decision | Uncached:
        """What a run would do with a test, by the same check that a run makes.

        An Uncached says that the test would run, as its latest run left nothing that could be replayed.
        """
        decision = self._decide(node, everything=everything)
        return self._disturbed.get(node, decision) if isinstance(decision, Hit) else decision

    def _decide(self, node: NodeId, *, everything: bool = False) -> Decision | Uncached:
        """The same for a test by itself, without what others have leaked."""
        if self.drift:
            traces = self.manifest(node.partition("::")[0]).traces.get(node, [])
            return Miss(Reason.ENVIRONMENT_CHANGED, (), traces[0] if traces else None)
        manifest = self.manifest(node.partition("::")[0])
        decision = self._verifier.decide_test(manifest, node, now_s=clock.time(), everything=everything)
        if isinstance(decision, Hit) and self._quarantine.holds(node):
            return Miss(Reason.QUARANTINED, (), decision.trace)
        unstored = self.uncached.get(node)
        if unstored is None or isinstance(decision, Hit):
            return decision
        newest = max((trace.recorded_at for trace in manifest.traces.get(node, [])), default=0.0)
        return unstored if unstored.at > newest else decision

    @cached_property
    def _disturbed(self) -> dict[NodeId, Decision]:
        """The hits that would come upon a leak that is known, and those that leak it; or by which other trace they hit.

        Does not see: what tests that would run may leak, results of a killed run, which the next one takes over, and
        another order of the files than by name. Cost: a look-up if nothing is known; else all tests are decided.
        """
        known, taken = load_leaks(self.store, self.environment), load_taken(self.store, self.environment)
        if not known and not taken:
            return {}
        paths = sorted({*self.files(), *self.other_files()}, key=lambda path: path.split("/"))
        order = [node for path in paths for node in self._in_order(path)]
        decisions = {node: self._decide(node) for node in order}
        hits = {node: found.trace for node, found in decisions.items() if isinstance(found, Hit)}
        leaks = Leaks(order, known, {}, lambda: hits, (), taken, self._traces_of, self._indifferent_to)
        leaked = leaks.of_hits()
        found = leaks.disturbed(leaked, self.world.source, self._is_text)
        if not found or self._is_indexed():
            return {}
        others = leaks.undisturbed(found, leaked, self.world.source, self._is_text, self._decide_by)
        leaking = {one.filler for node, left in found.items() if node not in others for one in left}
        taken = (found.keys() - others.keys()) | (leaking & hits.keys())
        return others | {node: came_upon(hits[node], found.get(node, ())) for node in taken}

    def _indifferent_to(self, node: NodeId, trace: Trace) -> frozenset[str]:
        return self._verifier.indifferent_to(trace, self._traces_of(node))

    def _decide_by(self, node: NodeId, traces: Sequence[Trace]) -> Decision:
        return self._verifier.decide(traces, now_s=clock.time(), recorded=self._traces_of(node))

    def _is_text(self, node: NodeId) -> bool:
        source = self.world.source(node.partition("::")[0])
        return source is None or _block(node) not in source.blocks

    def _is_indexed(self) -> bool:
        """Whether a run of all tests would look no further than into its index."""
        world, root = self.world, str(self.project.rootdir)
        key = invocation.key((), root, world.roots, world.files, world.distributions, os.environ)
        try:
            data = self.store.get(INDEX, key)
            index = decode_index(data) if data is not None else None
        except BadRecord:
            return False
        if index is None or not index.total:
            return False
        changed = changed_reads(index, world)
        return not changed and len(held_files(index, changed)) == len(index.files)

    def elsewhere(self, node: NodeId) -> tuple[Trace, tuple[Difference, ...]] | None:
        """The newest trace of a test under any other environment, and how that one differs."""
        path = node.partition("::")[0]
        found: list[tuple[Trace, EnvironmentKey]] = []
        for environment in self._others(path):
            manifest = load_manifests(self.store, environment, [path])[0][path]
            found += [(trace, environment) for trace in manifest.traces.get(node, [])]
        if not found:
            return None
        trace, environment = max(found, key=lambda pair: pair[0].recorded_at)
        return trace, differences(facts_of(self.store, environment), facts_of(self.store, self.environment))


def _block(node: NodeId) -> str:
    """The function of a test as its source names it: `TestX.test_y`."""
    return _ARGUMENTS.sub("", node.partition("::")[2]).replace("::", ".")


def _rows(trace: Trace, block: str) -> set[str]:
    """The rows of parameters that a test of this block was made of, as blocks of its file."""
    names = (read.input.name for read in trace.parts[0] if read.input.kind is Kind.BLOCK)
    return {name.partition("::")[2] for name in names if name.startswith(f"{block}[")}
