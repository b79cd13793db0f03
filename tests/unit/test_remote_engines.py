"""Every engine keeps what it is given, replaces only what was meant, and loses nothing between 16 writers."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from servers import ENGINES, Proxy, Server, bazel_remote, nginx, redis

from testcache.errors import SettingError
from testcache.remote.address import engine, shown
from testcache.remote.backend import (
    MAX_VALUE_BYTES,
    Backend,
    Held,
    NoEngine,
    RemoteError,
    RemoteSlow,
    Unlisted,
    Untaken,
)
from testcache.remote.excess import Limits, Pruned
from testcache.remote.folder import Folder
from testcache.remote.push import push
from testcache.remote.spread import THREADS
from testcache.remote.web import WINDOW_S, Web, unwrapped, wrapped

KEYS = [f"{number:02x}" * 32 for number in range(40)]
PUSHERS = 16


@pytest.fixture(params=sorted(ENGINES), scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ENGINES[request.param](tmp_path_factory.mktemp("servers") / request.param) as server:
        patch = pytest.MonkeyPatch()
        for name, value in server.env.items():
            patch.setenv(name, value)
        yield server
        patch.undo()


_OPEN: list[Backend] = []


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def opened(url: str, deadline_s: float = 20) -> Backend:
    _OPEN.append(engine(url, deadline_s=deadline_s, max_age_s=1000))
    return _OPEN[-1]


def later(seconds: float = 20) -> float:
    return time.monotonic() + seconds


def held(backend: Backend, keys: list[str]) -> dict[str, Held | None]:
    found: dict[str, Held | None] = {}
    backend.get_many(keys, later(), found.__setitem__)
    return found


def put(backend: Backend, values: dict[str, tuple[bytes, Held | None]]) -> dict[str, bool | Untaken]:
    replaced: dict[str, bool | Untaken] = {}
    backend.put_many(values, later(), replaced.__setitem__)
    return replaced


def test_what_is_put_is_got(server: Server) -> None:
    """Any bytes; what was never put is known to be absent."""
    backend = opened(server.url)
    values = {key: os.urandom(3000) + b"\0\r\n" for key in KEYS[:20]}
    assert put(backend, {key: (value, None) for key, value in values.items()}) == dict.fromkeys(values, True)
    found = held(opened(server.url), KEYS)
    assert {key: one.value for key, one in found.items() if one is not None} == values
    assert sorted(key for key, one in found.items() if one is None) == KEYS[20:]


def test_only_the_version_that_was_read_is_replaced(server: Server) -> None:
    """An engine without `settle_s` refuses to replace what somebody else has written meanwhile."""
    first, second = opened(server.url), opened(server.url)
    if first.settle_s:
        pytest.skip("plain HTTP cannot; see the next test")
    key = "fe" * 32
    assert put(first, {key: (b"1", None)}) == {key: True}
    assert put(second, {key: (b"2", None)}) == {key: False}
    before = held(first, [key])[key]
    assert put(second, {key: (b"2", before)}) == {key: True}
    assert put(first, {key: (b"3", before)}) == {key: False}
    now = held(first, [key])[key]
    assert now is not None
    assert now.value == b"2"


@pytest.mark.parametrize("name", ["nginx", "bazel-remote"])
def test_plain_http_writes_nothing_that_was_read_too_long_ago(name: str, tmp_path: Path) -> None:
    """Whoever wrote meanwhile may have stopped watching: what stands stays, and half a request leaves nothing."""
    with ENGINES[name](tmp_path / name) as server:
        slow, fast = opened(server.url), opened(server.url)
        held(slow, KEYS[:2])
        held(fast, KEYS[:1])
        assert put(fast, {KEYS[0]: (b"fast", None)}) == {KEYS[0]: True}
        time.sleep(WINDOW_S)
        assert put(slow, dict.fromkeys(KEYS[:2], (b"slow", None))) == dict.fromkeys(KEYS[:2], False)
        found = held(fast, KEYS[:2])
        assert {key: one and one.value for key, one in found.items()} == {KEYS[0]: b"fast", KEYS[1]: None}


@pytest.mark.parametrize("size", [9_000, 9_000_000])
@pytest.mark.parametrize("name", ["nginx", "bazel-remote"])
def test_a_value_that_is_too_large_for_the_server_does_not_keep_others_out(
    name: str, size: int, tmp_path: Path
) -> None:
    """It is told apart, also if the server closes before all of it is sent; only who takes nothing is of no use."""
    limited = {
        "nginx": lambda: nginx(tmp_path / name, most="5000"),
        "bazel-remote": lambda: bazel_remote(tmp_path / name, "--max_blob_size", "5000"),
    }
    with limited[name]() as server:
        backend = opened(server.url)
        values = {key: b"x" * (size if number % 3 == 1 else 9) for number, key in enumerate(KEYS)}
        merges = {key: partial(_once, value) for key, value in values.items()}
        large = {key for key, value in values.items() if len(value) == size}
        assert push(backend, merges, later(60)).keys() == large
        assert {key for key, one in held(backend, KEYS).items() if one is None} == large
        with pytest.raises(RemoteError, match="PUT with 4"):
            push(backend, {key: merges[key] for key in large}, later(60))


def _once(value: bytes, before: bytes | None) -> bytes | None:
    return None if before == value else value


def test_who_is_slow_writes_fewer_values_at_a_time(tmp_path: Path) -> None:
    """Merging all takes longer than plain HTTP allows between reading and writing: in the end all are there."""

    def merge(value: bytes | None) -> bytes | None:
        time.sleep(WINDOW_S / 6)
        return None if value is not None else b"x"

    with nginx(tmp_path / "nginx") as server:
        push(opened(server.url), dict.fromkeys(KEYS[:8], merge), later(60))
        assert None not in held(opened(server.url), KEYS[:8]).values()


def test_sixteen_writers_lose_nothing(server: Server) -> None:
    """Each adds lines of its own to the same values at the same time; in the end all lines are there."""
    keys = [f"{number:02x}" * 32 for number in range(200, 203)]
    gate = threading.Barrier(PUSHERS)
    problems: list[BaseException] = []

    def write(number: int) -> None:
        def merge(value: bytes | None) -> bytes | None:
            lines = set((value or b"").split()[1:])  # the first is the nonce
            mine = {b"%d-%d" % (number, part) for part in range(3)}
            return None if mine <= lines else b" ".join([os.urandom(8).hex().encode(), *sorted(lines | mine)])

        try:
            backend = opened(server.url)
            gate.wait()
            push(backend, dict.fromkeys(keys, merge), later(60))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(PUSHERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    expected = {b"%d-%d" % (number, part) for number in range(PUSHERS) for part in range(3)}
    for one in held(opened(server.url), keys).values():
        assert one is not None
        assert set(one.value.split()[1:]) == expected


def test_a_server_that_is_gone_is_named_once(tmp_path: Path) -> None:
    """Nothing listens: RemoteError without any part of the address that may be secret."""
    with pytest.raises(RemoteError) as problem:
        engine("redis://me:hunter2@127.0.0.1:1/0", deadline_s=1, max_age_s=9)
    assert "hunter2" not in str(problem.value)
    web = opened("http://me:hunter2@127.0.0.1:1/x")
    with pytest.raises(RemoteError) as problem:
        web.get_many(KEYS, later(), lambda *_: None)
    assert "hunter2" not in str(problem.value)
    with pytest.raises(RemoteError):
        opened(f"file://{tmp_path}/not/there").get_many(KEYS, later(), lambda *_: None)
    assert shown("http://me:hunter2@host:80/x?token=secret") == "http://host:80/x"


@pytest.mark.parametrize("start", [redis, nginx])
def test_a_server_that_does_not_answer_is_left_in_time(start: object, tmp_path: Path) -> None:
    """It takes the connection and stays silent: RemoteSlow, not for ever."""
    with Proxy(0) as silent:
        url = f"redis://127.0.0.1:{silent.port}" if start is redis else f"http://127.0.0.1:{silent.port}"
        with pytest.raises(RemoteSlow):
            opened(url, 1).get_many(KEYS, later(1), lambda *_: None)


def test_few_requests_for_many_values_over_a_slow_line(tmp_path: Path) -> None:
    """Redis: one request for all; HTTP: one each, on no more connections than threads, which are kept."""
    with redis(tmp_path / "redis") as server, Proxy(server.port, delay_s=0.02) as slow:
        backend = opened(f"redis://127.0.0.1:{slow.port}/0")
        before = slow.requests
        held(backend, KEYS)
        assert slow.requests == before + 1
    with nginx(tmp_path / "nginx") as server, Proxy(server.port, delay_s=0.02) as slow:
        backend = opened(f"http://127.0.0.1:{slow.port}/x")
        held(backend, KEYS)
        held(backend, KEYS)
        assert slow.requests == 2 * len(KEYS)
        assert slow.connections <= THREADS


def test_an_address_that_is_none_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is one whose engine is not installed: the message says what to install."""
    for url in ("ftp://host/x", "nonsense", "file://host/x", "file://", "redis://host:port"):
        with pytest.raises(SettingError, match="expected"):
            opened(url)
    for package, module, url in (
        ("redis", "testcache.remote.redis", "redis://127.0.0.1"),
        ("obstore", "testcache.remote.objects", "s3://bucket"),
    ):
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(NoEngine, match=r"pip install 'testcache\["):
            opened(url)


