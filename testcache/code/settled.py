"""Imports that do nothing but bind a name: of modules that pytest has loaded before a project's code runs.

Such an import cannot fail, cannot meet a file of the project that has the same name, and nobody can tell
that it is there but by the name it binds. So it is a definition: adding `from typing import Any` to a
file concerns who reads `Any` there. Every name in the table is in every supported Python.

Does not see: a module of the standard library from which a project has deleted a name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_NAMES = {
    "abc": "ABC ABCMeta abstractmethod",
    "argparse": "Action ArgumentDefaultsHelpFormatter ArgumentError ArgumentParser ArgumentTypeError "
    "BooleanOptionalAction FileType HelpFormatter Namespace RawDescriptionHelpFormatter SUPPRESS",
    "ast": "AST NodeTransformer NodeVisitor dump literal_eval parse unparse walk",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque namedtuple",
    "collections.abc": "AsyncGenerator AsyncIterable AsyncIterator Awaitable Callable Collection Container Coroutine "
    "Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence "
    "MutableSet Reversible Sequence Set Sized ValuesView",
    "contextlib": "AbstractAsyncContextManager AbstractContextManager AsyncExitStack ContextDecorator ExitStack "
    "aclosing asynccontextmanager chdir closing contextmanager nullcontext redirect_stderr redirect_stdout suppress",
    "copy": "copy deepcopy",
    "dataclasses": "Field FrozenInstanceError InitVar KW_ONLY MISSING asdict astuple dataclass field fields "
    "is_dataclass make_dataclass replace",
    "datetime": "UTC date datetime time timedelta timezone tzinfo",
    "decimal": "Context Decimal DecimalException DivisionByZero Inexact InvalidOperation ROUND_CEILING ROUND_DOWN "
    "ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP getcontext localcontext setcontext",
    "difflib": "Differ HtmlDiff SequenceMatcher context_diff get_close_matches ndiff unified_diff",
    "enum": "Enum EnumMeta EnumType Flag IntEnum IntFlag StrEnum auto member nonmember unique",
    "errno": "EACCES EADDRINUSE EAGAIN EBADF ECONNREFUSED ECONNRESET EEXIST EINTR EINVAL EIO EISDIR ENOENT ENOSPC "
    "ENOSYS ENOTDIR ENOTEMPTY EPERM EPIPE errorcode",
    "fnmatch": "filter fnmatch fnmatchcase translate",
    "functools": "cache cached_property cmp_to_key lru_cache partial partialmethod reduce singledispatch "
    "singledispatchmethod total_ordering update_wrapper wraps",
    "glob": "escape glob iglob",
    "hashlib": "blake2b blake2s file_digest md5 pbkdf2_hmac sha1 sha224 sha256 sha384 sha512",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "html": "escape unescape",
    "inspect": "BoundArguments Parameter Signature cleandoc get_annotations getattr_static getdoc getfile "
    "getfullargspec getmro getsource getsourcefile getsourcelines isabstract isasyncgenfunction isawaitable isclass "
    "iscoroutine iscoroutinefunction isfunction isgenerator isgeneratorfunction ismethod ismodule signature unwrap",
    "io": "BufferedReader BufferedWriter BytesIO FileIO IOBase RawIOBase StringIO TextIOBase TextIOWrapper "
    "UnsupportedOperation",
    "itertools": "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile "
    "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest",
    "json": "JSONDecodeError JSONDecoder JSONEncoder dump dumps load loads",
    "keyword": "iskeyword issoftkeyword kwlist",
    "logging": "CRITICAL DEBUG ERROR FileHandler Filter Formatter Handler INFO LogRecord Logger LoggerAdapter NOTSET "
    "NullHandler StreamHandler WARNING basicConfig getLevelName getLogger",
    "math": "acos asin atan atan2 ceil comb copysign cos cosh degrees dist e erf exp fabs factorial floor fmod fsum "
    "gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp log log10 log1p log2 modf nan perm pi pow prod "
    "radians sin sinh sqrt tan tanh tau trunc",
    "numbers": "Complex Integral Number Rational Real",
    "operator": "add and_ attrgetter call concat contains eq floordiv ge getitem gt index inv invert is_ is_not "
    "itemgetter le lt matmul methodcaller mod mul ne neg not_ or_ pos pow setitem sub truediv truth xor",
    "os": "PathLike chdir cpu_count environ fsdecode fsencode fspath getcwd getenv getpid linesep listdir makedirs "
    "mkdir path remove rename replace scandir sep stat unlink urandom walk",
    "os.path": "abspath basename commonpath commonprefix dirname exists expanduser expandvars getmtime getsize isabs "
    "isdir isfile islink join normcase normpath realpath relpath samefile sep split splitdrive splitext",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "platform": "machine node processor python_implementation python_version release system uname",
    "pprint": "PrettyPrinter pformat pp pprint",
    "pytest": "CallInfo CaptureFixture Class Config ExceptionInfo ExitCode FixtureRequest Function Item "
    "LogCaptureFixture Mark MarkDecorator Metafunc MonkeyPatch Module Parser PytestPluginManager "
    "RaisesGroup Session TempPathFactory UsageError WarningsRecorder approx deprecated_call exit fail "
    "fixture hookimpl importorskip mark param raises register_assert_rewrite skip warns xfail",
    "random": "Random SystemRandom choice choices gauss randint random randrange sample seed shuffle uniform",
    "re": "ASCII DOTALL I IGNORECASE M MULTILINE Match Pattern S UNICODE VERBOSE X compile error escape findall "
    "finditer fullmatch match search split sub subn",
    "shlex": "join quote shlex split",
    "shutil": "copy copy2 copyfile copyfileobj copytree disk_usage get_terminal_size ignore_patterns make_archive "
    "move rmtree unpack_archive which",
    "signal": "SIGALRM SIGHUP SIGINT SIGKILL SIGTERM SIG_DFL SIG_IGN Signals alarm getsignal signal",
    "string": "Formatter Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits "
    "printable punctuation whitespace",
    "struct": "Struct calcsize error iter_unpack pack pack_into unpack unpack_from",
    "subprocess": "CalledProcessError CompletedProcess DEVNULL PIPE Popen STDOUT SubprocessError TimeoutExpired call "
    "check_call check_output run",
    "sys": "argv byteorder exc_info executable exit float_info getsizeof hexversion intern maxsize platform stderr "
    "stdin stdout version version_info",
    "tempfile": "NamedTemporaryFile SpooledTemporaryFile TemporaryDirectory TemporaryFile gettempdir mkdtemp mkstemp",
    "textwrap": "TextWrapper dedent fill indent shorten wrap",
    "threading": "Barrier BoundedSemaphore Condition Event Lock RLock Semaphore Thread Timer current_thread enumerate "
    "get_ident local main_thread",
    "time": "gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns process_time sleep strftime "
    "strptime struct_time time time_ns",
    "traceback": "FrameSummary StackSummary TracebackException extract_stack extract_tb format_exc format_exception "
    "format_tb print_exc print_exception print_stack",
    "types": "BuiltinFunctionType CodeType CoroutineType FrameType FunctionType GeneratorType GenericAlias LambdaType "
    "MappingProxyType MethodType ModuleType NoneType SimpleNamespace TracebackType UnionType coroutine new_class",
    "typing": "AbstractSet Annotated Any AnyStr AsyncGenerator AsyncIterable AsyncIterator Awaitable BinaryIO "
    "Callable ClassVar Collection Concatenate Container Coroutine Counter DefaultDict Deque Dict Final ForwardRef "
    "FrozenSet Generator Generic Hashable IO Iterable Iterator List Literal LiteralString Mapping MutableMapping "
    "MutableSequence MutableSet NamedTuple Never NewType NoReturn NotRequired Optional OrderedDict ParamSpec Protocol "
    "Required Reversible Self Sequence Set Sized SupportsAbs SupportsBytes SupportsFloat SupportsIndex SupportsInt "
    "TYPE_CHECKING Text TextIO Tuple Type TypeAlias TypeGuard TypeVar TypeVarTuple TypedDict Union Unpack ValuesView "
    "assert_never assert_type cast dataclass_transform final get_args get_origin get_type_hints overload reveal_type "
    "runtime_checkable",
    "unicodedata": "bidirectional category combining east_asian_width lookup name normalize numeric",
    "unittest": "SkipTest TestCase TestLoader TestResult TestSuite TextTestRunner expectedFailure main skip skipIf "
    "skipUnless",
    "uuid": "NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL UUID uuid1 uuid3 uuid4 uuid5",
    "warnings": "catch_warnings filterwarnings simplefilter warn warn_explicit",
    "weakref": "ProxyType ReferenceType WeakKeyDictionary WeakMethod WeakSet WeakValueDictionary finalize proxy ref",
    "zipfile": "BadZipFile Path ZIP_DEFLATED ZIP_STORED ZipFile ZipInfo is_zipfile",
}

SETTLED = {module: frozenset(names.split()) for module, names in _NAMES.items()}
"""For each module the names that it surely has."""

TYPES = frozenset(
    (  # noqa: SIM905
        "argparse.ArgumentParser argparse.Namespace collections.ChainMap collections.Counter collections.OrderedDict "
        "collections.UserDict collections.defaultdict collections.deque collections.abc.Callable "
        "collections.abc.Collection collections.abc.Iterable collections.abc.Iterator collections.abc.Mapping "
        "collections.abc.MutableMapping collections.abc.Sequence collections.abc.Set datetime.date datetime.datetime "
        "datetime.time datetime.timedelta datetime.timezone datetime.tzinfo decimal.Decimal enum.Enum enum.IntEnum "
        "enum.StrEnum io.BytesIO io.StringIO io.TextIOBase logging.Handler logging.Logger logging.LogRecord "
        "os.PathLike pathlib.Path pathlib.PurePath pathlib.PurePosixPath re.Match re.Pattern types.FrameType "
        "types.FunctionType types.ModuleType types.SimpleNamespace types.TracebackType typing.Any typing.Callable "
        "typing.Dict typing.Iterable typing.Iterator typing.List typing.Mapping typing.Sequence typing.Set "
        "typing.Tuple typing.Type uuid.UUID"
    ).split()
)
"""These may stand where a type is wanted, as in `Path | None`."""


def is_there(dotted: str) -> bool:
    """Is it a name that a module surely has?"""
    module, _, name = dotted.rpartition(".")
    return name in SETTLED.get(module, ())


def is_settled(statement: ast.stmt) -> bool:
    """Is it an import of such names, which can neither fail nor do anything else?"""
    match statement:
        case ast.Import():
            return all(alias.name in SETTLED for alias in statement.names)
        case ast.ImportFrom(module=str(module), level=0) if module in SETTLED:
            return all(alias.name in SETTLED[module] for alias in statement.names)
    return False


def bindings(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Each name that a settled import binds, with what it then stands for."""
    match statement:
        case ast.Import():
            for alias in statement.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        case ast.ImportFrom():
            for alias in statement.names:
                yield alias.asname or alias.name, f"{statement.module}.{alias.name}"
