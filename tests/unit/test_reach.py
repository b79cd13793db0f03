"""Which tests a changed definition concerns, on small programs and on programs made by chance."""

from __future__ import annotations

import random
import textwrap
import time
import warnings

import pytest
from makers import Chains, Lines, Maker
from prints import read
from reached import digest_in, matter, trace_of
from worlds import World, recorded, run

from testcache.model import Input, Kind, Read, Trace
from testcache.reach import Reach
from testcache.trace import Verifier

TAX = """
    import enum
    RATE = 3
    LOW = 1
    LIMITS = {"low": LOW}

    def rate(x=RATE):
        return x

    def unused():
        return 0

    class Total:
        size = 1
        def m(self):
            return self.size
"""


def edited(use: str, blocks: str, old: str, new: str, extra: tuple[Input, ...] = ()) -> set[str] | None:
    """What matters to a trace over `use.py` and `tax.py` when the latter is edited."""
    assert TAX.count(old) == 1
    return matter({"use.py": use, "tax.py": TAX}, {"use.py": use, "tax.py": TAX.replace(old, new)}, blocks, extra)


USE = """
    import tax
    from tax import rate as r
    def direct(): return tax.RATE
    def alias(): return r()
    def table(): return tax.LIMITS
    def made(): return tax.Total()
    def other(): return 1
    def every(name): return getattr(tax, name)
    def listing(): return globals()
"""


@pytest.mark.parametrize(
    ("block", "old", "new", "names"),
    [
        ("direct", "RATE = 3", "RATE = 4", {"RATE"}),
        ("direct", "LOW = 1", "LOW = 2", set()),
        ("table", "LOW = 1", "LOW = 2", {"LOW"}),
        ("alias", "def rate(x=RATE)", "def rate(x=4)", {"rate"}),
        ("alias", "RATE = 3", "RATE = 4", {"RATE"}),
        ("made", "size = 1", "size = 2", {"Total"}),
        ("made", "def m(self)", "def extra(self): pass\n        def m(self)", {"Total"}),
        ("other", "size = 1", "size = 2", set()),
        ("other", "RATE = 3", "NEW = 1\n    RATE = 3", set()),
        ("other", "def unused():\n        return 0", "", set()),
        ("every", "def unused()", "def unused(x=1)", {"unused"}),
        ("every", "RATE = 3", "NEW = 1\n    RATE = 3", {"NEW"}),
        ("listing", "LOW = 1", "LOW = 2", {"LOW"}),
    ],
)
def test_names_are_followed(block: str, old: str, new: str, names: set[str]) -> None:
    """A change matters if its name is mentioned by what ran, directly or through other definitions."""
    assert edited(USE, f"use.py::{block}", old, new) == names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import enum", "import enum, shop"),
        ("RATE = 3", "RATE = 1 / 0"),
        ("RATE = 3", "RATE = MISSING"),
        ("LOW = 1", "LOW = [1][0]"),
        ("def unused():", "@register\n    def unused():"),
        ("class Total:", "class Total(enum.Missing):"),
        ("size = 1", "size = compute()"),
    ],
)
def test_what_an_import_would_notice_concerns_everybody(old: str, new: str) -> None:
    """An edit that may fail or do something when the file is imported changes its body."""
    assert edited(USE, "use.py::other", old, new) is None


def test_an_attribute_that_may_be_missing_is_noted_in_the_body() -> None:
    """The first definition that needs it changes the body, a second one does not."""
    first = read("import tax\n")
    second = read("import tax\nA = tax.RATE\n")
    third = read("import tax\nA = tax.RATE\ndef f(x=tax.RATE): pass\n")
    assert first.body != second.body == third.body
    assert {"tax", "RATE"} <= second.imported


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("    RATE = 3\n", "", {"RATE"}),
        ("RATE = 3", "RATE = 4", set()),
        ("RATE = 3", "def RATE(): pass", {"RATE"}),
        ("RATE = 3", "RATE = [3]", {"RATE"}),
        ("RATE = 3", "RATE = None", {"RATE"}),
        ("LOW = 1", "LOW = 1\n    rates = 2", {"rates"}),
        ("    LOW = 1\n", "", None),  # another constant needs it
    ],
)
def test_names_that_are_imported(old: str, new: str, names: set[str] | None) -> None:
    """Whoever rests on a file that imports a name notices if it comes, goes or becomes something else."""
    use = "from tax import RATE, LOW\nimport rates\nA = 1\ndef other(): return 1\n"
    before = {"use.py": use, "tax.py": TAX.replace("x=RATE", "x=1")}
    after = {"use.py": use, "tax.py": TAX.replace("x=RATE", "x=1").replace(old, new)}
    assert matter(before, after, "use.py::other") == names


