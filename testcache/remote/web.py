"""A server that speaks plain HTTP as Bazel's remote caches do: GET and PUT of `<url>/ac/<key>`.

The body is an `ActionResult` of Bazel's Remote Execution API in which our value is the raw standard
output (field 5), so that servers that check what is kept under /ac, such as bazel-remote, take it. They
may add other fields; those are skipped. /cas is not used: an entry is small and asked for at once.

Such a server replaces a value without asking which version was meant, hence `settle_s`. Does not see:
HTTP proxies named in the environment.
"""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

from testcache.remote.backend import MAX_VALUE_BYTES, Found, Held, RemoteError, RemoteSlow, Replaced
from testcache.remote.spread import spread

SETTLE_S = 0.5
"""Longer than anybody takes between reading a value and having replaced it, on a fast network. With 0.25, one of
16 runs at once on two busy cores was seen to lose what it had given for one file."""

SLOWEST_FACTOR = 4
"""On a slow one, this many times the longest exchange of our own."""

_VALUE_FIELD, _VARINT, _FIXED64, _BYTES, _FIXED32 = 5, 0, 1, 2, 5
_MIN_TIMEOUT_S = 0.01


class Web:
    """See the module. Connections are kept alive, one a thread at work."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/")
        self._headers = {"User-Agent": "testcache"}
        if parts.username is not None:
            both = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(both).decode()}"
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False
        self._slowest_s = 0.0

    @property
    def settle_s(self) -> float:
        return max(SETTLE_S, SLOWEST_FACTOR * self._slowest_s)

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
            status, _ = self._exchange("PUT", key, wrapped(values[key][0]), until)
            if not 200 <= status < 300:
                raise RemoteError(f"the server answers PUT with {status}")
            replaced(key, True)

        spread(put, values, until)

    def close(self) -> None:
        self._closed = True  # who is still at work closes his own
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, method: str, key: str, body: bytes | None, until: float) -> tuple[int, bytes]:
        began = time.monotonic()
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
        self._slowest_s = max(self._slowest_s, time.monotonic() - began)
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, key: str, body: bytes | None, until: float
    ) -> tuple[int, bytes]:
        timeout = max(_MIN_TIMEOUT_S, until - time.monotonic())
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        try:
            connection.request(method, f"{self._path}/ac/{key}", body=body, headers=self._headers)
            response = connection.getresponse()
            data = response.read(MAX_VALUE_BYTES + 1)
            if len(data) > MAX_VALUE_BYTES or not response.isclosed():
                connection.close()
                data = b""
        except BaseException:
            connection.close()
            raise
        return response.status, data


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
