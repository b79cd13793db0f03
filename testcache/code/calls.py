"""Calls that register nothing and cannot fail: which, with what arguments, and what they give."""

from __future__ import annotations

import ast
import collections
import datetime
import decimal
import fractions
import re
import struct
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence

_TRIES: dict[str, tuple[Callable[..., object], str]] = {
    "re.compile": (re.compile, "frozen"),
    "collections.namedtuple": (collections.namedtuple, "class"),
    "decimal.Decimal": (decimal.Decimal, "frozen"),
    "fractions.Fraction": (fractions.Fraction, "frozen"),
    "datetime.timedelta": (datetime.timedelta, "frozen"),
    "datetime.date": (datetime.date, "frozen"),
    "datetime.time": (datetime.time, "frozen"),
    "datetime.datetime": (datetime.datetime, "frozen"),
    "uuid.UUID": (uuid.UUID, "frozen"),
    "struct.Struct": (struct.Struct, "frozen"),
    "builtins.int": (int, "int"),
    "builtins.float": (float, "float"),
    "builtins.range": (range, "frozen"),
}
TRIED = {name: sort for name, (_, sort) in _TRIES.items()}
"""Calls that are made here, if all their arguments are constants, to see whether they fail."""

_LONGEST = 20_000
"""More text than that is not tried: compiling a pattern takes about a second per megabyte."""

_NOTHING = {
    **dict.fromkeys(
        (  # noqa: SIM905
            "builtins.object threading.Lock threading.RLock threading.local threading.Event asyncio.Lock "
            "weakref.WeakKeyDictionary weakref.WeakValueDictionary weakref.WeakSet itertools.count "
            "collections.deque collections.Counter builtins.str builtins.bytes builtins.bytearray"
        ).split(),
        "object",
    ),
    "builtins.list": "list",
    "builtins.tuple": "tuple",
    "builtins.set": "set",
    "builtins.frozenset": "frozenset",
    "builtins.dict": "dict",
    "collections.OrderedDict": "dict",
    "collections.defaultdict": "dict",
}
"""What calls without any argument give."""

_PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PurePosixPath"})
_ITERABLE = frozenset({"str", "bytes", "tuple", "row", "list", "dict", "set", "frozenset"})
TYPE_VARIABLES = frozenset(f"{m}.{n}" for m in ("typing", "typing_extensions") for n in ("TypeVar", "ParamSpec"))
_OS_PATH = frozenset(f"os.path.{name}" for name in ("dirname", "basename", "abspath", "realpath", "normpath"))


def succeeds(name: str, node: ast.Call, values: Mapping[str, object]) -> bool:
    """Does one of `TRIED` succeed with its arguments? False if these are no constants.

    `values` are those of names that stand for constants.
    """
    try:
        args = [_constant(part, values) for part in node.args]
        options = {keyword.arg or "": _constant(keyword.value, values) for keyword in node.keywords}
        if "" in options or sum(len(value) for value in args if isinstance(value, str | bytes)) > _LONGEST:
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a run under -W error would fail
            _TRIES[name][0](*args, **options)
    except Exception:  # whatever it is, the call may fail
        return False
    return True


def constant_text(node: ast.expr, values: Mapping[str, object]) -> str | bytes | None:
    """The value of an expression that is a text made of constants, None if it is no such text."""
    try:
        found = _constant(node, values)
    except Exception:  # whatever it is, it has no value here
        return None
    return found if isinstance(found, str | bytes) and len(found) <= _LONGEST else None


def _constant(node: ast.expr, values: Mapping[str, object]) -> object:
    """The value of a constant expression, or of flags such as `re.I | re.X`. Raises ValueError and others."""
    match node:
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.Attribute(value=ast.Name(id="re"), attr=flag):
            return re.RegexFlag[flag]
        case ast.BinOp(op=ast.BitOr()):
            left, right = _constant(node.left, values), _constant(node.right, values)
            if isinstance(left, re.RegexFlag) and isinstance(right, re.RegexFlag):
                return left | right
        case ast.BinOp(op=ast.Add()):
            left, right = _constant(node.left, values), _constant(node.right, values)
            if isinstance(left, str) and isinstance(right, str):
                return left + right
            if isinstance(left, bytes) and isinstance(right, bytes):
                return left + right
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(pattern)), right=right):
            if "%" not in pattern.replace("%s", ""):
                given = [_constant(part, values) for part in (right.elts if isinstance(right, ast.Tuple) else [right])]
                return pattern % tuple(map(_plain, given))
        case ast.JoinedStr():
            return "".join(map(_plain, (_formatted(part, values) for part in node.values)))
        case ast.Call(func=ast.Attribute(value=between, attr="join"), args=[ast.List() | ast.Tuple() as row]):
            return _plain(_constant(between, values)).join(_plain(_constant(part, values)) for part in row.elts)
    return ast.literal_eval(node)


