"""Redis or Valkey as the remote: one string an entry, with a life time; the only user of redis-py.

testcache:<key>     the value; Redis forgets it when it was not written for the setting max-age
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from testcache.clock import clock
from testcache.remote.backend import MAX_VALUE_BYTES, Found, Held, RemoteError, RemoteSlow, Replaced
from testcache.remote.excess import Limits, Pruned, Stored

_PREFIX = "testcache:"
_PER_SCAN = 1000
_PER_REQUEST = 256
"""Values that one answer brings: about a megabyte."""

_REPLACE = """
local now = redis.call('GET', KEYS[1])
if (now and redis.sha1hex(now) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
"""Runs alone in the server: nobody writes between its look and its write. SHA-1 only names a version here:
who could make two values collide may overwrite any."""


class Redis:
    """See the module. Connects at once, before anything is recorded: redis-py would be taken for the code of a test.

    Raises RemoteError, RemoteSlow, and ValueError for a bad address.
    """

    settle_s = 0.0

    def __init__(self, url: str, *, max_age_s: int, timeout_s: float) -> None:
        self._max_age_s = max_age_s
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        try:
            with _named():
                self._client.ping()
        except BaseException:
            self.close()
            raise

    def get_many(self, keys: Iterable[str], until: float, found: Found) -> None:
        for chunk in _chunks(keys, until):
            with _named():
                values = self._client.mget([_PREFIX + key for key in chunk])
            for key, value in zip(chunk, values, strict=True):
                found(key, _held(value) if isinstance(value, bytes) else None)

    def put_many(self, values: Mapping[str, tuple[bytes, Held | None]], until: float, replaced: Replaced) -> None:
        for chunk in _chunks(values, until):
            with _named():
                pipeline = self._client.pipeline(transaction=False)
                for key in chunk:
                    value, old = values[key]
                    version = str(old.version) if old is not None else ""
                    pipeline.eval(_REPLACE, 1, _PREFIX + key, version, value, self._max_age_s)
                answers = pipeline.execute()
            for key, answer in zip(chunk, answers, strict=True):
                replaced(key, answer == 1)

    def prune(self, limits: Limits) -> Pruned:
        with _named():
            doomed, pruned = limits.divide(self._stored())
            names = iter(entry.name for entry in doomed)
            while chunk := list(islice(names, _PER_REQUEST)):
                self._client.unlink(*chunk)
        return pruned

    def _stored(self) -> Iterator[Stored]:
        """All entries; when each was written follows from how long it has to live."""
        names, now = self._client.scan_iter(match=f"{_PREFIX}*", count=_PER_SCAN), clock.time()
        while chunk := list(islice(names, _PER_REQUEST)):
            pipeline = self._client.pipeline(transaction=False)
            for name in chunk:
                pipeline.strlen(name)
                pipeline.ttl(name)
            answers = pipeline.execute()
            for name, size, left_s in zip(chunk, answers[::2], answers[1::2], strict=True):
                if size:  # else it has gone meanwhile
                    yield Stored(now - self._max_age_s + left_s, size, name.decode())

    def close(self) -> None:
        with contextlib.suppress(redis.RedisError):
            self._client.close()


def _held(value: bytes) -> Held:
    version = hashlib.sha1(value, usedforsecurity=False).hexdigest()
    return Held(value if len(value) <= MAX_VALUE_BYTES else b"", version)


def _chunks(keys: Iterable[str], until: float) -> Iterator[list[str]]:
    pending = iter(keys)
    while chunk := list(islice(pending, _PER_REQUEST)):
        if clock.monotonic() >= until:
            raise RemoteSlow("Redis did not answer in time")
        yield chunk


@contextlib.contextmanager
def _named() -> Iterator[None]:
    # No text of redis-py: it may repeat the address, which may hold a password.
    try:
        yield
    except redis.TimeoutError as error:
        raise RemoteSlow("Redis did not answer in time") from error
    except redis.RedisError as error:
        raise RemoteError(f"Redis cannot be used: {type(error).__name__}") from error