def test_a_class_that_loses_what_a_default_needs() -> None:
    """`Total.size` is evaluated when the file is imported: whoever rests on it notices if it is gone."""
    use = "from tax import Total\nimport tax\ndef spare(a=Total.size, b=tax.RATE): pass\ndef other(): return 1\n"
    assert edited(use, "use.py::other", "size = 1", "width = 1") == {"Total"}
    assert edited(use, "use.py::other", "RATE = 3", "RATE = 4") == set()
    generic = "from tax import Total\ndef spare(a: Total[int]): pass\ndef other(): return 1\n"
    assert edited(generic, "use.py::other", "size = 1", "width = 1") == {"Total"}
    union = "from tax import Total, RATE\ndef spare(a: Total | None): pass\ndef other(): return 1\n"
    assert edited(union, "use.py::other", "size = 1", "width = 1") == set()


def test_a_definition_that_moves_past_a_call_matters_to_those_who_import_it() -> None:
    """What the call starts may import this file, and find the name or not."""
    use = "from tax import RATE\ndef other(): return 1\n"
    before, after = "import start\nRATE = 1\nLOW = 1\nstart.run()\n", "import start\nLOW = 1\nstart.run()\nRATE = 1\n"
    assert matter({"use.py": use, "tax.py": before}, {"use.py": use, "tax.py": after}, "use.py::other") == {"RATE"}
    swapped = "import start\nLOW = 1\nRATE = 1\nstart.run()\n"
    assert matter({"use.py": use, "tax.py": before}, {"use.py": use, "tax.py": swapped}, "use.py::other") == set()


def test_a_name_that_travels_under_another() -> None:
    """A file takes a name under an alias, and others know it by that only."""
    use = "from tax import rate as r\nimport tax as levy\n"
    third = "import use\ndef called(): return use.r()\ndef handed(): return given(use.levy)\ndef other(): return 1\n"
    files = {"use.py": use, "third.py": third}
    before, after = files | {"tax.py": TAX}, files | {"tax.py": TAX.replace("def rate(x=RATE)", "def rate(x=9)")}
    assert matter(before, after, "third.py::called") == {"rate"}
    assert matter(before, after, "third.py::handed") == {"rate"}
    assert matter(before, after, "third.py::other") == set()


KEEPER = """
    import operator
    import tax as levy
    from inspect import getmembers, ismethod
    from operator import attrgetter as get
    class App:
        def __init__(self): self.tax = levy
    def read(): return App().tax.RATE
    def called(): return App().tax.rate()
    def handed(app): return given(app.tax)
    def named(app): return getattr(app, "tax")
    def listed(app): return app.tax.__dict__
    def some(app, name): return getattr(app, name)
    def values(app): return vars(app).values()
    def methods(app): return getmembers(app, ismethod)
    def members(app): return getmembers(app)
    class Asker:
        def __init__(self): self.ask = getattr
    def taken(app):
        match app:
            case App(tax=found): return found
    def by_place(app):
        match app:
            case App(found): return found
    def renamed(app): return get("tax")(app)
    def asker(app): return given(operator.attrgetter, app)
"""


@pytest.mark.parametrize(
    ("block", "sees"),
    [
        ("read", False),
        ("called", False),
        ("methods", False),
        ("handed", True),
        ("named", True),
        ("listed", True),
        ("some", True),
        ("values", True),
        ("members", True),
        ("Asker.__init__", True),
        ("taken", True),
        ("by_place", True),
        ("renamed", True),
        ("asker", True),
    ],
)
def test_a_module_that_an_object_holds(block: str, sees: bool) -> None:
    """Who reads names through the attribute sees those names; who takes the attribute's value sees any."""
    ran = f"use.py::App.__init__ use.py::{block}"
    assert edited(KEEPER, ran, "LOW = 1", "NEW = 1\n    LOW = 1") == ({"NEW"} if sees else set())
    assert edited(KEEPER, "use.py::App.__init__ use.py::read", "RATE = 3", "RATE = 4") == {"RATE"}


