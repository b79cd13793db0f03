"""What workers use and may use: tests held back on a busy machine, workers replaced before they grow too large."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from testcache.clock import clock
from testcache.parallel.growth import Growth
from testcache.report import number, seconds, size
from testcache.settings import Parallel

if TYPE_CHECKING:
    from testcache.parallel.sampler import Sampler

_REMOTE = ("via", "ssh", "socket", "vagrant_ssh")


class Limits:
    """The limits of one run, or none: then nothing is sampled and psutil is not imported, unless `watch` asks for it.

    Attributes:
        replaced: workers that were replaced because of their memory.
        held_s: seconds in which at least one worker was kept waiting.
    """

    def __init__(self, settings: Parallel, session: Any, *, watch: bool) -> None:
        self._settings = settings
        self._watch = watch
        self._session = session
        self._sampler: Sampler | None = None
        self._growth: dict[Any, Growth] = {}
        self._waiting_since: float | None = None
        self._unattainable = 0
        self.replaced = 0
        self.held_s = 0.0

    @property
    def of_memory(self) -> bool:
        """Whether tests must go out one by one, as a worker can only be replaced between two of them."""
        return bool(self._settings.max_memory)

    def start(self, wake: Any) -> None:
        """Begin to watch; `wake` is called in xdist's own thread while tests are held back."""
        if not (self._settings.max_cpu or self._settings.max_memory or self._watch):
            return
        from testcache.parallel.sampler import Sampler

        # xdist's loop calls worker_NAME for each event (NAME, arguments) of its queue.
        self._session.worker_testcache_wake = wake
        self._sampler = Sampler(self._tick)
        self._sampler.start()

    def _tick(self) -> None:
        if self._waiting_since is not None:
            self._session.queue.put(("testcache_wake", {}))

    def stop(self) -> None:
        """End watching."""
        self.waiting(False)
        if self._sampler is not None:
            self._sampler.stop()

    # -- CPU

    @property
    def busy(self) -> bool:
        """Whether the machine is busier than allowed."""
        limit = self._settings.max_cpu
        return bool(limit) and self._sampler is not None and self._sampler.cpu > limit

    def waiting(self, now: bool) -> None:
        """Take note of whether a worker is kept waiting."""
        moment = clock.monotonic()
        if self._waiting_since is not None:
            self.held_s += moment - self._waiting_since
        self._waiting_since = moment if now else None

    # -- memory

    def joined(self, node: Any) -> None:
        """Watch a worker that is about to get its first test; one that ends is no longer watched."""
        spec = node.gateway.spec
        if self._sampler is None or node in self._growth or node.shutting_down:
            return
        if any(getattr(spec, name, None) for name in _REMOTE):
            return
        pid = node.gateway._rinfo().pid
        self._sampler.watch([pid])
        limit = int(self._settings.max_memory)
        base = self._sampler.rss(pid)
        if limit and base > limit:
            self._unattainable = max(self._unattainable, base)
        self._growth[node] = Growth(limit, base)

    def full(self, node: Any) -> bool:
        """Whether a worker, at the end of a test, must be replaced."""
        growth = self._growth.get(node)
        if self._sampler is None or growth is None or not growth.limit or growth.base > growth.limit:
            return False
        return growth.ended(self._sampler.rss(node.gateway._rinfo().pid))

    def replace(self, node: Any) -> None:
        """Start another worker like this one, which has been told to end."""
        self.replaced += 1
        self._growth.pop(node, None)
        # xdist makes a clone by giving the address of the old worker a new name; the old one still uses it.
        address = node.gateway.spec
        node.gateway.spec = copy.copy(address)
        try:
            self._session._clone_node(node)
        finally:
            node.gateway.spec = address

    # -- report

    def lines(self) -> Iterator[str]:
        """What was used, in all and for each limit that is set."""
        if self._sampler is None:
            return
        usage = self._sampler.usage
        if self._settings.max_cpu:
            held = f"tests were held back for {seconds(self.held_s)}" if self.held_s else "no test was held back"
            yield (
                f"testcache: max-cpu {self._settings.max_cpu:.0%}: the machine was {usage.cpu_mean:.0%} busy, "
                f"at most {usage.cpu_max:.0%}; {held}"
            )
        if self._settings.max_memory:
            yield (
                f"testcache: max-memory {size(self._settings.max_memory)}: the largest worker held "
                f"{size(usage.rss_max)}; {number(self.replaced, 'worker')} replaced"
            )
        if self._unattainable:
            yield (
                f"testcache: max-memory {size(self._settings.max_memory)}: a worker holds "
                f"{size(self._unattainable)} before its first test: the limit was not applied [max-memory]"
            )
        who = "pytest and its workers" if usage.rss_max else "pytest's own process"  # all workers are elsewhere
        line = (
            f"testcache: {who} used {seconds(sum(usage.cpu_s.values()))} of CPU, "
            f"read {size(sum(usage.read_bytes.values()))} from disk and wrote {size(sum(usage.written_bytes.values()))}"
        )
        yield f"{line}; the largest worker held {size(usage.rss_max)}" if usage.rss_max else line
