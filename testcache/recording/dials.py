"""Dials: state of the interpreter, of the process and of the standard library that a call sets and that stays set.

Nobody holds an object that would show it. Each dial is read after every test, but only in a project whose code says one
of the words by which it is set: a suite that seeds no random numbers does not pay for their state.
Does not see: dials that are not in this table, or that only a library sets.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the names that `signal` puts in place of numbers
import builtins
import gc
import random
import sys
import time
from collections.abc import Callable
from operator import is_
from types import FunctionType
from typing import Any, Final

from testcache.digest import of_bytes
from testcache.recording import anatomy
from testcache.recording.insides import of_numbers
from testcache.recording.probe_tree import PREFIX
from testcache.structs import Struct

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE")
_NUMBERS: Final = tuple(getattr(_signal, name) for name in _SIGNALS if hasattr(_signal, name))
_OF_RUNNERS: Final = ("pytest_timeout", "_pytest", "faulthandler")
"""Who sets a handler around each test."""

_OF_A_DIALECT: Final = (
    "delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict",
)  # fmt: skip

_passed_over: Final = set(vars(builtins))
"""What is there when this is imported, and marks of probes."""

_handled: Final[list[tuple[tuple[object, ...], tuple[str, ...]]]] = []
"""The handlers at the last look, and how they are told."""


class Dial(Struct, frozen=True):
    """One such state.

    Attributes:
        read: gives what can be compared and means the same in another process; imports the module that it asks.
        setters: words one of which code has to say to set it.
        names: those by which code comes upon it; none if code may feel it that says nothing of it.
    """

    read: Callable[[], object]
    setters: frozenset[str]
    names: frozenset[str] = frozenset()


def _dial(read: Callable[[], object], setters: str, names: str = "") -> Dial:
    return Dial(read, frozenset(setters.split()), frozenset(names.split()))


def _told(thing: Any) -> str:
    """A class or function as it is called in another process, too; of other objects, their class."""
    kind = type(thing)
    if thing is None or issubclass(kind, int):
        return str(int(thing or 0))
    if kind is FunctionType:
        return f"{thing.__module__}.{thing.__qualname__}"
    return ".".join(anatomy.names_of(thing if issubclass(kind, type) else kind))


def _umask() -> str:
    """Asked of the kernel: to ask Python is to set it, for all threads."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return next((line.split()[1] for line in file if line.startswith("Umask:")), "")
    except OSError:
        return ""


def _random() -> str:
    version, numbers, *rest = random.getstate()
    return f"{of_numbers(numbers)} {version} {rest}"


def _numpy_random() -> str:
    module = sys.modules.get("numpy.random")
    if module is None:
        return ""
    name, keys, *rest = module.get_state()
    return of_bytes(keys.tobytes() + repr((name, *rest)).encode()).hex()


def _handlers() -> tuple[str, ...]:
    """Cost: 1 us as long as all are the same objects."""
    handlers = tuple(map(_signal.getsignal, _NUMBERS))
    if len(_handled) != 1 or not all(map(is_, handlers, _handled[0][0])):
        told = map(_told, handlers)
        _handled[:] = [(handlers, tuple("" if one.startswith(_OF_RUNNERS) else one for one in told))]
    return _handled[0][1]


def _weekday() -> int:
    import calendar

    return calendar.firstweekday()


def _dialects() -> tuple[object, ...]:
    import csv

    known = ((name, csv.get_dialect(name)) for name in sorted(csv.list_dialects()))
    return csv.field_size_limit(), *((name, *(getattr(one, part) for part in _OF_A_DIALECT)) for name, one in known)


def _types() -> frozenset[object]:
    import mimetypes

    tables = mimetypes._db.types_map if mimetypes._db is not None else ()  # type: ignore[attr-defined]
    return frozenset().union(*(table.items() for table in tables))


def _reducers() -> tuple[str, ...]:
    import copyreg

    return tuple(f"{_told(kind)} {_told(made)}" for kind, made in copyreg.dispatch_table.items())


