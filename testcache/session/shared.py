"""The remote in a pytest run: ask while tests are collected, take in before deciding, give after the run."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testcache.clock import clock
from testcache.errors import BadRecord, SettingError, StoreError
from testcache.exchange.keyring import Keyring
from testcache.model import EnvironmentKey, Manifest
from testcache.project import Project
from testcache.reasons import Reason
from testcache.remote.address import shown
from testcache.remote.configuration import configured
from testcache.remote.salt import adopt
from testcache.remote.scope import scopes
from testcache.report import number
from testcache.session import environment
from testcache.session.warm import Warm
from testcache.settings import Settings
from testcache.storage import outage, owed
from testcache.storage.manifests import known_files
from testcache.storage.store import Store

if TYPE_CHECKING:
    from testcache.remote.share import Share

_ASKING_MODES = ("on", "read", "verify")
_GIVING_MODES = ("on", "refresh", "verify")
_OWED_PER_S = 32
"""Test files of earlier runs that one run gives, a second of its deadline: it must not fail because of them."""


class Shared:
    """A plugin of the controller. It is there before recording begins, so that its connections are nobody's."""

    def __init__(self, config: pytest.Config, settings: Settings, store: Store, mode: str) -> None:
        self._config = config
        self._settings = settings
        self._store = store
        self._mode = mode
        self._share: Share | None = None
        self._environment: tuple[EnvironmentKey, str] | None = None
        self._known: frozenset[str] = frozenset()
        self._held: frozenset[str] = frozenset()
        self._fresh: dict[str, Manifest] = {}
        self._owed: dict[str, Manifest] = {}
        self._scope = ""
        self._address = self._complaint = self._told = ""

    # -- before

    @classmethod
    def begin(cls, config: pytest.Config, settings: Settings, store: Store | None, mode: str) -> Shared | None:
        """Take over the salt that the team shares; None if no remote is set. Asks nothing of the remote yet.

        A mistake is a usage error.
        """
        try:
            remote = configured(settings, os.environ)
            if store is None or not remote.url or remote.mode == "off":
                return None
            adopt(store, Keyring.from_environment(), Project(config.rootpath, settings).name)
        except SettingError as problem:
            raise pytest.UsageError(f"testcache: {problem}") from None
        except StoreError:  # who looks the tests up says so
            return None
        return cls(config, settings, store, mode)

    def connect(self, warm: Warm | None) -> None:
        """Only now, as something has to run or to be decided: connect."""
        from testcache.remote.share import Share

        remote = configured(self._settings, os.environ)
        if self._mode in _GIVING_MODES:
            self._scope = scopes(remote, self._config.rootpath, os.environ).own
        self._address = shown(remote.url)
        pause_s = outage.left_s(self._store.folder, self._address, clock.time())
        if pause_s:
            self._complaint = (
                f"testcache: remote: {self._address}: it failed less than a minute ago and is asked again in "
                f"{pause_s:.0f} s; this run goes on without it [{Reason.REMOTE_UNREACHABLE.slug}]"
            )
            return
        project = Project(self._config.rootpath, self._settings)
        try:
            self._share = Share(project, remote, Keyring.from_environment(), self._store.salt)
        except SettingError as problem:
            raise pytest.UsageError(f"testcache: {problem}") from None
        self._held = frozenset(warm.held) if warm is not None else frozenset()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path) -> None:
        """A test file is about to be imported: if nothing is known of it here, ask for it meanwhile."""
        if self._share is None or self._mode not in _ASKING_MODES:
            return
        try:
            path = module_path.relative_to(self._config.rootpath).as_posix()
        except ValueError:
            return
        key, strong = self._key()
        if path not in self._held and path not in self._known:
            self._share.want(key, strong, [path])

    def _key(self) -> tuple[EnvironmentKey, str]:
        """Environment key and SHA-256 of what is behind it; also notes which files are known here."""
        if self._environment is None:
            from testcache.remote.parcel import digest_of

            recording = self._config.pluginmanager.get_plugin("testcache-recording")
            assert recording is not None
            facts = sorted(f"{name}={value}" for name, value in environment.facts(recording))
            key = environment.key(recording)
            self._environment = key, digest_of(facts)
            try:
                self._known = frozenset(path for own, path in known_files(self._store) if own == key)
            except StoreError:
                self._known = frozenset()
        return self._environment

    def take(self, paths: Iterable[str]) -> dict[str, Manifest]:
        """What the remote has of these test files."""
        self._environment = None  # as it is now, when all plugins are there: what is given needs it, too
        place = self._key()
        if self._share is None or self._mode not in _ASKING_MODES:
            return {}
        return self._share.take(*place, paths)

    # -- after

    @property
    def numbers(self) -> tuple[int, int]:
        """How many entries were asked for, and taken in."""
        return (self._share.asked, self._share.came) if self._share is not None else (0, 0)

    def offer(self, fresh: Mapping[str, Manifest]) -> None:
        """Take the results of the run by test file, to be given away when the store is closed.

        What is said to have failed are tests whose recorded results are of no use.
        """
        self._fresh.update(fresh)
        if self._share is not None and self._environment is not None and self._scope:
            most = int(_OWED_PER_S * configured(self._settings, os.environ).deadline)
            self._owed = owed.load_owed(self._store, self._environment[0], self._scope, most)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, Any]:
        answer = yield
        self._give()
        if self._share is not None:
            share, self._share = self._share, None
            self._complaint = share.complaint()
            if share.failed:
                outage.note(self._store.folder, self._address, clock.time())
            elif share.asked or share.given:
                outage.end(self._store.folder)
            self._told = (
                f"testcache: remote: {number(share.asked, 'entry')} asked for, {share.came} taken in; "
                f"{number(share.given, 'test file')} shared"
            )
            share.close()
        return answer

    def _give(self) -> None:
        """Give what this run has recorded, and some of what earlier ones could not; note what is left of it."""
        if self._environment is None or not self._scope or not (self._fresh or self._owed):
            return
        given = False
        if self._share is not None:
            notes = self._config.pluginmanager.get_plugin("testcache-notes")
            facts = notes.facts  # type: ignore[union-attr]
            fresh = owed.both(self._owed, self._fresh)
            given = self._share.give(*self._environment, fresh, self._settings.traces_per_test, facts)
        place = self._environment[0], self._scope
        try:
            if given and self._owed:
                with Store.open(self._store.folder) as store:
                    owed.forget_owed(store, *place, self._owed)
            elif not given and self._fresh:
                with Store.open(self._store.folder) as store:
                    owed.note_owed(store, *place, self._fresh)
        except (StoreError, BadRecord):  # it stays here alone, or is given once more
            return

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._told and self._config.option.verbose > 0:
            terminalreporter.write_line(self._told)
        if self._complaint:
            terminalreporter.write_line(self._complaint, yellow=True)