def test_a_folder_is_pruned_by_age_and_size(tmp_path: Path) -> None:
    """Old entries go first, then the oldest down to the size; what is left can be read."""
    backend = Folder(str(tmp_path / "cache"))
    for number, key in enumerate(KEYS[:10]):
        put(backend, {key: (bytes(1000), None)})
        os.utime(tmp_path / "cache" / key[:2] / key, (number * 100, number * 100))
    assert backend.prune(Limits(1 << 30, 450)) == Pruned(5, 5000, 5, 5000)
    assert backend.prune(Limits(3000, 0)) == Pruned(2, 2000, 3, 3000)
    assert sorted(key for key, one in held(backend, KEYS[:10]).items() if one is not None) == KEYS[7:10]


def test_every_engine_that_lists_is_pruned(server: Server) -> None:
    """By size, and of everything by age; plain HTTP says where to limit it instead."""
    backend = opened(server.url)
    if isinstance(backend, Web):
        with pytest.raises(Unlisted, match="bazel-remote"):
            backend.prune(Limits(0, 0))
        return
    backend.prune(Limits(0, 0))
    put(backend, {key: (bytes(1000), None) for key in KEYS[:10]})
    assert backend.prune(Limits(4500, 0)) == Pruned(6, 6000, 4, 4000)
    assert sum(one is not None for one in held(backend, KEYS[:10]).values()) == 4
    assert backend.prune(Limits(1 << 30, time.time() - 500)) == Pruned(0, 0, 4, 4000)
    assert backend.prune(Limits(1 << 30, time.time() + 500)) == Pruned(4, 4000, 0, 0)


