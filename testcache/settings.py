"""The one typed table of settings, read from `.testcache.toml` or `[tool.testcache]` in `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from testcache.errors import SettingError
from testcache.quantities import (
    Audit,
    Duration,
    Folder,
    HostWord,
    Key,
    PathPattern,
    ShareLimit,
    Size,
    SizeLimit,
    TestPattern,
    TraceCount,
    WorkerCount,
)
from testcache.structs import Struct

if TYPE_CHECKING:
    from pathlib import Path

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


class DeclaredInputs(Struct, frozen=True):
    """Files that some tests read in a way that testcache does not see, such as from C code."""

    files: Annotated[tuple[PathPattern, ...], Key("files that count as inputs", _PATHS)]
    for_: Annotated[tuple[TestPattern, ...], Key("the tests that read them", _TESTS)]


class Network(Struct, frozen=True):
    """`[network]`: which hosts tests may talk to and still be cached."""

    allow: Annotated[
        Mapping[str, Duration],
        Key(
            "hosts that tests may talk to, and how long a result that did so may be replayed",
            'a table of hosts and durations, such as { "api.example.com" = "1d" }',
        ),
    ] = {}


class Processes(Struct, frozen=True):
    """`[processes]`: which programs tests may start and still be cached."""

    trusted: Annotated[
        tuple[str, ...],
        Key(
            "programs whose outcome depends only on themselves and on the files named in their arguments",
            'a list of program names, such as ["git"]',
        ),
    ] = ()


class Parallel(Struct, frozen=True):
    """`[parallel]`: how tests are given to workers (`-n`)."""

    first: Annotated[
        First,
        Key(
            "which tests workers get first: the longest, or before them those that failed or that are new",
            '"longest", "failed" or "new"',
        ),
    ] = "longest"
    max_cpu: Annotated[
        ShareLimit, Key("no worker gets another test while the machine is busier than this", ShareLimit.written_as)
    ] = ShareLimit()
    max_memory: Annotated[
        SizeLimit, Key("a worker is replaced between two tests before it holds more than this", SizeLimit.written_as)
    ] = SizeLimit()


class Remote(Struct, frozen=True):
    """`[remote]`: where results are shared one by one; `TESTCACHE_REMOTE` overrides some of it."""

    url: Annotated[
        str,
        Key(
            "where results are shared: a folder, an HTTP server, Redis or an object store (docs/ci.md)",
            'an address, such as "file:///mnt/cache", "https://cache/path", "redis://host" or "s3://bucket/prefix"',
        ),
    ] = ""
    mode: Annotated[
        Sharing, Key("whether runs take results and give them", '"off", "read", "write" or "read-write"')
    ] = "read"
    deadline: Annotated[
        Duration, Key("how long a run waits for it before its tests, and again after them", Duration.written_as)
    ] = Duration(2)
    branch: Annotated[
        str, Key("whose results this run writes; the branch that the CI or git says, if not given", "a text")
    ] = ""
    base: Annotated[
        tuple[str, ...], Key("branches whose results everybody reads", 'a list of texts, such as ["main"]')
    ] = ("main",)
    max_age: Annotated[
        Duration,
        Key("entries not written for longer go (folder, Redis, testcache prune --remote)", Duration.written_as),
    ] = Duration(30 * 86400)
    max_size: Annotated[
        Size, Key("a shared folder is pruned to this size, others by testcache prune --remote", Size.written_as)
    ] = Size(10 << 30)
    unverified: Annotated[
        bool, Key("also take signed entries where there is no key to check them", "true or false")
    ] = False


class Host(Struct, frozen=True):
    """`[hosts.NAME]`: a machine that is reached over ssh and has this checkout at the same path."""

    ssh: Annotated[HostWord, Key("where ssh connects to", HostWord.written_as)]
    workers: Annotated[WorkerCount, Key("how many workers it runs", WorkerCount.written_as)] = WorkerCount(1)
    python: Annotated[
        str, Key("its Python, if not at the same path as here", 'a path, such as "/opt/venv/bin/python"')
    ] = ""
    ssh_config: Annotated[str, Key("a configuration file for ssh, from the rootdir or absolute", "a path")] = ""


class Settings(Struct, frozen=True):
    """Everything that a project can set; a key is its field's name with "-" for "_".

    Sizes are in bytes and durations in seconds. `store` is relative to the rootdir unless absolute.
    """

    mode: Annotated[Mode, Key("what a bare --cached does", '"on", "read", "refresh", "verify" or "off"')] = "on"
    recorder: Annotated[
        Recorder,
        Key(
            "how executed code is observed; auto takes the cheapest that this Python has",
            '"auto", "monitoring", "probes" or "coverage"',
        ),
    ] = "auto"
    project: Annotated[
        str, Key("whose results a bundle holds; the name in pyproject.toml if not given", 'a text, such as "shop"')
    ] = ""
    store: Annotated[Folder, Key("the folder of the store", Folder.written_as)] = Folder(".testcache")
    max_size: Annotated[Size, Key("the store is pruned to this size", Size.written_as)] = Size(1 << 30)
    max_age: Annotated[Duration, Key("traces unused for longer are pruned", Duration.written_as)] = Duration(30 * 86400)
    traces_per_test: Annotated[
        TraceCount, Key("past traces kept for one test, so that switching branches hits", TraceCount.written_as)
    ] = TraceCount(8)
    first_party: Annotated[
        tuple[Folder, ...], Key("further folders whose code is the project's own", f"a list, each {Folder.written_as}")
    ] = ()
    env: Annotated[tuple[str, ...], Key("environment variables that count for every test", _TEXTS)] = ()
    inputs: Annotated[
        tuple[DeclaredInputs, ...],
        Key(
            "files that some tests read unseen",
            'a list of tables, such as [{ files = ["data/*.db"], for = ["tests/test_db.py"] }]',
        ),
    ] = ()
    ignore: Annotated[tuple[PathPattern, ...], Key("paths that never count as inputs", _PATHS)] = ()
    never: Annotated[tuple[TestPattern, ...], Key("tests that are never cached", _TESTS)] = ()
    audit: Annotated[Audit, Key("hits that really run again, to look for wrong ones", Audit.written_as)] = Audit()
    library_state: Annotated[
        LibraryState,
        Key(
            "whether what a library keeps in its objects goes on to count for a test that has passed with two states "
            "of it",
            '"counts" or "learned"',
        ),
    ] = "counts"
    network: Annotated[Network, Key("the network", "a table [network]")] = Network()
    processes: Annotated[Processes, Key("child processes", "a table [processes]")] = Processes()
    parallel: Annotated[Parallel, Key("workers", "a table [parallel]")] = Parallel()
    remote: Annotated[Remote, Key("one cache for the team", "a table [remote]")] = Remote()
    hosts: Annotated[
        Mapping[str, Host],
        Key("other machines for --cached-hosts", 'tables, such as [hosts.build1] with ssh = "user@build1"'),
    ] = {}


def load(rootdir: Path) -> Settings:
    """Read the settings of the project at `rootdir`; the defaults if it has none.

    Raises SettingError for text that is not TOML, an unknown key, a value that is not understood, and
    for settings in both files. The error's first line ends with its slug in brackets.

    Cost: two failed opens, or one read of pyproject.toml, for a project without settings.
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