@pytest.mark.parametrize("path", ["use.py", "use/__init__.py", "shop/use.py"])
def test_a_file_that_asks_itself_for_any_name(path: str) -> None:
    """It reaches its own names and what it imports, and none of a file that has nothing to do with it."""
    own = "A = 1\ndef ask(name): return globals()[name]\n"
    for head, reached in (("", set()), ("import tax\n", {"RATE"})):
        files = {path: head + own, "tax.py": TAX, "__init__.py": "B = 1\n"}
        edits = {"tax.py": TAX.replace("RATE = 3", "RATE = 4"), "__init__.py": "B = 2\n"}
        assert matter(files, files | {"tax.py": edits["tax.py"]}, f"{path}::ask") == reached
        assert matter(files, files | {"__init__.py": edits["__init__.py"]}, f"{path}::ask") == set()
        assert matter(files, files | {path: head + own.replace("A = 1", "A = 2")}, f"{path}::ask") == {"A"}


def test_a_file_that_asks_itself_for_names_that_begin_alike() -> None:
    """Those that come, go or change, and those that it imports, under whatever name."""
    ask = "def ask(name): return globals()[f'on_{name}']\n"
    own = "on_a = 1\ndef on_b(x=1): return x\noff = 1\n"
    imports = "from tax import RATE as on_rate, LOW, on_tax\n"
    tax = f"{textwrap.dedent(TAX)}\non_tax = 1\nspare = 1\n"
    files = {"use.py": imports + own + ask, "tax.py": tax}

    def changed(name: str, old: str, new: str) -> set[str] | None:
        assert files[name].count(old) == 1
        return matter(files, files | {name: files[name].replace(old, new)}, "use.py::ask")

    assert changed("use.py", "on_a = 1", "on_a = 2") == {"on_a"}
    assert changed("use.py", "on_a = 1\n", "") == {"on_a"}
    assert changed("use.py", "off = 1", "off = 1\non_c = 1") == {"on_c"}
    assert changed("use.py", "x=1", "x=2") == {"on_b"}
    assert changed("use.py", "off = 1", "off = 2") == set()
    assert changed("tax.py", "RATE = 3", "RATE = 4") == {"RATE"}
    assert changed("tax.py", "on_tax = 1", "on_tax = 2") == {"on_tax"}
    assert changed("tax.py", "LOW = 1", "LOW = 2") == set()
    assert changed("tax.py", "spare = 1", "spare = 2") == set()


def test_a_name_that_a_file_defines_itself_is_its_own() -> None:
    """Another file has one of that name: it matters only to who may mean that one."""
    own = (
        "import tax\nRATE = 5\ndef plain(): return RATE\ndef through(): return plain()\ndef every(): return vars(tax)\n"
    )
    assert edited(own, "use.py::plain", "RATE = 3", "RATE = 4") == set()
    assert edited(own, "use.py::through", "RATE = 3", "RATE = 4") == set()
    assert edited(own, "use.py::every", "RATE = 3", "RATE = 4") == {"RATE"}
    both = own + "def other(): return tax.RATE\n"  # as an attribute it may be either
    assert edited(both, "use.py::plain", "RATE = 3", "RATE = 4") == {"RATE"}
    twice = own.replace("RATE = 5", "RATE = 5\nRATE = tax.find()")
    assert edited(twice, "use.py::plain", "RATE = 3", "RATE = 4") == {"RATE"}


def test_a_name_that_comes_to_hide_a_built_in_one() -> None:
    """Code of the file read another thing until then."""
    before = "def used(): return len(())\ndef other(): return 1\n"
    for line in ("from operator import index as len", "len = None", "def len(x): return 1"):
        after = {"use.py": f"{line}\n{before}"}
        assert matter({"use.py": before}, after, "use.py::used") == {"len"}
        assert matter({"use.py": before}, after, "use.py::other") == set()


