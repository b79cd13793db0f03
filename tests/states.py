"""A module whose functions keep something, its tests, and the edit that some of them rest on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One module with its tests; `work` is what is edited, the tests named `reads...` rest on it.

    Tests run in the order of the text; `test_first...` fill, `test_far...` must not run again.
    """

    module: str
    tests: str
    edit: tuple[str, str] = ("return 1", "return 2")
