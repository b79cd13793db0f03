"""One run's dealings with the remote: which entries it wants, what it takes in, what it gives, what went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial

from testcache.clock import clock
from testcache.errors import BadRecord
from testcache.exchange.keyring import Keyring
from testcache.exchange.refusals import Damaged, Forged, Refused, Unsigned, Unverified
from testcache.model import EnvironmentKey, Manifest
from testcache.project import Project
from testcache.reasons import Reason
from testcache.remote import directory
from testcache.remote.address import engine, shown
from testcache.remote.backend import Backend, RemoteError, Untaken
from testcache.remote.directory import Known
from testcache.remote.excess import Limits
from testcache.remote.folder import PRUNE_SHARE, Folder
from testcache.remote.parcel import Label, unwrap, wrap
from testcache.remote.pull import Pull
from testcache.remote.push import Merge, push
from testcache.remote.scope import scopes
from testcache.report import number
from testcache.settings import Remote
from testcache.storage.merge import merge_manifests
from testcache.storage.salts import salt_id


class Share:
    """See the module. Never raises for what the remote does: it then gives nothing and takes nothing.

    Attributes:
        asked, came: how many entries were asked for and taken in.
        given: test files whose results were sent.
    """

    def __init__(self, project: Project, remote: Remote, keyring: Keyring, salt: bytes) -> None:
        """Connect. Raises SettingError: the address is none, or its engine is not installed."""
        self._remote = remote
        self._project = project.name
        self._keyring = keyring
        self._own = salt_id(salt)
        self._scopes = scopes(remote, project.rootdir, os.environ)
        self._problem: RemoteError | None = None
        self._refused: dict[str, Refused] = {}
        self._untaken: dict[str, Untaken] = {}
        self._backend: Backend | None = None
        self._pull: Pull | None = None
        self.asked = self.came = self.given = 0
        if not self._scopes.read and not self._scopes.own:
            return
        try:
            self._backend = engine(remote.url, deadline_s=remote.deadline, max_age_s=remote.max_age)
        except RemoteError as problem:
            self._problem = problem
            return
        if self._scopes.read:
            self._pull = Pull(self._backend, remote.deadline)

    def want(self, environment: EnvironmentKey, strong: str, paths: Iterable[str]) -> None:
        """Begin to ask for the results of test files, in the background."""
        if self._pull is not None:
            self._pull.want(label.key for path in paths for label in self._labels(environment, strong, path))

    def take(self, environment: EnvironmentKey, strong: str, paths: Iterable[str]) -> dict[str, Manifest]:
        """The results of test files, verified; after the deadline those that have come. Only once a run.

        Cost: 1 ms per 25 tests, and what is still to come.
        """
        if self._pull is None:
            return {}
        labels = {label.key: label for path in paths for label in self._labels(environment, strong, path)}
        found = self._pull.take(labels)
        self._pull.end()
        self.asked = self._pull.asked
        self._problem = self._problem or self._pull.problem
        taken: dict[str, Manifest] = {}
        for key, label in labels.items():  # not in the order in which they came
            manifest = self._opened(found[key], label) if key in found else None
            if manifest is not None:
                self.came += 1
                known = taken.get(label.path)
                taken[label.path] = manifest if known is None else merge_manifests(known, manifest)
        return taken

    def give(
        self,
        environment: EnvironmentKey,
        strong: str,
        fresh: Mapping[str, Manifest],
        limit: int,
        facts: Mapping[str, str],
    ) -> bool:
        """Add results of test files, for at most the deadline; `facts` are those behind the environment key.

        `failed` of a manifest names tests whose results so far are of no use: they are removed. That a test
        has failed somewhere is not shared: it would only make it run again where it passes. Whether all was given.
        """
        if self._backend is None or self._problem is not None or not self._scopes.own:
            return False
        until = clock.monotonic() + self._remote.deadline
        merges: dict[str, Merge] = {}
        for path, manifest in fresh.items():
            label = Label(self._project, self._scopes.own, environment, strong, path)
            merges[label.key] = partial(self._joined, label=label, fresh=manifest, limit=limit)
        own = Known(environment.hex(), clock.time(), dict(facts))
        merges[directory.key_of(self._project, self._scopes.own)] = partial(self._listed, own=own)
        try:
            self._backend.close()  # servers and networks drop connections that were idle while tests ran
            self._untaken = push(self._backend, merges, until)
            self.given = len(fresh) - len(self._untaken)
            self._prune()
        except RemoteError as problem:
            self._problem = problem
        return self._problem is None

    def listed(self) -> dict[str, list[Known]]:
        """The environments that each scope that is read has results of, newest first."""
        if self._pull is None:
            return {}
        keys = {directory.key_of(self._project, scope): scope for scope in self._scopes.read}
        found = self._pull.take(keys)
        self._pull.end()
        self._problem = self._problem or self._pull.problem
        listed: dict[str, list[Known]] = {}
        for key, parcel in found.items():
            try:
                unverified = self._remote.unverified
                listed[keys[key]] = directory.opened(
                    parcel, self._project, keys[key], self._keyring, unverified=unverified
                )
            except Refused as refusal:
                self._refused[key] = refusal
        return listed

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()
        self._backend = self._pull = None

    def complaint(self) -> str:
        """The one warning of this run, "" if all went well."""
        trouble = self.trouble("; this run goes on without it")
        return f"testcache: remote: {shown(self._remote.url)}: {trouble}" if trouble else ""

    @property
    def failed(self) -> bool:
        """It was of no use, and would be of none right now."""
        return self._problem is not None

    def trouble(self, consequence: str = "") -> str:
        """What went wrong, "" if nothing did."""
        if self._problem is not None:
            return f"{self._problem}{consequence} [{self._problem.slug}]"
        if self._untaken:
            count, why = number(len(self._untaken), "entry"), next(iter(self._untaken.values())).why
            return f"{count} not given, perhaps too large for it: {why} [{Reason.REMOTE_REFUSED.slug}]"
        if self._refused:
            count = number(len(self._refused), "entry")
            return f"{count} not taken in: {next(iter(self._refused.values()))} [{Reason.REMOTE_REFUSED.slug}]"
        return ""

    def _labels(self, environment: EnvironmentKey, strong: str, path: str) -> list[Label]:
        return [Label(self._project, scope, environment, strong, path) for scope in self._scopes.read]

    def _opened(self, parcel: bytes, label: Label) -> Manifest | None:
        try:
            now, unverified = clock.time(), self._remote.unverified
            return unwrap(parcel, label, self._keyring, self._own, now_s=now, unverified=unverified)
        except Refused as refusal:
            self._refused[label.key] = refusal
            return None

    def _joined(self, parcel: bytes | None, *, label: Label, fresh: Manifest, limit: int) -> bytes | None:
        """An entry with fresh results added. What nobody with our key could use is replaced."""
        known = None
        if parcel is not None:
            try:
                now = clock.time()
                known = unwrap(parcel, label, self._keyring, self._own, now_s=now, unverified=False)
            except (Damaged, Forged, Unsigned):
                known = None
            except Refused as refusal:
                self._refused[label.key] = refusal
                return None
        sound = Manifest({n: t for n, t in known.traces.items() if n not in fresh.failed} if known else {})
        merged = merge_manifests(sound, Manifest(fresh.traces), limit=limit)
        if merged == known:
            return None
        try:
            return wrap(merged, label, self._keyring, self._own)
        except (BadRecord, Refused):  # longer than is taken in by anybody: it stays local
            return None

    def _listed(self, parcel: bytes | None, *, own: Known) -> bytes | None:
        place = self._project, self._scopes.own, self._keyring
        known: list[Known] = []
        if parcel is not None:
            try:
                known = directory.opened(parcel, *place, unverified=False)
            except Unverified:  # it belongs to those who have the key
                return None
            except Refused:  # of no use to anybody with our key
                known = []
        return directory.joined(known, own, *place)

    def _prune(self) -> None:
        if isinstance(self._backend, Folder) and os.urandom(1)[0] < 256 * PRUNE_SHARE:
            self._backend.prune(Limits(self._remote.max_size, clock.time() - self._remote.max_age))
