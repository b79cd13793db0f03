"""The one typed table of settings, read from `.testcache.toml` or `[tool.testcache]` in `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from testcache.errors import SettingError
from testcache.quantities import (
    Audit,
    Duration,
    Folder,
    HostWord,
    PathPattern,
    ShareLimit,
    Size,
    SizeLimit,
    TestPattern,
    TraceCount,
    WorkerCount,
)

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Recorder = Literal["auto", "monitoring", "probes", "coverage"]
First = Literal["longest", "failed", "new"]
Mode = Literal["on", "read", "refresh", "verify", "off"]
LibraryState = Literal["counts", "learned"]
Sharing = Literal["off", "read", "write", "read-write"]

OWN_FILE = ".testcache.toml"
SHARED_FILE = "pyproject.toml"
REMOTE = "TESTCACHE_REMOTE"
"""The variable that overrides mode, address and deadline of `[remote]`."""

_TEXTS = 'a list of texts, such as ["TZ", "LANG"]'
_TESTS = f"a list, each {TestPattern.written_as}"
_PATHS = f"a list, each {PathPattern.written_as}"


def _key(default: T, means: str, expected: str) -> T:
    """Describe one key: what it means (`docs/settings.md`) and how its value is written (messages)."""
    about = {"means": means, "expected": expected}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=about)  # type: ignore[return-value]
    return field(default=default, metadata=about)


def _required(means: str, expected: str) -> Any:
    return field(metadata={"means": means, "expected": expected})


@dataclass(frozen=True, slots=True)
class DeclaredInputs:
    """Files that some tests read in a way that testcache does not see, such as from C code."""

    files: tuple[PathPattern, ...] = _required("files that count as inputs", _PATHS)
    for_: tuple[TestPattern, ...] = _required("the tests that read them", _TESTS)


@dataclass(frozen=True, slots=True)
class Network:
    """`[network]`: which hosts tests may talk to and still be cached."""

    allow: Mapping[str, Duration] = _key(
        {},
        "hosts that tests may talk to, and how long a result that did so may be replayed",
        'a table of hosts and durations, such as { "api.example.com" = "1d" }',
    )


@dataclass(frozen=True, slots=True)
class Processes:
    """`[processes]`: which programs tests may start and still be cached."""

    trusted: tuple[str, ...] = _key(
        (),
        "programs whose outcome depends only on themselves and on the files named in their arguments",
        'a list of program names, such as ["git"]',
    )


@dataclass(frozen=True, slots=True)
class Parallel:
    """`[parallel]`: how tests are given to workers (`-n`)."""

    first: First = _key(
        "longest",
        "which tests workers get first: the longest, or before them those that failed or that are new",
        '"longest", "failed" or "new"',
    )
    max_cpu: ShareLimit = _key(
        ShareLimit(),
        "no worker gets another test while the machine is busier than this",
        ShareLimit.written_as,
    )
    max_memory: SizeLimit = _key(
        SizeLimit(),
        "a worker is replaced between two tests before it holds more than this",
        SizeLimit.written_as,
    )


@dataclass(frozen=True, slots=True)
class Remote:
    """`[remote]`: where results are shared one by one; `TESTCACHE_REMOTE` overrides some of it."""

    url: str = _key(
        "",
        "where results are shared: a folder, an HTTP server, Redis or an object store (docs/ci.md)",
        'an address, such as "file:///mnt/cache", "https://cache/path", "redis://host" or "s3://bucket/prefix"',
    )
    mode: Sharing = _key("read", "whether runs take results and give them", '"off", "read", "write" or "read-write"')
    deadline: Duration = _key(
        Duration(2), "how long a run waits for it before its tests, and again after them", Duration.written_as
    )
    branch: str = _key("", "whose results this run writes; the branch that the CI or git says, if not given", "a text")
    base: tuple[str, ...] = _key(
        ("main",), "branches whose results everybody reads", 'a list of texts, such as ["main"]'
    )
    max_age: Duration = _key(
        Duration(30 * 86400),
        "entries not written for longer go (folder, Redis, testcache prune --remote)",
        Duration.written_as,
    )
    max_size: Size = _key(
        Size(10 << 30), "a shared folder is pruned to this size, others by testcache prune --remote", Size.written_as
    )
    unverified: bool = _key(False, "also take signed entries where there is no key to check them", "true or false")


@dataclass(frozen=True, slots=True)
class Host:
    """`[hosts.NAME]`: a machine that is reached over ssh and has this checkout at the same path."""

    ssh: HostWord = _required("where ssh connects to", HostWord.written_as)
    workers: WorkerCount = _key(WorkerCount(1), "how many workers it runs", WorkerCount.written_as)
    python: str = _key("", "its Python, if not at the same path as here", 'a path, such as "/opt/venv/bin/python"')
    ssh_config: str = _key("", "a configuration file for ssh, from the rootdir or absolute", "a path")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a project can set; a key is its field's name with "-" for "_".

    Sizes are in bytes and durations in seconds. `store` is relative to the rootdir unless absolute.
    """

    mode: Mode = _key("on", "what a bare --cached does", '"on", "read", "refresh", "verify" or "off"')
    recorder: Recorder = _key(
        "auto",
        "how executed code is observed; auto takes the cheapest that this Python has",
        '"auto", "monitoring", "probes" or "coverage"',
    )
    project: str = _key(
        "",
        "whose results a bundle holds; the name in pyproject.toml if not given",
        'a text, such as "shop"',
    )
    store: Folder = _key(Folder(".testcache"), "the folder of the store", Folder.written_as)
    max_size: Size = _key(Size(1 << 30), "the store is pruned to this size", Size.written_as)
    max_age: Duration = _key(Duration(30 * 86400), "traces unused for longer are pruned", Duration.written_as)
    traces_per_test: TraceCount = _key(
        TraceCount(8), "past traces kept for one test, so that switching branches hits", TraceCount.written_as
    )
    first_party: tuple[Folder, ...] = _key(
        (), "further folders whose code is the project's own", f"a list, each {Folder.written_as}"
    )
    env: tuple[str, ...] = _key((), "environment variables that count for every test", _TEXTS)
    inputs: tuple[DeclaredInputs, ...] = _key(
        (),
        "files that some tests read unseen",
        'a list of tables, such as [{ files = ["data/*.db"], for = ["tests/test_db.py"] }]',
    )
    ignore: tuple[PathPattern, ...] = _key((), "paths that never count as inputs", _PATHS)
    never: tuple[TestPattern, ...] = _key((), "tests that are never cached", _TESTS)
    audit: Audit = _key(Audit(), "hits that really run again, to look for wrong ones", Audit.written_as)
    library_state: LibraryState = _key(
        "counts",
        "whether what a library keeps in its objects goes on to count for a test that has passed with two states of it",
        '"counts" or "learned"',
    )
    network: Network = _key(Network(), "the network", "a table [network]")
    processes: Processes = _key(Processes(), "child processes", "a table [processes]")
    parallel: Parallel = _key(Parallel(), "workers", "a table [parallel]")
    remote: Remote = _key(Remote(), "one cache for the team", "a table [remote]")
    hosts: Mapping[str, Host] = _key(
        {}, "other machines for --cached-hosts", 'tables, such as [hosts.build1] with ssh = "user@build1"'
    )


