"""Programs and edits made by chance, for `worlds`."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from worlds import MODULES, TESTS, TooLong, World, importable, watched

_VALUES = (
    "1", "2", "-3", "2.5", "'a'", "'K0'", "(1, 2)", "[1, 2]", "{'a': 1}", "frozenset({1})", "None", "lambda: 7",
    "re.compile('a+')", "object", "len", "dict", "1 + 2", "'x' * 2", "f'{1}'", "{**{}}", "int | None",
    "'a'.upper()", "K1.startswith('a')", "re.compile(K1 + '+')", "re.compile('a').match", "f'{K1}b'",
    "'-'.join(('a', K1))", "'%s' % K1",
)  # fmt: skip
_RISKY = (
    "1 / 0",
    "MISSING",
    "K0 + 1",
    "K0 + 'a'",
    "{}['a']",
    "beta.MISSING",
    "gamma.K0",
    "alpha.f0",
    "re.compile('(')",
    "re.compile('(' + K1)",
    "K1.lower(1)",
    "K1.split('')",
)
_ANNOTATIONS = ("int", "K0", "C0", "'C0'", "list[C0]", "C0 | None", "'MISSING'", "MISSING", "re.Pattern[str]")


_NAMES = [f"{letter}{digit}" for letter, count in (("K", 9), ("f", 6), ("C", 5)) for digit in range(count)]


class Maker:
    """Makes programs and edits from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.module = ""
        self.names: dict[str, list[str]] = {}

    def world(self) -> World:
        """A program that can be imported, whose modules import only those named after them."""
        world = World({})
        for index, name in reversed([*enumerate(MODULES)]):
            others = MODULES[index + 1 :]
            self.module = name
            wanted = ["import re", *self._imports(others), *self._basics(others)]
            wanted += [self.statement(others) for _ in range(self.chance.randint(2, 7))]
            world = _added(world, name, wanted, rebind=self.chance.random() < 0.2)
        self.module = TESTS
        wanted = ["import re", *self._imports(MODULES), *self._basics(MODULES)[:2]]
        wanted += [self.statement(MODULES) for _ in range(self.chance.randint(0, 2))]
        wanted += [f"def test_{number}():\n{self._body(MODULES)}" for number in range(4)]
        return _added(world, TESTS, wanted)

    def _basics(self, others: Sequence[str]) -> list[str]:
        """Plain statements, so that most names are there."""
        keeping = (
            f"\n    def f3(self):\n        self.kept = {self.chance.choice(others)}\n        return self"
            if others
            else ""
        )
        basics = [
            "K0 = 3",
            "K1 = 'a'",
            "def f0(x=1): return x",
            "def f1(*args): return K0",
            f"class C0:\n    K0 = 1\n    def f1(self): return self.K0{keeping}",
            "class C1(Exception):\n    def f0(self): return 5",
        ]
        self.chance.shuffle(basics)
        kept = basics[: self.chance.randint(2, 6)]
        self.names.setdefault(self.module, []).extend(name for name in map(_bound, kept) if name)
        return kept

    def edit(self, world: World) -> World:
        """The program with one statement added, removed, changed, moved or swapped."""
        module = self.chance.choice([*MODULES, *MODULES, *MODULES, TESTS])
        others = MODULES[MODULES.index(module) + 1 :] if module in MODULES else MODULES
        self.module = module
        statements = list(world.modules[module])
        keep = 4 if module == TESTS else 0
        at = self.chance.randrange(1, max(2, len(statements) - keep))
        match self.chance.randrange(6):
            case 0:
                statements.insert(at, self.statement(others))
            case 1:
                del statements[at]
            case 2:
                statements[at] = self._changed(statements[at])
            case 3:
                statements[at] = self.statement(others, name=_bound(statements[at]))
            case 4:
                statements.insert(self.chance.randrange(1, len(statements)), statements.pop(at))
            case 5:
                statements.append(self.statement(others))
        return replace(world, modules={**world.modules, module: tuple(statements)})

    def _changed(self, statement: str) -> str:
        """The statement with one of its numbers or names exchanged."""
        words = [found for found in re.finditer(r"\b(\d+|K\d|f\d|C\d)\b", statement)]
        if not words:
            return statement
        word = self.chance.choice(words)
        new = self._name() if word[0][0].isalpha() else str(self.chance.randint(0, 9))
        return statement[: word.start()] + new + statement[word.end() :]

    def _name(self, module: str = "") -> str:
        """A name of the module, or of the one that is being written; now and then one that is not there."""
        known = self.names.get(module or self.module)
        return self.chance.choice(known if known and self.chance.random() < 0.9 else _NAMES)

    def _fresh(self) -> str:
        name = self.chance.choice(_NAMES)
        self.names.setdefault(self.module, []).append(name)
        return name

    def _imports(self, others: Sequence[str]) -> list[str]:
        found = []
        for other in others:
            for _ in range(self.chance.randint(0, 2)):
                name, alias = self._name(other), self._fresh()
                found.append(
                    self.chance.choice(
                        (
                            f"import {other}",
                            f"import {other}",
                            f"from {other} import C0",
                            f"import {other} as {alias}",
                            f"from {other} import {name}",
                            f"from {other} import {name} as {alias}",
                            f"try: from {other} import {name}\nexcept ImportError: {name} = 5",
                            f"try: import {other}\nfinally: pass",
                            *((f"from {other} import *",) if self.chance.random() < 0.3 else ()),
                        )
                    )
                )
        return found

    def statement(self, others: Sequence[str], name: str = "") -> str:
        """One statement of a module that may import `others`; it binds `name` if that is given."""
        name = name or self._fresh()
        value = self.chance.choice(_VALUES if self.chance.random() < 0.8 else _RISKY)
        match name[0] if self.chance.random() < 0.92 else "rest":
            case "K":
                other = self._expression(others) if self.chance.random() < 0.3 else self._name()
                return self.chance.choice(
                    (
                        f"{name} = {value}",
                        f"{name}: int = {value}",
                        f"{name} = {other}",
                        f"{name}, K4 = {value}, 1",
                        f"{name}, K4 = range({self.chance.choice((2, 2, 3))})",
                    )
                )
            case "f":
                default = self.chance.choice((value, value, "K0", "f0", "C0"))
                note = f": {self.chance.choice(_ANNOTATIONS)}" if self.chance.random() < 0.3 else ""
                decorator = self.chance.choice(("", "", "", "@staticmethod\n", "@C0\n", "@f0\n"))
                body = "    return x" if self.chance.random() < 0.4 else self._body(others)
                return f"{decorator}def {name}(x{note}={default}):\n{body}"
            case "C":
                return self._class(name, others)
        return self.chance.choice(
            (
                f"{name} = {self._expression(others)}",
                f"if {self._expression(others)}: {name} = {value}",
                f"for {name} in (1, 2): pass",
                f"REG = {{}}\nREG['a'] = {self._expression(others)}",
                f"LIST = [k for k in sorted(globals()) if k[0] in 'Kf']\n{name} = len(LIST)",
                f"try: {name} = {self._expression(others)}\nexcept Exception: {name} = 0",
                f"{name} = {value}\n{name} = {self._expression(others)}",
                f"def f3():\n    global {name}\n    {name} = 8\nf3()",
                f"def __getattr__(name): return {self._expression(())}, name" if self.chance.random() < 0.5 else "pass",
                f"globals()['{name}'] = {value}",
                f"from string import digits as {name}",
                f"from math import pi as {name}, tau",
                f"import string as {name}",
                f"from typing import TYPE_CHECKING, Any\nif TYPE_CHECKING:\n    {name} = {value}",
                f"'{value}'\n{name} = __doc__",
            )
        )

    def _class(self, name: str, others: Sequence[str]) -> str:
        bases: tuple[str, ...] = (
            "",
            "",
            "(C0)",
            "(C1)",
            "(dict)",
            "(Exception)",
            "(C0, C1)",
            "(type)",
            "(metaclass=C0)",
        )
        bases += tuple(f"({other}.{name})" for other in others for name in ("C0", "C0", "C1"))
        lines = [f"class {name}{self.chance.choice(bases)}:"]
        if self.chance.random() < 0.2:
            lines.insert(
                0,
                self.chance.choice(
                    ("from dataclasses import dataclass\n@dataclass", "@f0", "import enum\n@enum.unique")
                ),
            )
        for _ in range(self.chance.randint(1, 3)):
            kept = self.chance.choice([*others, "K0"])
            value = self.chance.choice((*_VALUES[:6], "K0", "f0", "C0"))
            lines.append(
                "    "
                + self.chance.choice(
                    (
                        f"K0 = {value}",
                        f"K1: int = {value}",
                        f"f0 = {value}",
                        f"def f0(self, x={value}): return {self._expression(others)}",
                        f"def f1(self): return self.K0, {self._expression(others)}",
                        f"def f3(self):\n        self.kept = {kept}\n        return self",
                        f"__slots__ = ('K{self.chance.randint(0, 3)}',)",
                        "def __init_subclass__(cls): KNOWN.append(cls.__name__)",
                        "def __init_subclass__(cls): cls.K0",
                        f"@property\n    def f2(self): return {self._expression(others)}",
                        f"def __eq__(self, other): return {value}",
                        "x: int",
                    )
                )
            )
        return "\n".join((*(["KNOWN = []"] if "KNOWN" in lines[-1] else []), *lines))

    def _body(self, others: Sequence[str]) -> str:
        lines = [f"a = {self._expression(others)}" for _ in range(self.chance.randint(0, 2))]
        if others and self.chance.random() < 0.2:
            other = self.chance.choice(others)
            name = self._name(other)
            lines.append(
                self.chance.choice(
                    (f"from {other} import {name}", f"import {other}", f"from {other} import {name} as K9; a = K9")
                )
            )
        return "\n".join(
            "    " + line
            for line in (
                *lines,
                f"return {self._expression(others)}",
            )
        )

    def _expression(self, others: Sequence[str]) -> str:
        name, digit = self._name(), self.chance.randint(0, 3)
        plain = [
            name,
            name,
            f"{name}()",
            f"({name}, {digit})",
            f"[{name}]",
            f"{name}.f1()",
            f"{name}().f1()",
            f"{name}.__defaults__",
            f"{name} is None",
        ]
        odd = [
            f"getattr({name}, 'K0', 0)",
            f"repr({name})[:9]",
            f"isinstance({name}, type)",
            f"sorted(vars({name}))",
            f"(lambda: {name})()",
            f"[m for m in dir({name}) if m[0] in 'KfC']",
        ]
        wild = [
            f"globals().get('K' + str({digit}))",
            f"globals()['K' + str({digit})]",
            f"('K' + str({digit})) in globals()",
            f"globals()[f'K{{{digit}}}']",
            f"eval('K' + str({digit}))",
            f"({name}.__subclasses__() if isinstance({name}, type) else 0)",
        ]
        for other in others:
            name = self._name(other)
            plain += [f"{other}.{name}", f"{other}.{name}", f"{other}.{name}()", f"{other}.{name}().f0()"]
            odd += [
                f"C0().f3().kept.{name}",
                f"getattr({other}, '{name}', 0)",
                f"hasattr({other}, '{name}')",
                f"__import__('{other}').{name}",
                f"getattr(__import__('{other}'), '{name}', 3)",
            ]
            wild += [
                "sorted(n for n in dir(C0().f3().kept) if n[0] in 'KfC')",
                "[sorted(n for n in dir(m) if n[0] in 'KfC') for m in vars(C0().f3()).values()]",
                "(lambda o: sorted(n for n in dir(getattr(o, 'ke' + 'pt')) if n[0] in 'KfC'))(C0().f3())",
                f"getattr({other}, 'K' + str({digit}), 0)",
                f"sorted(n for n in vars({other}) if n[0] in 'KfC')",
                f"[{other}][0].{name}",
                f"sorted(n for n in {other}.__dict__ if n[0] in 'KfC')",
                f"(lambda m: sorted(n for n in vars(m) if n[0] in 'KfC'))({other})",
            ]
        sort = self.chance.random()
        return self.chance.choice(plain if sort < 0.75 else odd if sort < 0.93 else wild)


