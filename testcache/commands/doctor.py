"""`testcache doctor`: on one screen what testcache needs and what it finds here."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import site
import sys
from collections.abc import Iterator
from pathlib import Path

from testcache import __version__
from testcache.commands import remote, restored
from testcache.environments import Difference, differences
from testcache.errors import StoreError
from testcache.exchange.outgoing import MODE as IMPORTED
from testcache.inputs.roots import Roots
from testcache.outlook import drift
from testcache.project import Project
from testcache.recording.recorder import RecorderUnavailable, choose
from testcache.report import moment, number, size
from testcache.settings import OWN_FILE, SHARED_FILE
from testcache.storage.database import aside_in
from testcache.storage.folder import JOURNALS, MOUNTS, file_system
from testcache.storage.gate import FORMAT
from testcache.storage.history import facts_of, runs
from testcache.storage.store import Store
from testcache.structs import Struct
from testcache.terminal import bold, say

HOOK = "testcache_child.pth"
SHOWN = 5


class _Finding(Struct, frozen=True):
    """One line of the screen: what was looked at, what was found, and what to do if it is not well."""

    subject: str
    found: str
    remedy: str = ""


def run(project: Project) -> int:
    """Print the findings: 0 if all is well, 1 if something needs attention."""
    findings = [
        *_installation(),
        _Finding("project", str(project.rootdir)),
        _Finding("settings", _settings_place(project)),
        _recorder(project),
        *_store(project),
    ]
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        say(f"{bold(finding.subject.ljust(width))}  {'!! ' if finding.remedy else ''}{finding.found}")
        if finding.remedy:
            say(f"{' ' * width}     {finding.remedy}")
    problems = sum(1 for finding in findings if finding.remedy)
    say(f"testcache: {number(problems, 'problem')} found" if problems else "testcache: all is well")
    return 1 if problems else 0


def _installation() -> Iterator[_Finding]:
    yield _Finding("testcache", f"{__version__} in {Path(__file__).parent.parent}")
    yield _Finding("python", f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
    yield _plugin()
    yield _hook()


def _plugin() -> _Finding:
    found = [entry for entry in importlib.metadata.entry_points(group="pytest11") if entry.name == "testcache"]
    version = next((f"pytest {d.version}" for d in importlib.metadata.distributions(name="pytest")), "no pytest")
    if not found:
        remedy = "install testcache with pip, or load the plugin with: pytest -p testcache.plugin --cached"
        return _Finding("plugin", f"{version}, and no testcache plugin is installed for it", remedy)
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        remedy = "unset it, or load the plugin with: pytest -p testcache.plugin --cached"
        return _Finding("plugin", f"{version}; PYTEST_DISABLE_PLUGIN_AUTOLOAD keeps plugins from loading", remedy)
    return _Finding("plugin", f"{version}, plugin installed")


def _hook() -> _Finding:
    folders = [*site.getsitepackages(), site.getusersitepackages(), *sys.path]
    place = next((folder for folder in folders if os.path.isfile(os.path.join(folder, HOOK))), None)
    if place is None:
        remedy = f"tests that start Python are not cached until {HOOK} is installed: install testcache with pip"
        return _Finding("child hook", "not installed", remedy)
    return _Finding("child hook", f"{os.path.join(place, HOOK)}: child Pythons are observed")


def _settings_place(project: Project) -> str:
    if (project.rootdir / OWN_FILE).is_file():
        return OWN_FILE
    shared = project.rootdir / SHARED_FILE
    if shared.is_file() and b"[tool.testcache" in shared.read_bytes():
        return f"[tool.testcache] in {SHARED_FILE}"
    return "none, so the defaults hold; testcache init writes a file"


def _recorder(project: Project) -> _Finding:
    asked = project.settings.recorder
    try:
        chosen = choose(asked, wanted=lambda _: False)
    except RecorderUnavailable as problem:
        return _Finding("recorder", f"{asked}: {problem}", 'set recorder = "auto"')
    why = f"; {chosen.reason}" if chosen.reason else ""
    return _Finding("recorder", f"{chosen.name} (set: {asked}{why})")


# -- the store


def _store(project: Project) -> Iterator[_Finding]:
    folder = project.store_folder
    kind = file_system(folder, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")) if MOUNTS.exists() else ""
    aside = aside_in(folder)
    if aside.exists():
        words = f"a damaged database, {moment(aside.stat().st_mtime)}, {size(aside.stat().st_size)}: {aside}"
        yield _Finding("set aside", f"{words}; nothing reads it")
    place = f"{project.store_name}" + (f" on {kind}" if kind else "")
    try:
        store = project.store()
        writable = store is None or os.access(folder, os.W_OK)
    except StoreError as problem:
        yield _Finding("store", f"{place}: {problem} [{problem.slug}]", "testcache clear makes it anew")
        return
    if store is None:
        yield _Finding("store", f"{place}: none yet; the first pytest --cached makes it")
        yield from _remote(project, None)
        return
    with store:
        found = f"{place}: format {FORMAT}, {size(store.volume())} of at most {size(project.settings.max_size)}"
        if writable:
            yield _Finding("store", f"{found}, writable")
        else:
            yield _Finding("store", f"{found}, not writable", "results are replayed and not recorded: check the folder")
        journals = [*(folder / JOURNALS).glob("*.journal")] if (folder / JOURNALS).is_dir() else []
        if journals:
            yield _Finding("journals", f"{number(len(journals), 'run')} under way or killed; the next run takes over")
        yield from _environment(project, store)
        for words, remedy in restored.findings(project, store):
            yield _Finding("restored", words, remedy)
        yield from _remote(project, store)


def _remote(project: Project, store: Store | None) -> Iterator[_Finding]:
    for words, remedy in remote.findings(project, store):
        yield _Finding("remote", words, remedy)


def _environment(project: Project, store: Store) -> Iterator[_Finding]:
    kept = [run for run in runs(store) if run.mode != IMPORTED]
    if not kept:
        yield _Finding("last run", "none yet")
        return
    last = kept[-1]
    yield _Finding(
        "last run", f"{moment(last.at)}: {number(last.total, 'test')}, {last.cached} cached, {last.recorder}"
    )
    recorded = facts_of(store, bytes.fromhex(last.environment))
    changed = drift(recorded, Roots(str(project.rootdir)))
    yield _Finding("environment", f"key {last.environment[:8]}; {_named(changed, 'now the same')}")
    before = next((run for run in reversed(kept) if run.environment != last.environment), None)
    if before is not None:
        other = facts_of(store, bytes.fromhex(before.environment))
        words = _named(differences(other, recorded), "nothing that is still known")
        yield _Finding("one before", f"key {before.environment[:8]}, {moment(before.at)}; since then: {words}")


def _named(changed: tuple[Difference, ...], none: str) -> str:
    if not changed:
        return none
    words = ", ".join(f"{difference.name}: {difference.words}" for difference in changed[:SHOWN])
    return words + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else "")
