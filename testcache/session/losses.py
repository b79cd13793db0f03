"""A machine that is lost while it runs tests: one more worker here takes the place of its workers.

Does not see: a connection that hangs; that is for `ServerAliveInterval` in ssh's configuration.
"""

from __future__ import annotations

from typing import Any

NOBODY = "Unexpectedly no active workers available"
"""What xdist says when all workers are gone before it was told that no test is left."""


class Losses:
    """Stands between xdist's session, which replaces each worker that died, and a proxy that is gone."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._clone = session._clone_node
        self._lost: set[str] = set()
        session._clone_node = self._replace

    def _replace(self, node: Any) -> Any:
        """Start another worker in place of one: on its machine, or here if that is gone."""
        host = getattr(node.gateway.spec, "via", None)
        try:
            return self._clone(node)
        except OSError:
            if host is None:
                raise
        # Nobody waits for the end of workers that cannot be reached.
        gateways = self._session.nodemanager.group._gateways
        gateways[:] = [gateway for gateway in gateways if getattr(gateway.spec, "via", None) != host]
        if host in self._lost:
            return None
        self._lost.add(host)
        self._session.report_line(
            f"\ntestcache: host {host}: the connection was lost: another worker starts here [host]"
        )
        node.gateway.spec = type(node.gateway.spec)("popen")
        return self._clone(node)

    def explain(self, problem: RuntimeError) -> bool:
        """Whether this is how xdist ends when all workers are gone."""
        return str(problem) == NOBODY and not self._session._active_nodes