def _added(world: World, module: str, wanted: Sequence[str], *, rebind: bool = False) -> World:
    """The program with another module of those statements that can be executed one after the other."""
    kept: list[str] = []
    names: set[str] = set()
    for statement in wanted:
        name = _bound(statement)
        if name and name in names and not rebind:
            continue
        names.add(name)
        trial = World({**world.modules, module: (*kept, statement)})
        with importable(trial), watched():
            try:
                __import__(module)
            except (Exception, TooLong):  # noqa: S112
                continue
        kept.append(statement)
    return World({**world.modules, module: tuple(kept)})


def _bound(statement: str) -> str:
    found = re.search(r"^(?:def |class )?([KfC]\d)\b", statement, re.MULTILINE)
    return found[1] if found else ""


_DEEP = """def deep(x):
    if isinstance(x, type):
        found = [(k, deep(v)) for k, v in sorted(vars(x).items()) if k in ("a", "b")]
        return (found, deep(getattr(x(), "m", lambda: 0)()), deep(getattr(x, "a", 0)))
    if isinstance(x, (tuple, list)):
        return [deep(part) for part in x]
    if isinstance(x, dict):
        return [deep(part) for part in x.values()]
    return deep(x()) if callable(x) else x
"""


class Chains:
    """Makes programs in which definitions rest on one another through all sorts of references, and on little else.

    Every definition holds a number of its own, so an edit of one number is felt by those who reach it.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._names: list[tuple[str, str, str]] = []  # module, name, form
        self._head: dict[str, None] = {}

    def world(self) -> World:
        modules = {}
        for module in reversed(MODULES):
            self._head = {}
            body = [self._statement(module, number) for number in range(self.chance.randint(2, 5))]
            modules[module] = (*self._head, *body)
        self._head = {}
        tests = [f"def test_{number}(): return deep({self._reference(TESTS)[0]})" for number in range(4)]
        modules[TESTS] = (*self._head, _DEEP, *tests)
        return World(modules)

    def edit(self, world: World) -> World:
        """The program with one number changed, or with a class that has another attribute or method."""
        module = self.chance.choice(MODULES)
        statements = list(world.modules[module])
        places = [at for at, statement in enumerate(statements) if re.search(r"\b\d{3}\b", statement)]
        if not places:
            return world
        at = self.chance.choice(places)
        statement = statements[at]
        if statement.startswith("class ") and self.chance.random() < 0.2:
            statements[at] = statement.replace(" a = ", " c = ")
        elif statement.startswith("class ") and self.chance.random() < 0.4:
            added = self.chance.choice(("    def m(self): return 900", "    a = 901", "    b = 902"))
            statements[at] = statement + "\n" + added
        else:
            numbers = [*re.finditer(r"\b\d{3}\b", statement)]
            number = self.chance.choice(numbers)
            statements[at] = statement[: number.start()] + str(int(number[0]) + 400) + statement[number.end() :]
        return replace(world, modules={**world.modules, module: tuple(statements)})

    def _statement(self, module: str, number: int) -> str:
        value = self.chance.randint(100, 499)
        reference, form = self._reference(module)
        name = f"{module[0]}{number}"
        sort = self.chance.choice(("value", "value", "function", "function", "class", "class", "rest"))
        self._names.append((module, name, sort))
        forms: tuple[str, ...]
        match sort:
            case "value":
                forms = (
                    "({value}, {ref})",
                    "{ref}",
                    "{{'x': {ref}, 'y': {value}}}",
                    "lambda: ({value}, {ref})",
                    "[{value}, {ref}]",
                )
                return f"{name} = " + self.chance.choice(forms).format(value=value, ref=reference)
            case "function":
                forms = (
                    "def {name}(x={ref}): return ({value}, x)",
                    "def {name}(): return ({value}, {ref})",
                    "def {name}(x={value}): return (x, {ref})",
                    "import functools\n@functools.lru_cache(maxsize={value})\ndef {name}(x={ref}): return x",
                )
                return self.chance.choice(forms).format(name=name, value=value, ref=reference)
            case "class":
                base = f"({reference})" if form == "class" and self.chance.random() < 0.7 else ""
                forms = (
                    "class {name}{base}:\n    a = {value}",
                    "class {name}{base}:\n    def m(self): return ({value}, {ref})",
                    "class {name}{base}:\n    b = ({value}, {ref})",
                    "class {name}{base}:\n    a = {value}\n    def m(self, x={ref}): return x",
                )
                return self.chance.choice(forms).format(name=name, base=base, value=value, ref=reference)
        forms = (
            "{name} = list(({value}, {ref}))",
            "{name} = []\n{name}.append(({value}, {ref}))",
            "{name} = sorted([{value}]), {ref}",
        )
        return self.chance.choice(forms).format(name=name, value=value, ref=reference)

    def _reference(self, module: str) -> tuple[str, str]:
        """An expression for an earlier definition, with its form; what it imports is put at the head."""
        if not self._names or self.chance.random() < 0.15:
            return "0", "value"
        other, name, form = self.chance.choice(self._names)
        if other == module:
            return name, form
        if form == "class" and self.chance.random() < 0.3:
            self._head[f"from {other} import {name}"] = None
            return f"{name}.a", "value"
        alias = f"{name}_as"
        line, text = self.chance.choice(
            (
                (f"import {other}", f"{other}.{name}"),
                (f"import {other} as {other[:2]}", f"{other[:2]}.{name}"),
                (f"from {other} import {name}", name),
                (f"from {other} import {name} as {alias}", alias),
                (f"import {other}", f"getattr({other}, '{name}')"),
            )
        )
        self._head[line] = None
        return text, form


class Lines:
    """Makes programs of classes that derive from those of other modules, some of which notice their subclasses.

    `KNOWN` in the deepest module is what these have noticed: an edit of a class that nobody mentions is felt there.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._names: list[tuple[str, str]] = []  # module, name
        self._head: dict[str, None] = {}

    def world(self) -> World:
        deepest = MODULES[-1]
        modules = {}
        for module in reversed(MODULES):
            self._head = {"KNOWN = []": None} if module == deepest else {f"import {deepest}": None}
            body = [self._class(module, number) for number in range(self.chance.randint(1, 3))]
            modules[module] = (*self._head, *body)
        self._head = {f"import {name}": None for name in MODULES}
        found = [f"{module}.{name}" for module, name in self._names]
        asked = [f"{deepest}.KNOWN", "1", *(f"{self.chance.choice(found)}.a" for _ in range(2))]
        tests = [f"def test_{number}(): return {what}" for number, what in enumerate(asked)]
        modules[TESTS] = (*self._head, *tests)
        return World(modules)

    def edit(self, world: World) -> World:
        """The program with one class changed: a number, a base, a hook more or less; or without it."""
        module = self.chance.choice(MODULES)
        statements = list(world.modules[module])
        places = [at for at, statement in enumerate(statements) if statement.startswith("class ")]
        at = self.chance.choice(places)
        statement = statements[at]
        match self.chance.randrange(6):
            case 0:
                statements[at] = re.sub(r"\(.*?\)", "", statement, count=1)
            case 1:
                statements[at] += "\n" + self._hook(module)
            case 2:
                statements[at] = "\n".join(line for line in statement.split("\n") if "__init_subclass__" not in line)
            case 3:
                del statements[at]
            case _:
                statements[at] = re.sub(r"\d{3}", lambda found: str(int(found[0]) + 400), statement)
        return replace(world, modules={**world.modules, module: tuple(statements)})

    def _class(self, module: str, number: int) -> str:
        base = self._base(module) if self._names and self.chance.random() < 0.8 else ""
        name = f"{module[0].upper()}{number}"
        lines = [f"class {name}{base}:", f"    a = {self.chance.randint(100, 499)}"]
        if self.chance.random() < 0.3:
            lines.append(self._hook(module))
        self._names.append((module, name))
        return "\n".join(lines)

    @staticmethod
    def _hook(module: str) -> str:
        known = "KNOWN" if module == MODULES[-1] else f"{MODULES[-1]}.KNOWN"
        return f"    def __init_subclass__(cls): {known}.append(cls.a)"

    def _base(self, module: str) -> str:
        other, name = self.chance.choice(self._names)
        if other == module:
            return f"({name})"
        line, text = self.chance.choice(
            (
                (f"import {other}", f"{other}.{name}"),
                (f"import {other} as {other[:2]}", f"{other[:2]}.{name}"),
                (f"from {other} import {name}", name),
                (f"from {other} import {name} as {name}x", f"{name}x"),
            )
        )
        self._head[line] = None
        return f"({text})"
