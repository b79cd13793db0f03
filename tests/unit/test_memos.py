"""Functions that may fill state that outlives a test, and the names that state is stored under."""

from __future__ import annotations

import textwrap

import pytest

from testcache.source import parse


def memos(code: str) -> dict[int, frozenset[str]]:
    """The memos of a piece of code by line."""
    source = parse(textwrap.dedent(code).encode(), collected=False)
    assert source.parsed
    return source.memos


def names(code: str) -> set[str]:
    """All stored names of a piece of code."""
    return set().union(*memos(code).values())


@pytest.mark.parametrize(
    "decorator",
    [
        "lru_cache",
        "functools.lru_cache(maxsize=None)",
        "functools.cache",
        "cached_property",
        "util.CachedProperty",
        "app.cache.memoize(50)",
        "lazy",
        "lazy_property",
        "run_once",
        "Singleton",
        "a.b.cached(1)(2)",
    ],
)
def test_decorated_functions_are_memos_under_their_own_name(decorator: str) -> None:
    """Whatever is called cache, memo, lazy, once or singleton, bare or called, by its last name."""
    assert memos(f"x = 1\n@{decorator}\n@other\ndef f(): pass\n") == {2: {"f"}}
    assert memos(f"class C:\n    @property\n    @{decorator}\n    def f(self): pass\n") == {2: {"f"}}
    assert memos(f"def g():\n    @{decorator}\n    async def f(): pass\n") == {2: {"f"}}


@pytest.mark.parametrize("decorator", ["cache.clear_all", "other", "pytest.mark.slow", "property"])
def test_other_decorators_make_no_memo(decorator: str) -> None:
    """Only the last name of a dotted decorator counts."""
    assert memos(f"@{decorator}\ndef f(): pass\n") == {}


def test_functions_wrapped_by_hand_are_memos() -> None:
    """`rate = lru_cache(_rate)` is the same as a decorator; a lambda is known by its line."""
    assert memos("def _rate(): pass\nrate = lru_cache(maxsize=3)(_rate)\n") == {1: {"rate", "_rate"}}
    assert memos("class C:\n    def _all(self): pass\n    all = cached_property(_all)\n") == {2: {"all", "_all"}}
    assert memos("x = 1\nrate = lru_cache(lambda x: x)\n") == {2: {"rate"}}


def test_the_constructor_of_a_singleton_fills_it() -> None:
    """A decorated class is made once, in the first test that asks."""
    assert memos("@singleton\nclass C:\n    def __init__(self): pass\n    def m(self): pass\n") == {3: {"C"}}


