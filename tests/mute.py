"""Objects that do not want to be looked at: every method of theirs, and of their metaclass, raises."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any, Final


class Called(BaseException):
    """Code of the project ran. No `except Exception` hides it."""


def _refuse(*_: object, **__: object) -> Any:
    raise Called


_OPERATORS = "eq ne lt hash repr str format iter len bool contains getitem call index int bytes".split()  # noqa: SIM905
_QUESTIONS = "getattr getattribute reduce reduce_ex sizeof dir instancecheck subclasscheck subclasses".split()  # noqa: SIM905
_NAMES = [*(f"__{name}__" for name in (*_OPERATORS, *_QUESTIONS)), "keys", "values", "items", "get"]
REFUSING: Final[dict[str, Any]] = dict.fromkeys(_NAMES, _refuse) | {
    "__class__": property(_refuse),
    "__dict__": property(_refuse),
}


class Meta(type):
    """A metaclass that refuses, too, once its classes are made."""

    __eq__ = __hash__ = __repr__ = __getattr__ = __getattribute__ = __len__ = __iter__ = _refuse
    __instancecheck__ = __subclasscheck__ = __bool__ = _refuse
    __module__ = __name__


def _made(name: str, base: type, meta: Callable[..., Any] = type, **more: Any) -> type:
    return meta(name, (base,), {**REFUSING, "__module__": __name__, **more})  # type: ignore[no-any-return]


Mute = _made("Mute", object)
MuteDict, MuteList, MuteSet, MuteTuple, MuteText, MuteNumber, MuteDeque, MuteOrdered, MuteError = (
    _made(f"Mute{base.__name__}", base)
    for base in (dict, list, set, tuple, str, int, collections.deque, collections.OrderedDict, Exception)
)
MuteSlots = _made("MuteSlots", object, __slots__=("x",))
MuteKind = _made("MuteKind", object, Meta)


def _set(ordered: Any, pairs: Any) -> None:
    for key, value in pairs:
        collections.OrderedDict.__setitem__(ordered, key, value)


_FILLS: Final[tuple[tuple[type, Callable[..., None]], ...]] = (
    (collections.OrderedDict, _set),
    (dict, dict.update),
    (list, list.extend),
    (set, set.update),
    (collections.deque, collections.deque.extend),
)


def fresh(kind: type) -> object:
    """An instance, made without asking it."""
    base = next(base for base in type.__dict__["__mro__"].__get__(kind)[1:])
    made = base.__new__(kind)
    for filled, fill in _FILLS:
        if issubclass(type(made), filled):
            fill(made, [("a", 1)])
            break
    return made


def _maker(kind: type) -> Callable[[], object]:
    def make() -> object:
        return fresh(kind)

    make.__name__ = type.__dict__["__qualname__"].__get__(kind)
    return make


MUTE: Final = [
    *map(_maker, (Mute, MuteDict, MuteList, MuteSet, MuteTuple, MuteText, MuteNumber, MuteDeque, MuteOrdered)),
    *map(_maker, (MuteError, MuteSlots, MuteKind)),
]
