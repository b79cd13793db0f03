"""An object store as the remote (S3 and what speaks like it, GCS, Azure): one object an entry; obstore's one user.

    <prefix>/<key>      the value

Credentials, region and endpoint come from the environment, as with the providers' own tools (AWS_..., GOOGLE_...,
AZURE_...). What is old is removed by a lifecycle rule of the bucket.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import from_url

from testcache.clock import clock
from testcache.remote.backend import MAX_VALUE_BYTES, Found, Held, RemoteError, RemoteSlow, Replaced
from testcache.remote.excess import Limits, Pruned, Stored
from testcache.remote.spread import spread

if TYPE_CHECKING:
    from obstore import PutMode

_PER_DELETION = 1000
"""What S3 takes in one request."""

_ABSENT = (exceptions.NotFoundError, FileNotFoundError)
_CHANGED = (exceptions.AlreadyExistsError, exceptions.PreconditionError, *_ABSENT)


class Objects:
    """See the module. Raises RemoteError: the address or the environment is not understood."""

    settle_s = 0.0

    def __init__(self, url: str, *, timeout_s: float) -> None:
        patience = timedelta(seconds=timeout_s)
        with _named():
            self._store = from_url(
                url,
                # Plain HTTP is used only if the endpoint in the environment says so.
                client_options={"timeout": patience, "connect_timeout": patience, "allow_http": True},
                retry_config={"max_retries": 1, "retry_timeout": patience},
            )

    def get_many(self, keys: Iterable[str], until: float, found: Found) -> None:
        def get(key: str) -> None:
            with _named(until):
                try:
                    answer = obstore.get(self._store, key)
                except _ABSENT:
                    found(key, None)
                    return
                about = answer.meta
                value = bytes(answer.bytes()) if about["size"] <= MAX_VALUE_BYTES else b""
            # A store has a tag, a version or both; it does not take None for an answer.
            version = {name: about[name] for name in ("e_tag", "version") if about[name] is not None}
            found(key, Held(value, version))

        spread(get, keys, until)

    def put_many(self, values: Mapping[str, tuple[bytes, Held | None]], until: float, replaced: Replaced) -> None:
        def put(key: str) -> None:
            value, old = values[key]
            mode: PutMode = "create"
            if old is not None:
                mode = old.version  # type: ignore[assignment]
            with _named(until):
                try:
                    obstore.put(self._store, key, value, mode=mode)
                except _CHANGED:
                    replaced(key, False)
                    return
            replaced(key, True)

        spread(put, values, until)

    def prune(self, limits: Limits) -> Pruned:
        with _named():
            listed = (about for chunk in obstore.list(self._store) for about in chunk)
            stored = (Stored(about["last_modified"].timestamp(), about["size"], about["path"]) for about in listed)
            doomed, pruned = limits.divide(stored)
            for start in range(0, len(doomed), _PER_DELETION):
                with contextlib.suppress(*_ABSENT):  # two may prune at once
                    obstore.delete(self._store, [entry.name for entry in doomed[start : start + _PER_DELETION]])
        return pruned

    def close(self) -> None:
        pass


@contextlib.contextmanager
def _named(until: float = float("inf")) -> Iterator[None]:
    # No text of obstore: it repeats the request.
    try:
        yield
    except (exceptions.BaseError, OSError) as error:
        if clock.monotonic() >= until:
            raise RemoteSlow("the object store did not answer in time") from error
        raise RemoteError(f"the object store cannot be used: {type(error).__name__}") from error