MEMOS = {
    "a global tested for None": (
        "def f():\n    global X\n    if X is None:\n        X = build()\n    return X",
        {"X"},
    ),
    "a global flag": (
        "def f():\n    global done\n    if not done:\n        load()\n        done = True",
        {"done"},
    ),
    "a global bound by an import": (
        "def f():\n    global m\n    if m is None:\n        import m\n    return m",
        {"m"},
    ),
    "a free name": (
        "def outer():\n    x = None\n    def f():\n        nonlocal x\n"
        "        if x is None:\n            x = 1\n    return f",
        {"x"},
    ),
    "a dict of the module": (
        "def f(k):\n    if k not in CACHE:\n        CACHE[k] = g(k)\n    return CACHE[k]",
        {"CACHE"},
    ),
    "try and except": (
        "def f(k):\n    try:\n        return CACHE[k]\n    except KeyError:\n        CACHE[k] = g(k)",
        {"CACHE"},
    ),
    "suppress": (
        "def f(k):\n    with suppress(KeyError):\n        return CACHE[k]\n    CACHE[k] = 1",
        {"CACHE"},
    ),
    "get": ("def f(k):\n    v = CACHE.get(k)\n    CACHE[k] = v\n    return v", {"CACHE"}),
    "setdefault": ("def f(k):\n    return CACHE.setdefault(k, g(k))", {"CACHE"}),
    "setdefault of an attribute": ("def f(self, k):\n    return self._m.setdefault(k, g(k))", {"_m"}),
    "dict of dicts": ("def f(j, k):\n    if k not in CACHE[j]:\n        CACHE[j][k] = 1", {"CACHE"}),
    "a closure": (
        "def memoize(g):\n    seen = {}\n    def w(*a):\n"
        "        if a not in seen:\n            seen[a] = g(*a)\n"
        "        return seen[a]\n    return w",
        {"seen"},
    ),
    "an attribute of self": (
        "def f(self):\n    if self._x is None:\n        self._x = 1\n    return self._x",
        {"_x"},
    ),
    "an attribute of the class": (
        "def f(cls):\n    if cls._t is None:\n        cls._t = cls.build()",
        {"_t"},
    ),
    "an attribute of a module": ("def f():\n    if not mod.table:\n        mod.table = g()", {"table"}),
    "an attribute of the function": ("def f():\n    if not f.x:\n        f.x = 1", {"x"}),
    "or": ("def f(self):\n    self._x = self._x or g()", {"_x"}),
    "a conditional expression": ("def f(self):\n    self._x = self._x if self._x else g()", {"_x"}),
    "while": ("def f(self):\n    while self._x is None:\n        self._x = g()", {"_x"}),
    "match": ("def f(self):\n    match self._x:\n        case None:\n            self._x = g()", {"_x"}),
    "hasattr": ("def f(self):\n    if not hasattr(self, '_x'):\n        self._x = g()", {"_x"}),
    "getattr with a default": (
        "def f(self):\n    if getattr(self, '_x', None) is None:\n        self._x = g()",
        {"_x"},
    ),
    "getattr into a local": (
        "def f(self):\n    x = getattr(self, '_x', None)\n    self._x = x = x or g()",
        {"_x"},
    ),
    "attribute error": (
        "def f(self):\n    try:\n        return self._x\n    except AttributeError:\n        self._x = 1",
        {"_x"},
    ),
    "instances by class": ("def f(cls):\n    if cls not in cls._all:\n        cls._all[cls] = g()", {"_all"}),
    "new": (
        "def __new__(cls):\n    if not cls._one:\n        cls._one = object.__new__(cls)\n    return cls._one",
        {"_one"},
    ),
    "a registry": ("def f(x):\n    if x in SEEN:\n        return\n    SEEN.add(x)", {"SEEN"}),
    "a list": ("def f():\n    if not ROWS:\n        ROWS.extend(g())\n    return ROWS", {"ROWS"}),
    "update": ("def f(self):\n    if not self._m:\n        self._m.update(g())", {"_m"}),
    "a comprehension": ("def f(self):\n    if any(x for x in self._m):\n        self._m.append(g())", {"_m"}),
    "a local name for it": (
        "def f(self, k):\n    m = self._m\n    if k not in m:\n        m[k] = g(k)",
        {"_m"},
    ),
    "a local name of a local name": (
        "def f(k):\n    a = CACHE\n    b = a\n    if k not in b:\n        b[k] = 1",
        {"CACHE"},
    ),
    "a bucket": ("def f(k):\n    b = CACHE.get(k)\n    if not b:\n        b.append(1)", {"CACHE"}),
    "a value tested later": (
        "def f(self):\n    v = self._x\n    if v is None:\n        v = self._x = g()\n    return v",
        {"_x"},
    ),
    "a walrus": ("def f(k):\n    if (v := CACHE.get(k)) is None:\n        CACHE[k] = v = g()", {"CACHE"}),
    "a loop": (
        "def f(k):\n    for a, b in ROWS:\n        if a == k:\n            return b\n    ROWS.append((k, 1))",
        {"ROWS"},
    ),
    "with": ("def f():\n    global X\n    with lock as l:\n        if X is None:\n            X = 1", {"X"}),
    "a mutable default": (
        "def f(k, _m={}):\n    if k not in _m:\n        _m[k] = 1\n    return _m[k]",
        {"_m", "f"},
    ),
    "a default object": ("def f(k, *, m=Cache()):\n    return m.setdefault(k, 1)", {"m", "f"}),
    "a getter": ("def f(k):\n    if k not in table():\n        table()[k] = 1", {"table"}),
    "a getter method": ("def f(self, k):\n    if k not in self.t():\n        self.t().update(k)", {"t"}),
    "a helper inside": (
        "def f(self):\n    def build():\n        self._x = 1\n    if self._x is None:\n        build()",
        {"_x"},
    ),
    "a subclass of dict": ("def __missing__(self, k):\n    self[k] = v = g(k)\n    return v", {"*"}),
    "a container": ("def f(self, k):\n    if k not in self:\n        self[k] = g(k)", {"*"}),
    "globals": ("def __getattr__(name):\n    globals()[name] = v = g(name)\n    return v", {"*"}),
    "globals by name": ("def f():\n    globals()['TABLE'] = g()", {"TABLE"}),
    "globals updated": ("def f():\n    globals().update(g())", {"*"}),
    "vars": ("def f(x, k):\n    vars(x)[k] = 1", {"*"}),
    "the dict of an object": ("def __get__(self, obj, owner):\n    obj.__dict__[self.name] = 1", {"*"}),
    "the dict by name": ("def f(self):\n    self.__dict__['_x'] = 1", {"_x"}),
    "the dict updated": ("def f(self, k):\n    self.__dict__.setdefault(k, 1)", {"*"}),
    "setattr": ("def __get__(self, obj, owner):\n    setattr(obj, self.name, 1)", {"*"}),
    "setattr by name": ("def f(x):\n    setattr(x, 'table', 1)", {"table"}),
    "a frozen object": (
        "def __hash__(self):\n    if self._h is None:\n        object.__setattr__(self, '_h', 1)\n    return self._h",
        {"_h"},
    ),
}


