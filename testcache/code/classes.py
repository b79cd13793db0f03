"""Which class statements can be executed without any effect and without an exception.

A class is one definition: its bases, attributes and the headers of its methods count together, as
instances and classes are looked at as a whole by many (`vars(self)`, `dataclasses.fields`). Making one
has no effect if no code of a project runs with it: no metaclass, no `__init_subclass__`, no
`__set_name__`. It cannot fail if each of its parts can be evaluated, and if the rules that the
standard library checks for its sort hold: the order of a dataclass's fields, names of enum members, ...

Of a class of another file only its name is known here. The class statement then counts as a definition
that *assumes* that one to be open: whoever decides knows the other file too (see `openness`).

Does not see: two bases that differ in the layout of C structures other than built-in exceptions.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from testcache.code.attributes import Facts, bound, fits_sort, is_field, is_plain_name, slots_fit, value_sort
from testcache.code.decorators import is_sure_function, sort_of_method
from testcache.code.evaluation import Surroundings
from testcache.code.sorts import UNKNOWN
from testcache.structs import replace

_EXCEPTIONS: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and name != "PythonFinalizationError"
}
_STANDARD = frozenset(
    (  # noqa: SIM905
        "builtins.object abc.ABC abc.ABCMeta builtins.dict builtins.list builtins.set builtins.str builtins.int "
        "builtins.float builtins.tuple builtins.frozenset builtins.type collections.OrderedDict collections.UserDict "
        "collections.UserList collections.Counter collections.deque collections.defaultdict threading.Thread "
        "threading.local json.JSONEncoder json.JSONDecoder argparse.Action argparse.ArgumentParser "
        "argparse.HelpFormatter logging.Handler logging.Formatter logging.Filter logging.LoggerAdapter "
        "logging.StreamHandler ast.NodeVisitor ast.NodeTransformer html.parser.HTMLParser "
        "http.server.BaseHTTPRequestHandler io.RawIOBase io.TextIOWrapper io.StringIO io.BytesIO "
        "contextlib.ContextDecorator contextlib.AbstractContextManager contextlib.AbstractAsyncContextManager "
        "configparser.ConfigParser datetime.tzinfo datetime.date datetime.datetime random.Random cmd.Cmd "
        "textwrap.TextWrapper reprlib.Repr unittest.TestCase unittest.IsolatedAsyncioTestCase"
    ).split()
)
"""Classes that run nothing when they get a subclass."""

_LOOSE = ("abc.", "collections.abc.", "contextlib.Abstract", "typing.")
_ABSTRACT = frozenset("Mapping MutableMapping Sequence MutableSequence Iterable Iterator Collection".split())  # noqa: SIM905
_ENUMS = {"Enum": "", "IntEnum": "int", "StrEnum": "str"}
_COMPARISONS = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
_DATACLASS_OPTIONS = frozenset({"frozen", "slots", "kw_only", "repr", "eq", "init", "match_args"})


class Classes:
    """Judges the classes of one file, in the order of the file."""

    def __init__(self) -> None:
        self.known: dict[str, Facts] = {}

    def judge(self, node: ast.ClassDef, around: Surroundings) -> Facts | None:
        """What is known of a class, None if making it might fail or do something."""
        if getattr(node, "type_params", None):
            return None
        facts = self._by_bases(node, around)
        if facts is None or not all(_is_harmless_keyword(option, facts, around) for option in node.keywords):
            return None
        made = self._by_decorators(node, around, facts)
        if made is None or not self._body(node, around, made):
            return None
        made.parameters = facts.parameters
        made.order = (node.name, *facts.order)
        made.slotted = facts.slotted or "__slots__" in bound(node)
        made.model = _subclass(facts.model)
        return made

    @staticmethod
    def is_idle(node: ast.ClassDef, facts: Facts, around: Surroundings) -> bool:
        """Does nothing run, and cannot it fail, when an object of the class is made without arguments?

        Does not see: a module that gives the class another `__init__` later.
        """
        bases = all(isinstance(base, ast.Name) and base.id in around.idle for base in node.bases)
        alone = bases and not node.keywords and facts.sort == "plain" and facts.open
        return alone and facts.names.keys().isdisjoint({"__init__", "__new__"})

    # -- bases

    def _by_bases(self, node: ast.ClassDef, around: Surroundings) -> Facts | None:
        bases = list(node.bases)
        generic = bases[-1] if bases else None
        if isinstance(generic, ast.Subscript) and around.dotted(generic.value) in ("typing.Generic", "typing.Protocol"):
            args = generic.slice.elts if isinstance(generic.slice, ast.Tuple) else [generic.slice]
            if len({ast.unparse(part) for part in args}) != len(args) or not all(map(around.is_type_variable, args)):
                return None
            if around.dotted(generic.value) == "typing.Protocol":
                return Facts("protocol") if len(bases) == 1 else None
            known = Facts("plain") if len(bases) == 1 else None
            if len(bases) == 2 and around.dotted(bases[0]) != "builtins.object":  # that comes after all others
                known = self._by_base(bases[0], around)
            if known is None or known.sort not in ("plain", "dataclass", "frozen dataclass"):
                return None
            known.parameters = len(args)
            return known
        if not bases:
            return Facts("plain")
        if len(bases) == 2:
            first, second = bases
            mixin = around.dotted(first)
            if mixin in ("builtins.str", "builtins.int") and around.dotted(second) == "enum.Enum":
                return Facts("enum", names={"_of": mixin[9:]})
            if around.dotted(second) == "abc.ABC" and isinstance(first, ast.Name):
                known = self._known(first)  # a base that has ABC itself would come before it in any order
                if known is None or known.sort != "plain" or not known.open or known.assumes:
                    return None
                made = self._derived("plain", known)
                made.order = (*(name for name in known.order if name != "abc.ABC"), "abc.ABC")
                return made
            if around.dotted(second) == "abc.ABC":
                return None
        return self._by_base(bases[0], around) if len(bases) == 1 else self._mixed(bases, around)

    def _mixed(self, bases: list[ast.expr], around: Surroundings) -> Facts | None:
        """Several plain classes of this file, if their orders agree; or several exceptions."""
        found = [known for base in bases if (known := self._known(base)) is not None]
        if len(found) < len(bases) or not around.is_sure(*bases):
            return self._mixed_exceptions(bases, around)
        if not all(known.sort == "plain" and known.open and not known.parameters for known in found):
            return self._mixed_exceptions(bases, around)
        if any(known.slotted or known.assumes for known in found):
            return None
        orders = [list(known.order) for known in found]
        if sum(any("." in name and not name.startswith(_LOOSE) for name in order) for order in orders) > 1:
            return None  # two layouts
        order = _merged([*orders, [order[0] for order in orders]])
        if order is None:
            return None
        made = self._derived("plain", *found)
        made.order = tuple(order)
        return made

    def _mixed_exceptions(self, bases: list[ast.expr], around: Surroundings) -> Facts | None:
        """Built-in exceptions and those of this file: whether they fit together is tried on classes without a body."""
        found = [self._by_base(base, around) for base in bases]
        known = [one for one in found if one is not None and one.model is not None and not one.slotted]
        if len(known) < len(bases):
            return None
        made = self._derived("exception", *known)
        made.model = _subclass(*(one.model for one in known))
        return made if made.model is not None else None

    def _known(self, node: ast.expr) -> Facts | None:
        return self.known.get(node.id) if isinstance(node, ast.Name) else None

    def _by_base(self, base: ast.expr, around: Surroundings) -> Facts | None:
        known = self._known(base)
        if known is not None and isinstance(base, ast.Name) and base.id in around.sorts:
            empty = known.sort != "enum"  # an enum with members has no subclasses
            fits = known.open and empty and known.sort != "tuple"
            sort = "plain" if known.sort == "protocol" else known.sort
            return self._derived(sort, known) if fits else None
        if isinstance(base, ast.Subscript):
            return self._by_generic(base, around)
        name = around.dotted(base)
        module, _, last = name.rpartition(".")
        if name in _STANDARD or module == "collections.abc":
            return Facts("plain", order=(name,) if name != "builtins.object" else ())
        if module == "builtins" and last in _EXCEPTIONS:
            return Facts("exception", model=_EXCEPTIONS[last])
        if module == "enum" and last in _ENUMS:
            return Facts("enum", names={"_of": _ENUMS[last]})
        if module in ("typing", "typing_extensions"):
            sort = {"NamedTuple": "tuple", "TypedDict": "typed dict", "Protocol": "protocol"}.get(last, "")
            return Facts(sort) if sort else None
        place = around.place(base)
        return Facts("plain", assumes=frozenset([place])) if place else None

    @staticmethod
    def _derived(sort: str, *bases: Facts) -> Facts:
        """What a class has from its bases, of which the first decides."""
        return Facts(
            sort,
            defaults=bases[0].defaults,
            fields=set(bases[0].fields),
            inherited=set().union(*(base.names.keys() | base.inherited for base in bases)),
            order=bases[0].order,
            slotted=any(base.slotted for base in bases),
            assumes=frozenset().union(*(base.assumes for base in bases)),
            model=bases[0].model,
        )

    def _by_generic(self, base: ast.Subscript, around: Surroundings) -> Facts | None:
        """`Base[int]`, if making that cannot fail."""
        if around.sort_of(base) is None:
            return None
        if isinstance(base.value, ast.Name) and base.value.id in around.generics:
            known = self._by_base(base.value, around)
            args = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
            if known is not None and all(isinstance(part, ast.Name | ast.Constant) for part in args):
                known.parameters = len({ast.unparse(part) for part in args if around.sort_of(part) == "typevar"})
            return known
        name = around.dotted(base.value)
        module, _, last = name.rpartition(".")
        abstract = module == "collections.abc" or (module == "typing" and last in _ABSTRACT)
        return Facts("plain", order=(name,)) if abstract or name in _STANDARD else None

    # -- decorators

    def _by_decorators(self, node: ast.ClassDef, around: Surroundings, facts: Facts) -> Facts | None:
        for decorator in reversed(node.decorator_list):
            call = decorator if isinstance(decorator, ast.Call) else None
            name = around.dotted(call.func if call else decorator)
            if name == "dataclasses.dataclass" and facts.sort in ("plain", "dataclass", "frozen dataclass"):
                made = self._dataclass(call, facts)
                others = [name for name in facts.order if "." in name and not name.startswith(_LOOSE)]
                if made is None or others or facts.assumes:
                    return None
                facts = made
            elif call is None and (_is_remark(name, facts) or _is_ordering(name, node, facts)):
                continue
            elif name == "enum.unique" and call is None and facts.sort == "enum":
                values = [part.value for part in node.body if isinstance(part, ast.Assign)]
                numbered = all(isinstance(value, ast.Call) for value in values)
                if len({ast.dump(value) for value in values}) != len(values) and not numbered:
                    return None
            else:
                return None
        return facts

    @staticmethod
    def _dataclass(call: ast.Call | None, facts: Facts) -> Facts | None:
        options: dict[str, object] = {}
        for option in call.keywords if call else ():
            if option.arg not in _DATACLASS_OPTIONS or not isinstance(option.value, ast.Constant):
                return None
            options[option.arg] = option.value.value
        if call and call.args:
            return None
        sort = "frozen dataclass" if options.get("frozen") else "dataclass"
        if facts.sort not in ("plain", sort) or (options.get("slots") and facts.sort != "plain"):
            return None  # frozen and other ones do not mix
        names = {"_kw": "bool"} if options.get("kw_only") else {}
        return replace(facts, sort=sort, names={"_fields": "", **names})

    # -- body

    def _body(self, node: ast.ClassDef, around: Surroundings, facts: Facts) -> bool:
        of, keywords_only = facts.names.pop("_of", ""), bool(facts.names.pop("_kw", ""))
        fields = facts.names.pop("_fields", None) is not None
        counts = Counter(bound(node))
        names: dict[str, str] = {}
        inner = Classes()
        for part in node.body:
            inside = around.inside(names)
            match part:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    if not is_sure_function(part, inside, names):
                        return False
                    names[part.name] = sort_of_method(part)
                    if counts[part.name] > 1 and facts.sort == "enum":
                        return False
                case ast.ClassDef():
                    made = inner.judge(part, around.hiding(names)) if facts.sort in ("plain", "exception") else None
                    if made is None or counts[part.name] > 1:
                        return False
                    facts.assumes |= made.assumes
                    names[part.name] = "class"
                case ast.Pass() | ast.Expr(value=ast.Constant()):
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    sort = value_sort(value, inside, facts, of)
                    if sort is None or counts[name] > 1 or not is_plain_name(name, value, facts):
                        return False
                    names[name] = sort
                case ast.AnnAssign(target=ast.Name(id=name)):
                    if counts[name] > 1 or not is_plain_name(name, part.value, facts):
                        return False
                    if not is_field(part, inside, facts, fields=fields, keywords_only=keywords_only):
                        return False
                    if part.value is not None:
                        names[name] = UNKNOWN
                case _:
                    return False
        facts.names = {} if facts.sort in ("typed dict", "tuple") else names
        facts.open = not {"__init_subclass__", "__set_name__", "__class_getitem__"} & names.keys()
        sized = any("." in name and not name.startswith(_LOOSE) for name in facts.order)
        bases = [base for base in node.bases if not _is_generic(base, around)]
        known = facts.sort == "exception" or not bases or (all(map(self._known, bases)) and not sized)
        known = known and not facts.assumes  # a class of another file may be one of `int`, which takes no slots
        return (known or "__slots__" not in names) and slots_fit(node, names) and fits_sort(facts, names)


def _subclass(*bases: type[BaseException] | None) -> type[BaseException] | None:
    """A class with these bases, None if that cannot be made."""
    try:
        return None if None in bases else type("Model", bases, {})  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_generic(base: ast.expr, around: Surroundings) -> bool:
    return isinstance(base, ast.Subscript) and around.dotted(base.value) == "typing.Generic"


def _is_remark(name: str, facts: Facts) -> bool:
    """Does a decorator of that name only mark the class?"""
    return name in ("typing.final", "typing_extensions.final") or (
        name == "typing.runtime_checkable" and facts.sort == "protocol"
    )


def _is_ordering(name: str, node: ast.ClassDef, facts: Facts) -> bool:
    """Does a decorator of that name add comparisons to the one that the class has? It fails if there is none."""
    own = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    fits = facts.sort in ("plain", "exception", "dataclass", "frozen dataclass") and not own.isdisjoint(_COMPARISONS)
    return fits and name == "functools.total_ordering"


def _is_harmless_keyword(option: ast.keyword, facts: Facts, around: Surroundings) -> bool:
    if option.arg == "metaclass":
        return facts.sort == "plain" and around.dotted(option.value) == "abc.ABCMeta"
    return option.arg == "total" and facts.sort == "typed dict" and isinstance(option.value, ast.Constant)


def _merged(orders: list[list[str]]) -> list[str] | None:
    """C3: one order that agrees with all, None if there is none."""
    merged: list[str] = []
    orders = [order for order in orders if order]
    while orders:
        heads = (order[0] for order in orders)
        head = next((h for h in heads if not any(h in order[1:] for order in orders)), None)
        if head is None:
            return None
        merged.append(head)
        orders = [rest for order in orders if (rest := [name for name in order if name != head])]
    return merged