def load(rootdir: Path) -> Settings:
    """Read the settings of the project at `rootdir`; the defaults if it has none.

    Raises SettingError for text that is not TOML, an unknown key, a value that is not understood, and
    for settings in both files. The error's first line ends with its slug in brackets.

    Cost: two failed opens, or one read of pyproject.toml, for a project without settings; otherwise
    the import of msgspec (about 35 ms, shared with the store).
    """
    own = _read(rootdir / OWN_FILE)
    shared = _read(rootdir / SHARED_FILE)
    own_table = None if own is None else _parse(OWN_FILE, own)
    shared_table = None
    if shared is not None and b"testcache" in shared:  # most projects' own TOML need not be parsed at all
        tool = _parse(SHARED_FILE, shared).get("tool")
        shared_table = tool.get("testcache") if isinstance(tool, dict) else None
    if own_table is not None and shared_table is not None:
        raise SettingError(
            f"{OWN_FILE} and {SHARED_FILE}: settings in both: expected either {OWN_FILE} "
            f"or [tool.testcache] in {SHARED_FILE} [setting-file]"
        )
    if own_table is None and shared_table is None:
        return Settings()
    from testcache.schema import Place, checked

    if own_table is not None:
        return checked(Settings, own_table, Place(OWN_FILE))
    return checked(Settings, shared_table, Place(SHARED_FILE, "tool.testcache"))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingError(f"{path.name}: cannot be read: {error.strerror} [setting-file]") from error


def _parse(file: str, data: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except ValueError as error:  # both of a wrong encoding and of wrong TOML
        raise SettingError(f"{file}: expected TOML in UTF-8: {error} [setting-file]") from error
