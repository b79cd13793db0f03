"""The sorts of values that an evaluation tells apart, and the sorts of what Python itself names."""

from __future__ import annotations

import builtins

UNKNOWN = "unknown"
"""A value that is there and of which nothing else is known."""

HASHABLE = frozenset(
    "none bool int float str bytes function class typevar path tuple frozen".split()  # noqa: SIM905
)
INSTANCE = "instance"
"""An object of a class of this file: its operators may be the project's own."""

UNSURE = frozenset({UNKNOWN, INSTANCE})
"""Whatever is done with such a value may run code of a project."""

NUMBERS = frozenset({"bool", "int", "float"})
TYPES = frozenset({"class", "typevar", "none", "type", UNKNOWN})
SIZED = frozenset({"str", "bytes", "tuple", "row", "list", "dict", "set", "frozenset"})
CONSTANTS = {"NoneType": "none", "ellipsis": "frozen"}
PATH_PARTS = {"parent": "path", "name": "str", "stem": "str", "suffix": "str", "parts": "tuple"}
NAMESPACE = {"__name__": "str", "__file__": "str", "__package__": UNKNOWN}
ATTRIBUTES = {
    "sys.version_info": "tuple",
    "sys.platform": "str",
    "sys.maxsize": "int",
    "os.sep": "str",
    "os.name": "str",
    "os.environ": "object",
    "math.pi": "float",
    "math.inf": "float",
    "math.nan": "float",
}
BUILTINS = {
    name: "class" if isinstance(value, type) else "function"
    for name, value in vars(builtins).items()
    if callable(value) and name not in ("PythonFinalizationError", "_IncompleteInputError", "exit", "quit", "_")
}
"""Without those that are new in 3.13 or that only `site` adds."""