def _formatted(node: ast.expr, values: Mapping[str, object]) -> object:
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return _constant(node.value, values)
    return ast.literal_eval(node)


def _plain(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


_VARIANCES = ("covariant", "contravariant")


def is_of_one_variance(options: Sequence[ast.keyword]) -> bool:
    """A type variable is covariant, contravariant or neither; any other answer fails."""
    given = [option.value for option in options if option.arg in _VARIANCES]
    values = [part.value for part in given if isinstance(part, ast.Constant)]
    return len(values) == len(given) and all(isinstance(value, bool) for value in values) and values.count(True) <= 1


PATTERN_METHODS = frozenset("findall finditer fullmatch match search split sub subn".split())  # noqa: SIM905
_OF_TEXT = {
    "startswith": ("bool", 1),
    "endswith": ("bool", 1),
    "lower": ("str", 0),
    "upper": ("str", 0),
    "casefold": ("str", 0),
    "strip": ("str", 0),
    "lstrip": ("str", 0),
    "rstrip": ("str", 0),
    "split": ("list", 0),
    "splitlines": ("list", 0),
}
"""Methods of a text with what they give, and how many texts they take."""


def sort_of_method(owner: str, method: str, args: Sequence[str]) -> str | None:
    """The sort of what a method of a text or a path gives, None if it may fail or is not known."""
    if owner == "path":
        return "path" if method in ("resolve", "absolute") and not args else None
    sort, count = _OF_TEXT.get(method, (None, 0))
    return sort if [*args] == ["str"] * count else None


def sort_of(name: str, args: Sequence[str], keywords: Mapping[str, str | None]) -> str | None:
    """The sort of what a call gives, by the sorts of its arguments; None if it may fail or is not known.

    The sorts are those of `testcache.code.evaluation`.
    """
    if not args and not keywords:
        return "path" if name in _PATHS else _NOTHING.get(name)
    if name == "builtins.dict" and not args:
        return "dict"
    if name in TYPE_VARIABLES:
        fits = [*args[:1]] == ["str"] and len(args) != 2 and keywords.keys() <= {"bound", *_VARIANCES}
        fits = fits and (len(args) == 1 or not ("bound" in keywords or name.endswith("ParamSpec")))
        return "typevar" if fits else None
    if name == "contextvars.ContextVar":
        return "frozen" if [*args] == ["str"] and keywords.keys() <= {"default"} else None
    if keywords:
        return None
    first = args[0]
    one = len(args) == 1
    if name == "logging.getLogger" and one and first in ("str", "none"):
        return "frozen"
    if name in ("typing.NewType", "typing_extensions.NewType") and len(args) == 2 and first == "str":
        return "class"
    if name in _PATHS and set(args) <= {"str", "path"}:
        return "path"
    if (name in _OS_PATH and one and first == "str") or (name == "os.path.join" and set(args) == {"str"}):
        return "str"
    if name in ("builtins.list", "builtins.tuple") and one and first in _ITERABLE:
        return "list" if name == "builtins.list" else "row"
    if name == "builtins.str" and one and first in ("str", "int", "float", "bool", "none", "path"):
        return "str"
    if name == "builtins.len" and one and first in _ITERABLE:
        return "int"
    if name == "builtins.type" and one:
        return "class"
    if name == "types.MappingProxyType" and one and first == "dict":
        return "object"
    if name == "collections.defaultdict" and one and first in ("class", "function", "none"):
        return "dict"
    if name == "functools.partial" and first in ("class", "function"):
        return "function"
    if name in ("builtins.staticmethod", "builtins.classmethod") and one and first == "function":
        return "object"
    if name == "builtins.property" and len(args) <= 3 and set(args) == {"function"}:
        return "object"
    if name in ("operator.itemgetter", "operator.attrgetter") and set(args) <= {"str", "int"}:
        return "function" if name == "operator.itemgetter" or set(args) == {"str"} else None
    return None
