"""What was found in some code of a file, and what that comes to once it is known what the file imports."""

from __future__ import annotations

from collections.abc import Container, Iterable

from testcache.structs import Struct, field

ANY = "*"
"""Stands for every name."""

OWN = "*."
"""Stands for every name of the very file, and what it imports: `globals()[name]`; `*._` for those that begin so."""

ANYWHERE = "*@"
"""Comes with it, and says no more than that: any place in memory may be meant."""

EVERYWHERE = frozenset({ANY, ANYWHERE})
"""Mentions by which code may come upon any place in memory."""

TAKEN = "^"
"""Before the name of an attribute: its value is handed on, where `x.tax.RATE` only reads through it."""

SOME = "?"
"""Stands for an attribute whose name only the run knows."""

SET_CLASS = "__class__="
"""Stands for code that gives an object another class."""

ARGUMENTS = "sys.argv"
"""Stands for code that looks at the arguments of the process."""

PARAMETRIZE = "'parametrize'"
"""Stands for a text that says so: code that asks for marks of that name."""

HELD = "&"
"""Before the name of a function: its docstring and its annotations, which nobody can see who only calls it."""


LOCALS = "annotations of local variables"
"""The definition that these are, of all functions of a file: it matters to a loader that makes checks of them alone."""


class _Anything:
    def __contains__(self, name: object) -> bool:
        return True


ANYTHING: Container[str] = _Anything()
"""The names in a file of which it is not known what it holds."""


class Look(Struct):
    """What was found in some code of a file, before it is known what the file imports.

    Attributes:
        names: mentions that need nothing more.
        handed: (first, last) name of each value of that shape that is handed on: `a.b.c` is (a, c).
        kept: (attribute, name) of each value that is put into an attribute and handed on no further there.
        listed: first names of `a.modules`.
        declared, deleted: names in `global` statements, and in `del` statements.
        bound: each name as often as module-level code binds it, other than by import.
        imports: (name, what it stands for) of each import anywhere.
        star: whether module-level code imports all names of another module.
        wild: names that stand for something by which any name may be reached.
        frames, given: variables that hold a frame of the stack, and all that are handed on.
        own: names of the function itself: what they hold it was given, or has asked for by other names.
        walrus: whether there may be a `:=` in it.
        examples: what examples in docstrings mention: who runs them was handed the module.
    """

    names: set[str] = field(default_factory=set)
    handed: set[tuple[str, str]] = field(default_factory=set)
    kept: set[tuple[str, str]] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    bound: list[str] = field(default_factory=list)
    imports: list[tuple[str, str]] = field(default_factory=list)
    star: bool = False
    wild: set[str] = field(default_factory=set)
    frames: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    own: frozenset[str] = frozenset()
    walrus: bool = True
    examples: set[str] = field(default_factory=set)


_ANY_ATTRIBUTE = (SOME, "vars", "__dict__", "__getattribute__", "__getstate__", "create_autospec", "autospec")
"""Names by which one comes upon the values of all attributes of an object."""


class Imported:
    """What names stand for in one file, from the looks at all of its code."""

    def __init__(self, looks: Iterable[Look]) -> None:
        self.star = False
        self._wild: set[str] = set()
        self._origins: dict[str, set[str]] = {}
        self._kept: set[tuple[str, str]] = set()
        for look in looks:
            self._kept |= look.kept
            self.star = self.star or look.star
            self._wild |= look.wild
            for name, origin in look.imports:
                self._origins.setdefault(name, set()).add(origin)

    def mentions(self, look: Look, read: Iterable[str]) -> set[str]:
        """The further mentions of code that was looked at and that reads these names."""
        found = set(look.names)
        if not self._wild.isdisjoint(read):
            found.add(ANY)
        for first, last in look.handed:
            if first != last and last == "__init__":
                continue  # a method; the module of a package has the package's name
            if first in self._origins:
                found.update(ANY + name for name in (self._origins[first] if first == last else (last,)))
            elif self.star:
                found.add(ANY + last)
        if any(first == "sys" or "sys" in self._origins.get(first, ()) for first in look.listed):
            found.add(ANY)
        return found

    def kept(self) -> dict[str, frozenset[str]]:
        """The modules that attributes may hold: who takes such an attribute as a value may list their names."""
        found: dict[str, set[str]] = {}
        for attribute, name in self._kept:
            modules = {ANY + origin for origin in self._origins.get(name, (name,) if self.star else ())}
            for way in (TAKEN + attribute, *_ANY_ATTRIBUTE) if modules else ():
                found.setdefault(way, set()).update(modules)
        return {way: frozenset(modules) for way, modules in found.items()}

    @property
    def renamed(self) -> dict[str, frozenset[str]]:
        """What stands behind a name that was imported under another: who mentions it mentions that."""
        pairs = ((name, origins - {name}) for name, origins in self._origins.items())
        return {name: frozenset(origins) for name, origins in pairs if origins}
