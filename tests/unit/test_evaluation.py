"""What is taken for a definition can be executed: tried on statements made by chance."""

from __future__ import annotations

import random
import re
import sys
import textwrap
import warnings
from types import ModuleType

import pytest
from prints import read

FUTURES = ("", "from __future__ import annotations\n")

PRELUDE = """
import abc, collections, contextlib, dataclasses, datetime, decimal, enum, functools, logging, math, os, pathlib, re
import sys, types, typing, uuid
import collections.abc as cabc
from dataclasses import dataclass, field, KW_ONLY, InitVar
from enum import Enum, IntEnum, StrEnum, auto, unique
from typing import (
    Any, Callable, ClassVar, Dict, Final, Generic, List, Literal, NamedTuple, NewType, Optional, ParamSpec, Protocol,
    Tuple, TypedDict, TypeVar, Union,
)
A = 1
B = "b"
LIST = [1]
TUPLE = (1, "a")
ROW = ([1],)
HERE = pathlib.Path(__file__).parent
T = TypeVar("T")
U = TypeVar("U", bound=int)
Id = NewType("Id", int)
def f(x=1): return x
class Plain: pass
class Slotted: __slots__ = ("a",)
class Sub(Plain): k = 1
class Made:
    def __init__(self): raise RuntimeError
class Mixed(Plain, Made): pass
class Lying:
    def _fail(self, *args): raise RuntimeError
    __bool__ = __eq__ = __hash__ = __str__ = __repr__ = __format__ = __len__ = _fail
class Hooked:
    def __init_subclass__(cls): raise RuntimeError
class Named:
    def __set_name__(self, owner, name): raise RuntimeError
class Err(ValueError): pass
class Late(Err, KeyError): pass
class Broken(Exception): __slots__ = ("a",)
class Number(int): pass
class Tight(Slotted): pass
class Base(abc.ABC):
    @abc.abstractmethod
    def m(self): ...
class Box(Generic[T]): pass
class Chest(Box[T]): pass
class Case(Box[int]): pass
class Colour(Enum):
    RED = 1
    BLUE = 2
@dataclass
class Data:
    x: int
    y: int
@dataclass(frozen=True)
class Frozen:
    x: int = 1
class Proto(Protocol):
    x: int
class Row(NamedTuple):
    x: int
class Movie(TypedDict):
    x: int
"""


def _table(text: str) -> list[str]:
    """Pieces of code that stand two spaces or a line apart."""
    return re.split(r"\s{2,}", text.strip())


