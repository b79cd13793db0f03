"""When a worker must be replaced so that it stays below its memory limit; pure."""

from __future__ import annotations

from collections import deque

from testcache.structs import Struct, field

REMEMBERED = 5
"""Growth by tests longer ago says little about the next: leaks go on, one-time loads do not."""


class Growth(Struct):
    """One worker's resident memory, looked at whenever a test ends.

    `base` is what it held before its first test, or 0 if that was not seen.
    """

    limit: int
    base: int = 0
    _last: int = 0
    _steps: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def ended(self, rss: int) -> bool:
        """Whether the worker should get no further test. Its next test is on its way already.

        1. A test ends; the worker holds `rss`.
        2. The test behind it starts at once: it adds what tests lately added.
        3. The test that we could send now would come after that, and add the same.

        The first step is left out: it holds what all tests share.
        """
        if self._last:
            self._steps.append(max(0, rss - self._last))
        self._last = rss
        return rss + 2 * max(self._steps, default=0) > self.limit
