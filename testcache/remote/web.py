"""A server that speaks plain HTTP as Bazel's remote caches do: GET and PUT of `<url>/ac/<key>`.

The body is an `ActionResult` of Bazel's Remote Execution API in which our value is the raw standard
output (field 5), so that servers that check what is kept under /ac, such as bazel-remote, take it. They
may add other fields; those are skipped. /cas is not used: an entry is small and asked for at once.

Such a server replaces a value without asking which version was meant. So nothing is written that was read too long
ago: the last byte of a value leaves within `WINDOW_S` after it was asked for, or never, and half a request is none.
Whoever wrote therefore knows after `SETTLE_S` that nobody can still replace what he has read before (see `push`).
Does not see: that its last byte is held up on the way for longer than the difference, or a machine that stands still
for as long just before it sends it. A line that takes longer to read and write a value is not written to.

Proxies are those of the environment (`http_proxy`, `https_proxy`, `no_proxy`), but none for this very machine.
"""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from testcache.clock import clock
from testcache.remote.backend import (
    MAX_VALUE_BYTES,
    Found,
    Held,
    RemoteError,
    RemoteSlow,
    Replaced,
    Unlisted,
    Untaken,
)
from testcache.remote.excess import Limits, Pruned
from testcache.remote.spread import spread

WINDOW_S, SETTLE_S = 0.4, 0.9
"""The same everywhere, as each relies on the others'. Sixteen runs at once on two busy cores stay within the first
with a few values at a time; the second is what a run that gives results waits at its end."""