VALUES = _table(
    r"""
    Plain()  Sub()  Slotted()  Made()  Base()  Named()  Data()  Plain(1)  not Lying()  Lying() == 1  f'{Lying()}'
    Lying() or 1  {Lying()}  1 if Lying() else 2  Lying() is None  [Lying()]  Mixed()
    1  -1  2.5  1e400  'a'  b'a'  None  True  ...  A  B  LIST  TUPLE  ROW  HERE  f  Plain  Sub  Id  T  Colour
    Colour.RED  Colour.GREEN  Sub.k  Sub.z  Missing  int  len  math.pi  math.PI  sys.maxsize  object()  list()
    dict()  set()  []  {}  ()  (1, LIST)  {1: 2}  {LIST: 2}  {A: 1, B: 2}  {TUPLE: 1}  {ROW: 1}  {f: 1}  {Plain}
    {1, 'a'}  {*TUPLE}  [*TUPLE, *LIST]  [*A]  {**{}}  {**LIST}  A + 1  A + B  B + B  B * 3  B * A  LIST + [1]
    LIST + TUPLE  TUPLE + (1,)  A / 2  A / 0  A // A  A % 3  2 ** 10  2 ** -1  0 ** -1  1 << 3  1 << -1  -A  -B  ~A
    not A  not LIST  A and B  A or Missing  A if B else LIST  A == B  A < 2  A < B  B < 'z'  A is None  A in LIST
    A in A  f'{A}'  f'{A:d}'  f'{B:d}'  f'{Missing}'  lambda: Missing  lambda x=A: x  lambda x=Missing: x
    re.compile('a+')  re.compile('(')  re.compile('a', re.I | re.X)  re.compile('a', re.NOPE)  re.compile(B)
    int('5')  int('a')  int(B)  float('nan')  frozenset([1, 2])  frozenset(LIST)  frozenset([LIST])
    frozenset(TUPLE)  set(B)  set(A)  tuple(LIST)  tuple(A)  list(B)  dict(a=1)  dict(LIST)  len(LIST)  len(A)
    str(A)  type(A)  type('X', (), {})  logging.getLogger('a')  logging.getLogger(A)  logging.getLogger(__name__)
    collections.namedtuple('X', 'a b')  collections.namedtuple('X', 'a a')
    collections.namedtuple('X', ['a', 'class'])  collections.namedtuple('X', 'a b', defaults=[1])
    collections.namedtuple('X', 'a', defaults=[1, 2])  TypeVar('V')  TypeVar('V', int)  TypeVar('V', int, str)
    TypeVar('V', bound=Plain)  TypeVar('V', bound=A)  TypeVar('V', bound='X[')  TypeVar('V', int, str, bound=int)
    TypeVar(A)  ParamSpec('P')  NewType('N', int)  NewType(A, int)  decimal.Decimal('1.5')  decimal.Decimal('x')
    datetime.timedelta(days=1)  datetime.timedelta(days=1e20)  datetime.date(2020, 1, 1)  datetime.date(2020, 2, 30)
    uuid.UUID('1' * 32)  uuid.UUID('12345678123456781234567812345678')  pathlib.Path('a')  pathlib.Path(A)
    HERE / 'a'  HERE / A  HERE.parent  HERE.nope  HERE.resolve()  os.path.join('a', 'b')  os.path.join('a', A)
    os.path.dirname(__file__)  os.path.dirname(A)  functools.partial(f, 1)  functools.partial(A)
    types.MappingProxyType({})  types.MappingProxyType(A)  collections.defaultdict(list)  collections.defaultdict(A)
    collections.deque()  auto()  f()  Plain()  Named()  int | None  int | A  None | None  List[int] | None
    'a' | None  Plain | 'b'  T | None  Id | None  Colour['RED']  TUPLE[0]  sys.version_info >= (3, 8)
    sys.version_info >= ('a',)  range(3)  range(1, 2, 0)  print  dataclasses.field()  property(f)  staticmethod(f)
    field(default=1)  field(default_factory=list)  field(default=1, default_factory=list)  field(default=LIST)
    field(init=False)  field(kw_only=True)  field(1)  field(nope=1)  field(metadata={})  field(metadata=A)
    field(default=Missing)  B.join(LIST)  [i for i in A]  __name__  __doc__  (yield)
    """
)

TYPES = _table(
    r"""
    int  str  Plain  Missing  A  B  None  'X'  'X['  'a b'  Any  T  Id  f  Colour  Box  Final  ClassVar  Proto
    InitVar  KW_ONLY  ...  5  LIST  List[int]  List[int, str]  List[A]  List['X']  List['X[']  List[5]
    Optional[int]  Optional[int, str]  Dict[str, int]  Dict[str]  Tuple[int, ...]  Tuple[()]  Tuple[int, 5]
    Union[int, str]  Union[int, 5]  list[int]  list[A]  dict[str, LIST]  tuple[int, ...]  type[Plain]  int[str]
    ClassVar[type[Plain]]
    Plain[int]  Box[int]  Box[int, str]  Box[A]  Box[5]  Callable[[int], str]  Callable[..., str]
    Callable[int, str]  Callable[[5], int]  cabc.Callable[[int], str]  cabc.Callable[int, str]  cabc.Iterator[int]
    cabc.Mapping[str]  Literal['a', 1]  Literal[A]  typing.Annotated[int, 5]  typing.Annotated[int]  ClassVar[int]
    ClassVar[list]  Final[int]  InitVar[int]  int | None  int | 5  'X' | None  int | 'X'  List[int] | None
    typing.Nope  typing.Sequence[int]  Generic[T]  Optional[None]  Optional[LIST]  Optional[f]  re.Pattern[str]
    os.PathLike[str]  Movie  Row[int]
    """
)

