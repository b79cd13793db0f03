"""A project as it lies on disk: its settings, its store, and what answers `digest_of`; knows no pytest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import testcache
from testcache.errors import BadRecord, SettingError, StoreError
from testcache.inputs.distributions import Distributions, canonical
from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.inputs.variables import Variables
from testcache.inputs.world import World
from testcache.settings import Settings, load
from testcache.storage.codec import decode_source
from testcache.storage.database import path_in
from testcache.storage.salts import foreign_salts
from testcache.storage.store import Store
from testcache.structs import Struct

if TYPE_CHECKING:
    from testcache.code.source import Source

NO_SALT = bytes(32)
"""Without a store nothing is kept, so nothing needs keeping secret."""


class Project(Struct, frozen=True):
    """A rootdir and the settings found there."""

    rootdir: Path
    settings: Settings

    @classmethod
    def find(cls, rootdir: str | None) -> Project:
        """The project in `rootdir`, or around the current folder. Raises SettingError."""
        from testcache import rootdir as rootdirs

        folder = rootdirs.find(Path.cwd()) if rootdir is None else Path(rootdir).absolute()
        if not folder.is_dir():
            raise SettingError(f"--rootdir={rootdir}: expected a folder [option-value]")
        return cls(folder, load(folder))

    @property
    def store_folder(self) -> Path:
        return self.rootdir / self.settings.store

    @property
    def name(self) -> str:
        """Whose results these are: the setting `project`, else the name in pyproject.toml, else ""."""
        if self.settings.project:
            return self.settings.project
        import tomllib  # only bundles need a name

        try:
            text = (self.rootdir / "pyproject.toml").read_text(encoding="utf-8")
            table = tomllib.loads(text).get("project")
        except (OSError, ValueError):  # pytest itself says what is wrong with it
            return ""
        name = table.get("name") if isinstance(table, dict) else None
        return canonical(name) if isinstance(name, str) else ""

    @property
    def store_name(self) -> str:
        """The store's folder as a reader of messages knows it."""
        return str(self.settings.store)

    def store(self, *, readonly: bool = True) -> Store | None:
        """The store, None if nothing was ever recorded. Raises StoreError if it cannot be used."""
        if not path_in(self.store_folder).exists():
            return None
        return Store.open(self.store_folder, readonly=readonly, size_limit_bytes=self.settings.max_size)


def open_store(rootdir: Path, settings: Settings, mode: str) -> tuple[Store | None, str]:
    """The store, or None; and what is to be said of it, or "": a broken cache never breaks a run."""
    try:
        folder = rootdir / settings.store
        if mode == "read":
            return Store.open(folder, readonly=True, size_limit_bytes=settings.max_size), ""
        return Store.open_or_renew(folder, size_limit_bytes=settings.max_size)
    except StoreError as problem:
        return None, f"testcache: {problem} [{problem.slug}]"


def build_world(
    rootdir: str,
    settings: Settings,
    store: Store | None,
    salt: bytes,
    *,
    search: Sequence[str] | None = None,
    parsed: Mapping[bytes, bytes] | None = None,
    start: Mapping[str, str] | None = None,
) -> World:
    """Everything that answers `digest_of`, for this rootdir and this interpreter.

    `search` is the search path of the process on whose behalf it answers; its own, if not given. `parsed`
    are sources that are not in the store yet, encoded; `start` is the environment that the run has started with.
    """
    files = Files()
    distributions = Distributions(files, rootdir, search)
    package = os.path.dirname(os.path.dirname(os.path.abspath(testcache.__file__)))
    own = [folder for folder in distributions.editable_folders() if os.path.abspath(folder) != package]
    own += [os.path.join(rootdir, folder) for folder in settings.first_party]
    roots = Roots(rootdir, own=own, owned=lambda path: distributions.owner(path) is not None)

    if settings.ignore:
        roots.ignore(lambda name: any(pattern.covers(name) for pattern in settings.ignore))

    def fetch(key: bytes) -> Source | None:
        try:
            data = parsed.get(key) if parsed is not None else None
            if data is None and store is not None:
                data = store.get("source", key)
            return decode_source(data) if data is not None else None
        except (BadRecord, StoreError):  # parsed again; a broken store is reported when tests are looked up
            return None

    variables = Variables(
        os.environ if start is None else start, roots, salt, foreign_salts(store) if store is not None else None
    )
    return World(roots, files, Sources(fetch), variables, distributions, search)
