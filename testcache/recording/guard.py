"""What takes notes in the midst of tested code raises nothing there: a test is not stored if one cannot be taken."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from testcache.reasons import Reason
from testcache.recording.tape import Tape

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class _HasTape(Protocol):
    _tape: Tape


_Owner = TypeVar("_Owner", bound=_HasTape)


def guarded(
    method: Callable[Concatenate[_Owner, _Given], _Answer],
) -> Callable[Concatenate[_Owner, _Given], _Answer | None]:
    """Decorate a method that takes notes: objects of a project may raise whatever they like when they are looked at.

    A path that gives its text only once is asked a second time by us. Cost: 0.1 us.
    """

    @functools.wraps(method)
    def harmless(self: _Owner, /, *args: _Given.args, **options: _Given.kwargs) -> _Answer | None:
        try:
            return method(self, *args, **options)
        except Exception as error:
            self._tape.problem(Reason.NOT_OBSERVED, f"a note could not be taken: {type(error).__name__}: {error}")
            return None

    return harmless
