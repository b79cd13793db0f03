"""Generic types of the standard library, and how many arguments each takes."""

from __future__ import annotations

_ANY_COUNT = 99
_ONE = (  # noqa: SIM905
    "List Set FrozenSet Iterable Iterator Sequence MutableSequence Collection Container Reversible Type "
    "AbstractSet MutableSet KeysView ValuesView Deque Counter Optional ClassVar Final Required NotRequired "
    "Awaitable AsyncIterator AsyncIterable Pattern Match TypeGuard"
).split()
_TWO = ("Dict", "Mapping", "MutableMapping", "DefaultDict", "OrderedDict", "ChainMap", "AsyncGenerator", "ItemsView")
_GENERICS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(_ONE, (1, 1)),
    **dict.fromkeys(_TWO, (2, 2)),
    **dict.fromkeys(("Generator", "Coroutine"), (3, 3)),
    **dict.fromkeys(("Tuple", "Union"), (1, _ANY_COUNT)),
}
"""How many arguments the generics of `typing` take."""

_FREE_GENERICS = frozenset(
    (  # noqa: SIM905
        "builtins.list builtins.dict builtins.set builtins.frozenset builtins.tuple builtins.type "
        "collections.deque collections.defaultdict collections.OrderedDict collections.Counter collections.ChainMap "
        "os.PathLike re.Pattern re.Match queue.Queue asyncio.Queue asyncio.Future asyncio.Task "
        "concurrent.futures.Future contextvars.ContextVar functools.partial functools.cached_property "
        "subprocess.Popen subprocess.CompletedProcess weakref.ref weakref.WeakKeyDictionary "
        "weakref.WeakValueDictionary weakref.WeakSet contextlib.AbstractContextManager "
        "contextlib.AbstractAsyncContextManager"
    ).split()
)
"""These take any arguments without looking at them."""


def takes(name: str, count: int) -> bool:
    """Does a generic of `typing` take that many types?"""
    fewest, most = _GENERICS.get(name, (1, 0))
    return fewest <= count <= most


def takes_anything(dotted: str) -> bool:
    """Does it take whatever stands between the brackets, and however much of it?"""
    return dotted in _FREE_GENERICS or dotted.startswith("collections.abc.")
