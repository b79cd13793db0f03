"""Wrappers that neither warnings nor tracebacks see: whoever calls a wrapped function is who is warned."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

_Wrapper = TypeVar("_Wrapper", bound=Callable[..., Any])

_PASSED_OVER = " <importlib._bootstrap>"
"""Frames of files with both of these words in their names are passed over: `is_internal_frame` in Python/_warnings.c,
`_is_internal_frame` in Lib/logging/__init__.py. They are meant for the import system."""


def unseen(wrapper: _Wrapper) -> _Wrapper:
    """Decorate what stands between code of the project and what that calls, or is imported by.

    A filter (`error::DeprecationWarning:shop`) goes by the module that is warned: with another frame in between, a
    test would pass that fails without us, or the other way round.
    """
    code = wrapper.__code__
    wrapper.__code__ = code.replace(co_filename=code.co_filename + _PASSED_OVER)
    return wrapper


class _Aside:
    """Takes the frame of a wrapper out of the traceback of an error that comes through it. Cost: 0.1 us.

    Code tells by the depth of a traceback whether a module is missing or what it imports, and texts of tracebacks are
    compared. The import system cuts out its own frames, but only those next to one another.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, here: TracebackType | None
    ) -> None:
        if error is not None and here is not None:
            error.__traceback__ = here.tb_next


aside = _Aside()
"""`with aside:` around what a wrapper calls."""
