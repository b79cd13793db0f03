"""Garbage: pytest looks for it twice at its end, among all objects, which are thrice as many as without us."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


class Ending:
    """Has pytest look through what there is once at most; what can raise an exception in a finaliser is found then.

    Does not see: garbage that plugins make when they end themselves; it goes when the interpreter does.

    Args:
        tests_ran: without any there is no garbage of tests to be told of, and nobody need look at all.
    """

    def __init__(self, config: pytest.Config, *, tests_ran: bool) -> None:
        self._tests_ran = tests_ran
        config.add_cleanup(gc.unfreeze)  # before conftest files are loaded: so it comes after pytest's own last look
        if not tests_ran and gc.isenabled():
            gc.disable()
            config.add_cleanup(gc.enable)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_unconfigure(self) -> Generator[None, None, None]:
        if not self._tests_ran:
            gc.freeze()
        yield
        gc.freeze()