def test_what_lies_in_a_folder_and_is_no_entry_does_no_harm(tmp_path: Path) -> None:
    """A pipe, a link and a huge file are not read."""
    backend = Folder(str(tmp_path / "cache"))
    put(backend, {key: (b"x", None) for key in KEYS[:3]})
    paths = [tmp_path / "cache" / key[:2] / key for key in KEYS[:3]]
    for path in paths:
        path.unlink()
    os.mkfifo(paths[0])
    with paths[1].open("wb") as huge:
        huge.truncate(MAX_VALUE_BYTES + 1)
    assert [one and one.value for one in held(backend, KEYS[:2]).values()] == [b"", b""]
    paths[2].symlink_to("/etc/hostname")
    with pytest.raises(RemoteError):
        held(backend, KEYS[2:3])


def test_a_value_is_wrapped_as_bazel_servers_expect() -> None:
    """An ActionResult: field 5 of length-delimited type; other fields around it are skipped."""
    for size in (0, 1, 127, 128, 5000, 70000):
        value = os.urandom(size)
        assert wrapped(value)[:1] == b"\x2a"
        assert unwrapped(wrapped(value)) == value
        assert unwrapped(b"\x20\x00" + wrapped(value) + b"\x4a\x03abc\x25abcd\x21abcdefgh") == value
    for broken in (b"\x2a\xff", b"\x2a\x05abc", b"\xff" * 20, b"\x0b", b"<html>"):
        assert unwrapped(broken) == b""
