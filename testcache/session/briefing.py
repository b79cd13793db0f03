"""The orders for workers: what of this run each of them has to know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from testcache.session import environment
from testcache.session.gates import passed
from testcache.session.names import path_of
from testcache.session.warm import may_leave_out
from testcache.storage.codec import encode_source

if TYPE_CHECKING:
    from testcache.session.runner import Runner


def orders_of(runner: Runner, *, all_run: bool) -> dict[str, Any]:
    """See `testcache.session.orders`; what is to run there is added where it is spread."""
    gates = runner.recording.gates.found()
    only = may_leave_out(runner.config) and not gates
    run = set(map(path_of, runner.work.nodes))
    return {
        "only": only,
        "leave": runner.warm.unneeded(run) if runner.warm is not None and only else {},
        "salt": runner.store.salt if runner.store is not None else b"",
        "facts": environment.digests(runner.recording),
        "parsed": {key: encode_source(source) for key, source in runner.world.sources.new()},
        "stored": runner.store is not None,
        "environ": runner.world.variables.changed(os.environ),
        "passed": sorted(passed(runner.hits)) if gates else [],
        "all": all_run,
    }