BASES = _table(
    r"""
    Plain  Slotted  Tight  Number  Sub  Hooked  Err  Late  Broken  SystemExit  BaseException
    Base  Box  Colour  Data  Frozen  Proto  Row  Movie  object  Exception
    KeyError  OSError  dict  int  str  Missing  A  LIST  Enum  IntEnum  StrEnum  NamedTuple  TypedDict  Protocol
    Generic  type  bool  Id  T  abc.ABC  collections.UserDict  Generic[T]  Generic[T, U]  Generic[T, T]
    Generic[int]  Box[int]  Chest  Chest[int]  Chest[T]  Case[int]
    Chest[int, str]  Box[int, str]  Protocol[T]  cabc.Mapping[str, int]  cabc.Mapping  List[int]
    metaclass=abc.ABCMeta  total=False  x=1
    """
)

DECORATORS = _table(
    r"""
    dataclass  unique  final  functools.total_ordering  staticmethod  classmethod  property  abc.abstractmethod
    functools.cache  functools.cached_property  functools.lru_cache  contextlib.contextmanager  typing.overload
    typing.runtime_checkable  typing.final  f  A  Missing  Plain  dataclass(frozen=True)  dataclass(slots=True)
    dataclass(kw_only=True)  dataclass(order=True)  dataclass(1)  dataclass(nope=1)  dataclass(eq=False)
    functools.lru_cache(5)  functools.lru_cache('a')  functools.lru_cache(maxsize=None)
    functools.lru_cache(1, 2, 3)  functools.wraps(f)  functools.wraps(Missing)  x.setter  k.setter
    functools.wraps()
    """
)

NAMES = (
    "x",
    "y",
    "k",
    "_z",
    "__slots__",
    "__hash__",
    "__radd__",
    "__lt__",
    "mro",
    "name",
    "value",
    "__init__",
    "__set_name__",
    "__w",
    "__v",
)


def statement(chance: random.Random) -> str:
    """One statement that binds `made`."""
    pick = chance.choice
    match chance.randrange(5):
        case 0:
            return f"made = {pick(VALUES)}"
        case 1:
            return f"made: {pick(TYPES)} = {pick(VALUES)}"
        case 2:
            head = f"@{pick(DECORATORS)}\n" if chance.random() < 0.3 else ""
            return f"{head}def made(x: {pick(TYPES)} = {pick(VALUES)}, *, y={pick(VALUES)}) -> {pick(TYPES)}: ..."
    heads = [pick(DECORATORS[:24]) for _ in range(chance.choice((0, 0, 1, 1, 2)))]
    if chance.random() < 0.4:
        heads = [pick(("dataclass", "dataclass(frozen=True)", "dataclass(slots=True)", "dataclass(kw_only=True)"))]
    bases = ", ".join(pick(BASES) for _ in range(pick((0, 1, 1, 1, 2, 2))))
    lines = [_member(chance) for _ in range(chance.randint(1, 3))]
    text = "\n".join((*(f"@{head}" for head in heads), f"class made({bases}):", *lines))
    return text


