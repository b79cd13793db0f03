"""Garbage: pytest looks for it twice at its end, and the interpreter thrice, among thrice as many objects with us."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Generator
from types import FrameType

import pytest


class Ending:
    """Has pytest look through what there is once at most; what can raise an exception in a finaliser is found then.

    The interpreter, which looks once more as it ends, when all is told and stored, is spared that: it is a fifth of a
    short run. Python does not promise that it finds anything then; what has to happen at its end is for `atexit`.
    Does not see: garbage that plugins make when they end themselves.

    Args:
        tests_ran: without any there is no garbage of tests to be told of, and nobody need look at all.
    """

    def __init__(self, config: pytest.Config, *, tests_ran: bool) -> None:
        self._tests_ran = tests_ran
        if _ends_the_process():  # runs behind what tests and plugins register, as it is registered before that
            atexit.register(gc.freeze)
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


def _ends_the_process() -> bool:
    """Whether the interpreter ends with this run: that of the command, or of a worker, not of who calls pytest.main."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if name == "__channelexec__" or (name == "_pytest.config" and frame.f_code.co_name.endswith("console_main")):
            return True
        frame = frame.f_back
    return False
