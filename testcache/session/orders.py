"""What the controller tells a worker of xdist to do, and how the worker learns of it in time."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

ORDERS = "testcache"
"""Key among xdist's own orders."""

NOTHING: dict[str, Any] = {
    "run": [],
    "only": False,
    "leave": {},
    "salt": b"",
    "facts": {},
    "parsed": {},
    "stored": False,
    "environ": {},
    "passed": [],
    "all": False,
}
"""What a worker does that nobody told what to do. What the controller says:

- run: the node ids of the tests that are to run;
- only: whether nothing else need be collected, as no plugin could miss it;
- leave: test files that need not be imported, as nothing changed for them and none of their tests is to run, each with
  what others must have imported for that (`testcache.storage.index`);
- salt: the store's, with which values of variables are keyed;
- facts: those behind the environment key, digested, which a worker must share;
- parsed: what the controller parsed in this run, encoded, by key;
- stored: whether there is a store, which holds what was parsed in earlier runs;
- passed: which tests are replayed as passed, if there is a plugin that has to know;
- all: whether all tests of the run really run, none is replayed;
- environ: what was set in the environment since the run has started, as `Variables.changed` gives it.
"""


def worker_orders() -> dict[str, Any] | None:
    """What the controller told this process to do, if it is an xdist worker; else None.

    xdist sets `config.workerinput` only after plugins and conftest files are loaded, which is too late
    for a recorder. Until then the same dict is a global of the module that execnet runs.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "__channelexec__":
            orders: dict[str, Any] = frame.f_globals["workerinput"].get(ORDERS, NOTHING)
            return orders
        frame = frame.f_back
    return None