def _member(chance: random.Random) -> str:
    pick = chance.choice
    name = pick(NAMES)
    match chance.randrange(6):
        case 0:
            return f"    {name} = {pick(VALUES)}"
        case 1:
            return f"    {name}: {pick(TYPES)}"
        case 2:
            return f"    {name}: {pick(('int', 'int', pick(TYPES)))} = {pick(VALUES)}"
        case 3:
            head = f"    @{pick(DECORATORS)}\n" if chance.random() < 0.5 else ""
            return f"{head}    def {name}(self, a={pick((*VALUES, 'x', 'k', '__w', '__v'))}): ..."
        case 4:
            return f"    {name} = {pick(('auto()', '1', '2', repr(chance.choice('ab'))))}"
    value = pick((*VALUES, "x", "k", "__w", "__v"))
    return f"    class {name.strip('_') or 'q'}({pick(BASES)}):\n        {pick(NAMES)} = {value}"


@pytest.mark.parametrize("seed", range(8))
def test_a_definition_can_be_executed(seed: int) -> None:
    """No statement that is taken for a definition raises; a good part of those that do not raise are taken."""
    tried(seed * 40, 40)


def tried(first: int, count: int) -> tuple[int, int]:
    """Try statements of these seeds: how many were taken, and how many could have been."""
    taken = fine = 0
    bodies = {future: read(future + PRELUDE).body for future in FUTURES}
    for seed in range(first, first + count):
        code = statement(random.Random(seed))  # noqa: S311
        for future in FUTURES:
            text = future + PRELUDE + code + "\n"
            try:
                compiled = compile(text, "/world/made.py", "exec", dont_inherit=True)
            except SyntaxError:
                continue
            failure: Exception | None = None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sys.modules["made"] = module = ModuleType("made")
                module.__file__ = "/world/made.py"
                try:
                    exec(compiled, vars(module))  # noqa: S102
                except Exception as error:
                    failure = error
                finally:
                    del sys.modules["made"]
            source = read(text)  # what it needs of imported names would show in the body
            is_taken = "made" in source.definitions and source.body == bodies[future]
            assert not (is_taken and failure), f"{code}\n{failure!r} (seed {seed})"
            taken += is_taken
            fine += failure is None
    return taken, fine


@pytest.mark.parametrize(
    "code",
    [
        "LIMIT = 60 * 60",
        "LIMITS: dict[str, int] = {'a': 1}",
        "WORD = re.compile(r'\\w+', re.I)",
        "log = logging.getLogger(__name__)",
        "HOME = Path(__file__).parent / 'x'",
        "T = TypeVar('T', bound='Shop')",
        "a, b = 1, 'x'",
        "def f(a, b=LOW, *, c: str | None = None) -> list[int]: ...",
        "@contextmanager\ndef f(a): yield",
        "@lru_cache(maxsize=None)\ndef f(a: 'Shop'): ...",
        "async def f(): ...",
        "class Shop:\n    'Doc.'\n    size = LOW\n    def m(self): ...",
        "class Shop:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...",
        "class Bad(ValueError): pass",
        "class Level(Enum):\n    LOW = 1\n    HIGH = 2",
        "class Level(str, Enum):\n    LOW = 'low'\n    HIGH = 'high'",
        "@dataclass(frozen=True, slots=True)\nclass P:\n    x: int\n    y: list[int] = field(default_factory=list)",
        "class P(NamedTuple):\n    x: int\n    y: str = 'a'",
        "class P(TypedDict, total=False):\n    x: int",
        "class P(Protocol):\n    def m(self) -> int: ...",
        "class P(Known):\n    def m(self): ...",
        "def f(a=config.LIMIT): ...",
        "class P(Known):\n    made_by: type[Known] = config.Shop",
        "class P:\n    made_by: ClassVar[type[Known] | None] = None",
        "class P:\n    made_by: ClassVar[type[Known]] = config.Shop",
        "class Slotted(Known):\n    __slots__ = ('a',)\n    def m(self): ...",
        "class Bad(KeyError, AttributeError): pass",
        "@total_ordering\nclass Version:\n    def __eq__(self, o): ...\n    def __lt__(self, o): ...",
        "class Missing: pass\nMISSING = Missing()",
        "class Missing:\n    __slots__ = ()\n    def pop(self): ...\nclass Box(Known):\n    __size = Missing()",
        "class Box(Known):\n    __none = object()\n    def pop(self, key, default=__none): ...",
        "class Cache:\n    @total_ordering\n    class Item:\n        def __lt__(self, o): ...",
    ],
)
def test_usual_definitions_are_taken(code: str) -> None:
    """What projects write every day stands by name."""
    source = read(
        f"""
        import logging, re
        from contextlib import contextmanager
        from dataclasses import dataclass, field
        from enum import Enum
        from functools import lru_cache, total_ordering
        from pathlib import Path
        from typing import ClassVar, NamedTuple, Protocol, TypedDict, TypeVar
        from shop import config
        LOW = 1
        class Known: pass
{textwrap.indent(code, " " * 8)}
        """
    )
    assert len(source.definitions) > 2


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("staticmethod(known)", True),
        ("classmethod(get)", True),
        ("property(get)", True),
        ("property(get, put)", True),
        ("property(lambda self: 1)", True),
        ("staticmethod(imported)", False),
        ("property(get, imported)", False),
        ("property(get, doc=imported)", False),
    ],
)
def test_methods_that_a_call_makes(value: str, taken: bool) -> None:
    """It keeps a function as a class does, and reads no more of it than its name and its docstring."""
    methods = "    def get(self): ...\n    def put(self, value): ...\n"
    source = read(f"from shop import imported\ndef known(): ...\nclass Shop:\n{methods}    x = {value}\n")
    assert ("Shop" in source.definitions) == taken