def test_bodies_mention_for_everybody() -> None:
    """What an import runs concerns each test that rests on the file."""
    use = "from tax import rate\nTABLE = make(rate)\ndef other(): return 1\n"
    assert edited(use, "use.py::other", "def rate(x=RATE)", "def rate(x=9)") == {"rate"}


def test_the_functions_that_ran_count_by_name() -> None:
    """A function that was called by means nobody sees ran all the same."""
    assert edited("import tax\n", "tax.py::rate", "def rate(x=RATE)", "def rate(x=RATE + 1)") == {"rate"}
    assert edited("import tax\n", "tax.py::Total.m", "size = 1", "size = 2") == {"Total"}


def test_code_that_nobody_can_read() -> None:
    """A test that ran code from elsewhere may have looked up any name, or any of one file."""
    every, of_use = Input(Kind.DEFINITIONS, "*"), Input(Kind.DEFINITIONS, "use.py::*")
    assert edited(USE, "use.py::other", "LOW = 1", "LOW = 2", (every,)) == {"LOW"}
    assert edited("from tax import LOW\n", "", "LOW = 1", "LOW = 2", (Input(Kind.DEFINITIONS, "use.py::*"),)) == {"LOW"}
    assert edited("A = 1\n", "", "LOW = 1", "LOW = 2", (of_use,)) == set()


def test_unknown_definitions_matter() -> None:
    """If nobody kept what stood behind a fingerprint, the test runs."""
    old, new = {"tax.py": read(TAX)}, {"tax.py": read(TAX.replace("LOW = 1", "LOW = 2"))}
    trace = trace_of(old, "")
    verifier = Verifier(lambda asked: digest_in(new, asked), Reach(new.get, lambda digest: None))
    assert verifier.verify(trace) == Read(Input(Kind.DEFINITIONS, "tax.py"), old["tax.py"].defined)
    assert [change.names for change in verifier.changes(trace)] == [()]
    assert Verifier(lambda asked: digest_in(new, asked)).verify(trace) is not None


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_what_is_replayed_comes_out_the_same(seed: int) -> None:
    """In programs made by chance, an edit that changes what a test gives is seen to concern it."""
    for number in range(seed, seed + 3):
        for world, after in edits(number):
            for test, (outcome, trace) in outcomes(world).items():
                verifier = Verifier(after.digest_of, Reach(after.source, recorded(world).get))
                if trace is not None and verifier.verify(trace) is None:
                    assert run(after, test)[0] == outcome, f"seed {number}, {test}"


def edits(seed: int) -> list[tuple[World, World]]:
    maker = (Maker, Chains, Lines)[seed % 3](random.Random(seed))  # noqa: S311
    world = maker.world()
    found = []
    for after in (maker.edit(world) for _ in range(6)):
        try:
            for module in after.modules:
                compile(after.text(module), module, "exec")
        except SyntaxError:
            continue
        found.append((world, after))
    return found


def outcomes(world: World) -> dict[str, tuple[str, Trace | None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {test: run(world, test) for test in (f"test_{number}" for number in range(4))}


def test_a_thousand_tests_and_one_changed_module_take_no_time() -> None:
    """Deciding is done in a fraction of the time that one of the tests takes."""
    files = {
        f"m{i}.py": read("".join(f"K{i}_{j} = 1\ndef f{i}_{j}(x=K{i}_{j}): return K{i}_{j}\n" for j in range(20)))
        for i in range(100)
    }
    after = {**files, "m7.py": read("".join(f"K7_{j} = {j}\ndef f7_{j}(x=K7_{j}): return K7_{j}\n" for j in range(20)))}
    kept = {source.defined: source.definitions for source in files.values()}
    base = trace_of(files, "").parts[0]
    traces = []
    for number in range(1000):
        own = Input(Kind.BLOCK, f"m{number % 100}.py::f{number % 100}_{number % 20}")
        traces.append(Trace((frozenset([Read(own, digest_in(files, own))]), base), "passed", (), 0.0, 0.0))
    start = time.process_time()
    verifier = Verifier(lambda asked: digest_in(after, asked), Reach(after.get, kept.get))
    held = sum(verifier.verify(trace) is None for trace in traces)
    assert time.process_time() - start < 1.0  # 30 ms where it was written
    assert held == 990
