"""The clock, out of reach of who stops it for a test.

A library that does so replaces the functions of `time`, and the names that modules have taken from it, as long as a
test or a wide fixture wants that. What is recorded meanwhile would have a moment of the past or the future; and who
waits until a moment has come would wait forever.
Does not see: `time_machine`, which replaces what the functions do.
"""

from __future__ import annotations

import time as functions


class Clock:
    """The functions of `time` as they are when this module is loaded, in a place where nobody looks for them."""

    time = staticmethod(functions.time)
    time_ns = staticmethod(functions.time_ns)
    monotonic = staticmethod(functions.monotonic)
    perf_counter = staticmethod(functions.perf_counter)
    process_time = staticmethod(functions.process_time)
    sleep = staticmethod(functions.sleep)


clock = Clock()  # without `Final`: `testcache run` imports this, and next to nothing