@pytest.mark.parametrize(
    "code",
    [
        "X = compute()",
        "X = config()",
        "X = LATER\nLATER = 1",
        "if LOW: X = 1",
        "X = 1\nX = 2",
        "X = 1\nX += 1",
        "X = 1\ndel X",
        "X = 1\ndef f():\n    global X\n    X = 2",
        "@register\ndef X(): ...",
        "def X(a=[i for i in LOW]): ...",
        "class X(metaclass=M): pass",
        "class X(config.Base): pass",
        "class X:\n    a = config.field",
        "class X:\n    a: config.Field = config.field",
        "class X:\n    a: list[int] = config.field",
        "class X(OSError, StopIteration): pass",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass X(object, Generic[T]): pass",
        "class A:\n    __slots__ = ('a',)\nclass B:\n    __slots__ = ('b',)\nclass X(A, B): pass",
        "class A(int): pass\nclass X(A):\n    __slots__ = ('a',)",
        "class X:\n    print(1)",
        "class Hook:\n    def __init_subclass__(cls): ...\nclass X(Hook): pass",
        "X: int",
        "X.a = 1",
        "def pytest_X(): ...",
        "def __getattr__(X): ...",
        "class A:\n    def __init__(self): ...\nX = A()",
        "class A:\n    def __new__(cls): ...\nclass B(A): pass\nX = B()",
        "class A:\n    def __set_name__(self, owner, name): ...\nclass X:\n    a = A()",
        "class A: pass\nX = A(1)",
        "class A: pass\nX = not A()",
        "__none = 1\nclass X:\n    def pop(self, default=__none): ...",
        "class X:\n    __none = 1\n    class Y:\n        def pop(self, default=__none): ...",
        "from functools import total_ordering\n@total_ordering\nclass X:\n    def __eq__(self, other): ...",
        "try: X = 1\nexcept E: pass",
        "X = [LOW][0]",
        "X = {LIST: 1}",
        "for X in (): pass",
        "X = (Y := 1)",
        "X = await_()",
        "from other import *\nX = 1",
    ],
)
def test_what_may_do_something_is_rest(code: str) -> None:
    """What registers, fails, depends on order or is found without its name runs with the import."""
    head = "from shop import config\nLOW = 1\nLIST = []\n"
    source = read(head + code + "\n")
    assert not [name for name in source.definitions if "X" in name]
