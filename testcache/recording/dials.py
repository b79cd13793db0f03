"""Dials: state of the interpreter, of the process and of the standard library that a call sets and that stays set.

Nobody holds an object that would show it. Each dial is read after every test, but only in a project whose code says one
of the words by which it is set: a suite that seeds no random numbers does not pay for their state.
Does not see: dials that are not in this table, or that only a library sets.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the names that `signal` puts in place of numbers
import builtins
import gc
import logging
import os
import random
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable
from importlib import import_module
from operator import is_
from types import FunctionType, MethodType
from typing import Any, Final

from testcache.digest import of_bytes
from testcache.recording import anatomy
from testcache.recording.anatomy import MISSING
from testcache.recording.insides import of_numbers
from testcache.recording.probe_tree import PREFIX
from testcache.structs import Struct

_SIGNALS: Final = tuple(sorted(_signal.valid_signals()))
_OF_RUNNERS: Final = ("pytest_timeout", "_pytest", "faulthandler")
"""Who sets a handler around each test."""

_OF_A_DIALECT: Final = (
    "delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict",
)  # fmt: skip

_EMPTY: Final = logging.PlaceHolder
_AS_MADE: Final = (0, False, True)
"""Level, whether it is disabled, and whether what is above it hears it, too."""

_SILENT: Final = (("logging", "NullHandler"),)

_passed_over: Final = set(vars(builtins))
"""What is there when this is imported, and marks of probes."""

_handled: Final[list[tuple[tuple[object, ...], tuple[str, ...]]]] = []
"""The handlers of signals at the last look, and how they are told."""


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
    if kind is MethodType:
        return f"{_told(thing.__func__)} of {_told(thing.__self__)}"
    return ".".join(anatomy.names_of(thing if issubclass(kind, type) else kind))


def _written(value: Any) -> object:
    """What is in a variable; a table has no order."""
    kind = type(value)
    if kind in (dict, set):
        return frozenset(map(_written, value.items() if kind is dict else value))
    if kind in (list, tuple):
        return tuple(map(_written, value))
    return value if kind in (str, bytes, float) else _told(value)


def _kept(*names: str) -> Callable[[], object]:
    """What is in variables of the standard library: `shutil._ARCHIVE_FORMATS`."""

    def read() -> object:
        places = (name.rpartition(".") for name in names)
        return tuple(_written(getattr(import_module(module), name, None)) for module, _, name in places)

    return read


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
    """Those of all signals, and which are blocked. Cost: 14 us as long as all are the same objects."""
    handlers = tuple(map(_signal.getsignal, _SIGNALS))
    if not _handled or not all(map(is_, handlers, _handled[0][0])):
        told = map(_told, handlers)
        _handled[:] = [(handlers, tuple("" if one.startswith(_OF_RUNNERS) else one for one in told))]
    return *_handled[0][1], *sorted(str(int(one)) for one in _signal.pthread_sigmask(_signal.SIG_BLOCK, ()))


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


def _opener() -> tuple[str, ...]:
    opener = getattr(sys.modules.get("urllib.request"), "_opener", None)
    return tuple(_told(type(handler)) for handler in opener.handlers) if opener is not None else ()


def _policy() -> str:
    return _told(type(getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)))


def _loop() -> str:
    """Whether `get_event_loop` gives a loop where none is running: `asyncio.run` takes away what there was."""
    local = getattr(getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None), "_local", None)
    loop = getattr(local, "_loop", None)
    return f"{getattr(local, '_set_called', False)} {loop is not None} {getattr(loop, '_closed', False)}"


def _method() -> str:
    context: Any = import_module("multiprocessing.context")._default_context
    return _told(type(context._actual_context or context._default_context))


def _limits() -> tuple[object, ...]:
    """How much this process may have of the machine."""
    import resource

    limits = (resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_"))
    return os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), *limits


def _tracers() -> tuple[str, ...]:
    there = (threading._trace_hook, threading._profile_hook)  # type: ignore[attr-defined]
    return _told(sys.getprofile()), *map(_told, there)


def _filters() -> object:
    """What becomes of warnings; not to be told while somebody records them, as pytest does unless it is told not to."""
    if type(warnings._showwarnmsg_impl) is not FunctionType:  # type: ignore[attr-defined]
        return MISSING
    kinds = ((action, _told(kind), str(text), str(where)) for action, text, kind, where, _ in warnings.filters)
    return tuple(kinds)


def _loggers() -> frozenset[tuple[object, ...]]:
    """All that are not as they are made: who sets one sets those below it, too, which modules hold."""
    loggers = ((name, vars(one)) for name, one in [*logging.root.manager.loggerDict.items()] if type(one) is not _EMPTY)
    return frozenset(
        (name, *told)
        for name, held in loggers
        if (told := (held["level"], held["disabled"], held["propagate"], *_heard(held))) != _AS_MADE
    )


def _heard(held: dict[str, Any]) -> tuple[str, ...]:
    """The filters and handlers of a logger; but not those of pytest, nor those of libraries, which do nothing."""
    kinds = (anatomy.names_of(type(one)) for one in (*held["filters"], *held["handlers"]))
    return tuple(".".join(kind) for kind in kinds if kind not in _SILENT and kind[0] != "_pytest.logging")


def _logging() -> tuple[object, ...]:
    captures = getattr(logging, "_warnings_showwarning", None) is not None
    classes = (_told(logging.getLoggerClass()), _told(logging.getLogRecordFactory()))
    return *classes, captures, tuple(logging._levelToName.items())


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
    "signals": _dial(_handlers, "signal siginterrupt pthread_sigmask"),
    "gc": _dial(lambda: (gc.isenabled(), *gc.get_threshold()), "gc", "gc isenabled get_threshold"),
    "weekday": _dial(_weekday, "setfirstweekday"),
    "dialects": _dial(_dialects, "register_dialect unregister_dialect field_size_limit"),
    "types": _dial(_types, "add_type", "mimetypes guess_type guess_extension guess_all_extensions types_map"),
    "reducers": _dial(_kept("copyreg.dispatch_table"), "copyreg"),
    "opener": _dial(_opener, "install_opener"),
    "policy": _dial(_policy, "set_event_loop_policy"),
    "loop": _dial(_loop, "asyncio set_event_loop new_event_loop IsolatedAsyncioTestCase", "get_event_loop"),
    "start-method": _dial(_method, "set_start_method"),
    "adapters": _dial(
        _kept("sqlite3.dbapi2.adapters", "sqlite3.dbapi2.converters"), "register_adapter register_converter"
    ),
    "archives": _dial(
        _kept("shutil._ARCHIVE_FORMATS", "shutil._UNPACK_FORMATS"),
        "register_archive_format unregister_archive_format register_unpack_format unregister_unpack_format",
    ),
    "charsets": _dial(
        _kept("email.charset.CHARSETS", "email.charset.ALIASES", "email.charset.CODEC_MAP"),
        "add_charset add_alias add_codec",
    ),
    "messages": _dial(_kept("gettext._current_domain", "gettext._localedirs"), "textdomain bindtextdomain"),
    "flags-of-doctest": _dial(_kept("doctest.OPTIONFLAGS_BY_NAME"), "register_optionflag"),
    "zones": _dial(_kept("zoneinfo._tzpath.TZPATH"), "reset_tzpath"),
    "limits": _dial(_limits, "setrlimit prlimit nice setpriority sched_setaffinity"),
    "tracers": _dial(_tracers, "settrace setprofile settrace_all_threads setprofile_all_threads"),
    "tracemalloc": _dial(tracemalloc.is_tracing, "tracemalloc", "tracemalloc"),
    "filters": _dial(_filters, "simplefilter filterwarnings resetwarnings"),
    "loggers": _dial(
        _loggers,
        "setLevel disabled propagate addHandler removeHandler addFilter removeFilter handlers dictConfig fileConfig",
        "debug info warning warn error critical fatal exception log isEnabledFor getEffectiveLevel hasHandlers level "
        "caplog assertLogs assertNoLogs",
    ),
    "logging-classes": _dial(_logging, "setLoggerClass setLogRecordFactory addLevelName captureWarnings"),
    "traps": _dial(_traps, "traps", "decimal Decimal getcontext localcontext setcontext"),
    "namespaces": _dial(
        _kept("xml.etree.ElementTree._namespace_map"),
        "register_namespace",
        "ElementTree etree tostring tostringlist write",
    ),
    "numpy": _dial(_numpy, "seterr set_printoptions"),
    "pandas": _dial(_pandas, "set_option reset_option options"),
    "digits": _dial(sys.get_int_max_str_digits, "set_int_max_str_digits"),
    "switches": _dial(sys.getswitchinterval, "setswitchinterval"),
    "builtins": _dial(_builtins, "install builtins"),
    "zone": _dial(lambda: (time.timezone, time.daylight, time.tzname), "tzset"),
}

SETTERS: Final = frozenset(word for dial in DIALS.values() for word in dial.setters)