_VALUE_FIELD, _VARINT, _FIXED64, _BYTES, _FIXED32 = 5, 0, 1, 2, 5
_MIN_TIMEOUT_S = 0.01
_TOO_LARGE = frozenset({http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""The first is what bazel-remote says of a value beyond its --max_blob_size."""

_MORE_BYTES = 4096
"""What a server may add to a value: bazel-remote notes who has sent it."""


class Web:
    """See the module. Connections are kept alive, one a thread at work. Raises RemoteError: the proxy is none."""

    settle_s = SETTLE_S

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/")
        # Whoever caches on the way must ask the server: what is out of date would be merged and written back.
        self._headers = {"User-Agent": "testcache", "Cache-Control": "no-cache", **_credentials(parts, "Authorization")}
        self._proxy = _proxy(parts)
        self._tunnel: dict[str, str] = {}
        if self._proxy is not None:
            shown = _credentials(self._proxy, "Proxy-Authorization")
            if self._secure:
                self._tunnel = shown
            else:
                self._headers |= shown
                port = f":{self._port}" if self._port else ""
                self._path = f"http://{f'[{self._host}]' if ':' in self._host else self._host}{port}{self._path}"
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False
        self._read_at: dict[str, float] = {}

    def get_many(self, keys: Iterable[str], until: float, found: Found) -> None:
        self._closed = False

        def get(key: str) -> None:
            status, body = self._exchange("GET", key, None, until)
            if status == http.HTTPStatus.OK:
                found(key, Held(unwrapped(body)))
            elif status == http.HTTPStatus.NOT_FOUND:
                found(key, None)
            else:
                raise RemoteError(f"the server answers GET with {status}")

        spread(get, keys, until)

    def put_many(self, values: Mapping[str, tuple[bytes, Held | None]], until: float, replaced: Replaced) -> None:
        self._closed = False

        def put(key: str) -> None:
            try:
                status, _ = self._exchange("PUT", key, wrapped(values[key][0]), until)
            except _Late:
                replaced(key, False)
                return
            if status in _TOO_LARGE:
                replaced(key, Untaken(f"the server answers PUT with {status}"))
            elif 200 <= status < 300:
                replaced(key, True)
            else:
                raise RemoteError(f"the server answers PUT with {status}")

        spread(put, values, until)

    def prune(self, limits: Limits) -> Pruned:
        raise Unlisted(
            "a plain HTTP server does not say what it holds: limit it there, such as with --max_size of bazel-remote, "
            f"or with find -mtime -delete behind nginx [{Unlisted.slug}]"
        )

    def close(self) -> None:
        self._closed = True  # who is still at work closes his own
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, method: str, key: str, body: bytes | None, until: float) -> tuple[int, bytes]:
        try:
            try:
                connection, used = self._idle.pop(), True
            except IndexError:
                connection, used = self._connect(), False
            try:
                answer = self._ask(connection, method, key, body, until)
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if not used:
                    raise
                connection = self._connect()  # the server had closed it meanwhile
                answer = self._ask(connection, method, key, body, until)
        except TimeoutError as error:
            raise RemoteSlow("the server did not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise RemoteError(f"the server cannot be reached: {words}") from error
        if self._closed:
            connection.close()
        elif connection.sock is not None:
            self._idle.append(connection)
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        if self._proxy is None:
            return kind(self._host, self._port)
        connection = kind(self._proxy.hostname or "", self._proxy.port or http.client.HTTP_PORT)
        if self._secure:
            connection.set_tunnel(self._host, self._port or http.client.HTTPS_PORT, self._tunnel)
        return connection

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, key: str, body: bytes | None, until: float
    ) -> tuple[int, bytes]:
        timeout = max(_MIN_TIMEOUT_S, until - clock.monotonic())
        connection.timeout = timeout
        try:
            if connection.sock is None:
                connection.connect()
            else:
                connection.sock.settimeout(timeout)
            place = f"{self._path}/ac/{key}"
            if body is None:
                self._read_at[key] = clock.monotonic()
                connection.request(method, place, headers=self._headers)
            else:
                size = {"Content-Length": str(len(body))}
                # Who finds a value too large may say so, and close, before all of it was sent.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, place, body=self._in_time(key, body), headers=self._headers | size)
            response = connection.getresponse()
            most = MAX_VALUE_BYTES + _MORE_BYTES
            data = response.read(most + 1)
            if len(data) > most or not response.isclosed():
                connection.close()
                data = b""
        except BaseException:
            connection.close()
            raise
        return response.status, data

    def _in_time(self, key: str, body: bytes) -> Iterator[bytes]:
        """The pieces of a body; raises _Late instead of giving the last byte if its value was read too long ago."""
        yield body[:-1]
        if clock.monotonic() - self._read_at.get(key, float("inf")) > WINDOW_S:
            raise _Late
        yield body[-1:]


class _Late(Exception):
    """Too long ago a value was read that is about to be replaced: another one may stand there by now."""


def _credentials(address: SplitResult, header: str) -> dict[str, str]:
    """The header that an address with a user asks for."""
    if address.username is None:
        return {}
    both = f"{unquote(address.username)}:{unquote(address.password or '')}".encode()
    return {header: f"Basic {base64.b64encode(both).decode()}"}


def _proxy(address: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for an address. Raises RemoteError: it is one that is not spoken to."""
    proxies, host = getproxies_environment(), address.hostname or ""
    found = proxies.get(address.scheme)
    if not found or host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    if proxy_bypass(f"{host}:{address.port}" if address.port else host):
        return None
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise RemoteError(f"the proxy that the environment names for {address.scheme} is not one of plain HTTP")
    return proxy


def wrapped(value: bytes) -> bytes:
    """An ActionResult with this standard output."""
    size, length = len(value), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([_VALUE_FIELD << 3 | _BYTES, *length, size]) + value


def unwrapped(body: bytes) -> bytes:
    """The standard output of an ActionResult, b"" if there is none or it is something else."""
    value, place = b"", 0
    try:
        while place < len(body):
            tag, place = _varint(body, place)
            kind = tag & 7
            if kind == _BYTES:
                size, place = _varint(body, place)
                if size > len(body) - place:
                    return b""
                if tag >> 3 == _VALUE_FIELD:
                    value = body[place : place + size]
                place += size
            elif kind == _VARINT:
                _, place = _varint(body, place)
            elif kind in (_FIXED64, _FIXED32):
                place += 8 if kind == _FIXED64 else 4
            else:
                return b""
    except IndexError:
        return b""
    return value


def _varint(body: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = body[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise IndexError