def _opener() -> tuple[str, ...]:
    opener = getattr(sys.modules.get("urllib.request"), "_opener", None)
    return tuple(_told(type(handler)) for handler in opener.handlers) if opener is not None else ()


def _policy() -> str:
    return _told(type(getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)))


def _adapters() -> tuple[str, ...]:
    import sqlite3

    adapters = (f"{_told(kind)} {_told(made)}" for (kind, _), made in sqlite3.adapters.items())
    return *adapters, *(f"{name} {_told(made)}" for name, made in sqlite3.converters.items())


def _logging() -> tuple[object, ...]:
    import logging

    captures = getattr(logging, "_warnings_showwarning", None) is not None
    classes = (_told(logging.getLoggerClass()), _told(logging.getLogRecordFactory()))
    return *classes, captures, tuple(logging._levelToName.items())


def _namespaces() -> frozenset[tuple[str, str]]:
    held = anatomy.dict_of(sys.modules.get("xml.etree.ElementTree")) or {}
    return frozenset(held.get("_namespace_map", {}).items())


def _numpy() -> str:
    """What it does about errors, and how it prints."""
    module = sys.modules.get("numpy")
    return f"{module.geterr()} {module.get_printoptions()}" if module is not None else ""


def _pandas() -> str:
    held = anatomy.dict_of(sys.modules.get("pandas._config.config")) or {}
    return repr(held.get("_global_config", ""))


def _builtins() -> frozenset[tuple[str, str]]:
    held = vars(builtins)
    others = held.keys() - _passed_over
    _passed_over.update(name for name in others if name.startswith(PREFIX))
    return frozenset((name, _told(held.get(name))) for name in others - _passed_over)


def _traps() -> tuple[bool, ...]:
    import decimal

    return tuple(decimal.getcontext().traps.values())


DIALS: Final[dict[str, Dial]] = {
    "umask": _dial(_umask, "umask"),
    "random": _dial(
        _random,
        "seed setstate",
        "random randint randrange randbytes choice choices shuffle sample uniform triangular betavariate expovariate "
        "gammavariate gauss lognormvariate normalvariate vonmisesvariate paretovariate weibullvariate getrandbits "
        "binomialvariate getstate",
    ),
    "numpy-random": _dial(
        _numpy_random,
        "seed set_state",
        "random rand randn randint choice shuffle permutation normal uniform random_sample standard_normal get_state",
    ),
    "signals": _dial(_handlers, "signal siginterrupt"),
    "gc": _dial(lambda: (gc.isenabled(), *gc.get_threshold()), "gc", "gc isenabled get_threshold"),
    "weekday": _dial(_weekday, "setfirstweekday"),
    "dialects": _dial(_dialects, "register_dialect unregister_dialect field_size_limit"),
    "types": _dial(_types, "add_type", "mimetypes guess_type guess_extension guess_all_extensions types_map"),
    "reducers": _dial(_reducers, "copyreg"),
    "opener": _dial(_opener, "install_opener"),
    "policy": _dial(_policy, "set_event_loop_policy"),
    "adapters": _dial(_adapters, "register_adapter register_converter"),
    "logging-classes": _dial(_logging, "setLoggerClass setLogRecordFactory addLevelName captureWarnings"),
    "traps": _dial(_traps, "traps", "decimal Decimal getcontext localcontext setcontext"),
    "namespaces": _dial(_namespaces, "register_namespace", "ElementTree etree tostring tostringlist write"),
    "numpy": _dial(_numpy, "seterr set_printoptions"),
    "pandas": _dial(_pandas, "set_option reset_option options"),
    "digits": _dial(sys.get_int_max_str_digits, "set_int_max_str_digits"),
    "switches": _dial(sys.getswitchinterval, "setswitchinterval"),
    "builtins": _dial(_builtins, "install builtins"),
    "zone": _dial(lambda: (time.timezone, time.daylight, time.tzname), "tzset"),
}

SETTERS: Final = frozenset(word for dial in DIALS.values() for word in dial.setters)
