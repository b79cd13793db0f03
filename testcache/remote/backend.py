"""What every engine can do: get many values and replace many values, by a moment at which it gives up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from testcache.errors import SettingError, TestcacheError
from testcache.reasons import Reason
from testcache.remote.excess import Limits, Pruned
from testcache.structs import Struct

MAX_VALUE_BYTES = 16 << 20
"""A packed manifest of 25 tests takes about 5 KB; what is longer is neither sent nor taken in."""


class RemoteError(TestcacheError):
    """The remote is of no use for the rest of this run, which goes on without it."""

    slug = Reason.REMOTE_UNREACHABLE.slug


class RemoteSlow(RemoteError):
    """It did not answer in time."""

    slug = Reason.REMOTE_SLOW.slug


class NoEngine(SettingError):
    """The address asks for an engine whose package is not installed."""

    slug = "remote-engine"


class Unlisted(SettingError):
    """The engine cannot say what it holds, so it cannot be pruned from here."""

    slug = "remote-unlisted"


class Held(Struct, frozen=True):
    """A value as it was found, with what its engine needs to replace just this version of it."""

    value: bytes
    version: object = None


Found = Callable[[str, Held | None], None]
"""Told of each key that was answered, None if there is nothing; called from any thread."""


class Untaken(Struct, frozen=True):
    """The engine takes other values, but not this one, which is too large for it, say."""

    why: str


Replaced = Callable[[str, bool | Untaken], None]
"""Told of each key that was tried, False if somebody else was faster or may have been; called from any thread."""


class Backend(Protocol):
    """One engine. Keys are 64 hexadecimal digits; `until` is a moment of `time.monotonic`.

    The first two answer key by key as answers come, and end with RemoteError if some did not: what was
    answered counts all the same. `close` closes connections; the next call would open new ones.

    Attributes:
        settle_s: 0.0 if a value is replaced only in the version that was named. Otherwise somebody else's
            may be overwritten, but only within this many seconds, and who wrote then looks again (see `push`).
    """

    @property
    def settle_s(self) -> float: ...

    def get_many(self, keys: Iterable[str], until: float, found: Found) -> None: ...

    def put_many(self, values: Mapping[str, tuple[bytes, Held | None]], until: float, replaced: Replaced) -> None: ...

    def prune(self, limits: Limits) -> Pruned:
        """Remove what is over the limits. Raises RemoteError, Unlisted. Cost: lists all entries.

        Race: an entry that is written between being listed and removed goes all the same; its tests run again.
        """
        ...

    def close(self) -> None: ...
