"""Steps: how far a number was counted, or what was added at the end of a list."""

from __future__ import annotations

from testcache.recording.addresses import begins_with

Step = int | tuple[object, ...]


def step_between(before: object, value: object) -> Step | None:
    """From one to the other; None if that is none."""
    if type(before) is int and type(value) is int:
        return value - before
    if type(before) is tuple and type(value) is tuple:
        count = len(before)
        if count < len(value) and begins_with(value, before):
            return value[count:]
    return None
