"""What each run leaves behind for `testcache status`, `stats` and `explain`."""

from __future__ import annotations

import time
from typing import Any

from testcache.model import EnvironmentKey
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Store

KEPT_RUNS = 200
_SPACE = "history"
_KEY = b"runs"


def save_run(store: Store, environment: EnvironmentKey, facts: dict[str, Any]) -> None:
    """Append one run; the oldest beyond `KEPT_RUNS` go."""
    run = {"at": time.time(), "environment": environment.hex(), **facts}

    def change(old: bytes | None) -> bytes:
        return encode_value([*_decoded(old), run][-KEPT_RUNS:])

    store.update(_SPACE, _KEY, change)


def runs(store: Store) -> list[dict[str, Any]]:
    """All kept runs, oldest first."""
    return _decoded(store.get(_SPACE, _KEY))


def _decoded(data: bytes | None) -> list[dict[str, Any]]:
    return decode_value(data, list[dict[str, Any]]) if data is not None else []