@pytest.mark.parametrize("case", MEMOS)
def test_memo_shapes(case: str) -> None:
    """A function that tests and stores the same long-lived target stores under the name of the target."""
    code, expected = MEMOS[case]
    assert names(code) == expected
    method = "class C:\n    x = 1\n" + textwrap.indent(code, "    ")
    assert names(method) == expected


PLAIN = {
    "a local dict": "def f(k):\n    m = {}\n    if k not in m:\n        m[k] = 1\n    return m",
    "a parameter": "def f(m, k):\n    if k not in m:\n        m[k] = 1",
    "a store without a test": "def f(self):\n    self.x = 1",
    "a test without a store": "def f(self):\n    if self.x:\n        return CACHE[1]",
    "a test of something else": "def f(self):\n    if self.y:\n        self.x = 1",
    "a counter": "def f():\n    global N\n    N += 1",
    "a local in a loop": (
        "def f(rows):\n    out = []\n    for r in rows:\n        if r not in out:\n            out.append(r)"
    ),
    "the constructor": "def __init__(self, x):\n    self.x = x\n    if self.x:\n        self.x = 1",
    "the constructor by name": "def __init__(self, **k):\n    for a in k:\n        setattr(self, a, k[a])",
    "the constructor's dict": "def __init__(self, **k):\n    self.__dict__.update(k)",
    "a local function": (
        "def f():\n    seen = set()\n    def g(x):\n        return x in seen\n    seen.add(1)\n    return g"
    ),
    "a result that is changed": ("def f(k):\n    d = parse(k)\n    if 'a' not in d:\n        d['a'] = 1\n    return d"),
    "a plain default": "def f(x, m=None):\n    if m is None:\n        m = {}\n    m[x] = 1",
}


@pytest.mark.parametrize("case", PLAIN)
def test_other_shapes_are_no_memos(case: str) -> None:
    """What is made by the call and goes with it is no state that outlives a test."""
    assert names(PLAIN[case]) == set()


def test_lines_are_those_of_code_objects() -> None:
    """A memo is known by its first decorator's line; the function around it is none."""
    code = MEMOS["a closure"][0]
    assert memos(code) == {3: {"seen"}}
    assert memos("@a\n@b\ndef f():\n    global X\n    X = X or 1\n") == {1: {"X"}}


def test_inner_functions_keep_their_own_names() -> None:
    """A local name of the inner function is not taken for the global of that name."""
    code = "def f():\n    def g():\n        CACHE = {}\n        CACHE[1] = 2\n    if CACHE:\n        g()"
    assert memos(code) == {}


def test_an_unparsed_file_may_mention_anything() -> None:
    """Of a file that cannot be read, no memo is known, and it is taken to reach every one."""
    source = parse(b"def f(:\n", collected=False)
    assert source.memos == {}
    assert source.mentions == {"": {"*"}}
