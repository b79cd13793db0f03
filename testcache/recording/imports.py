"""Imports: each module's own context, the edges between modules, and what was looked for in vain.

A module body runs once, under whoever imports it first; everybody who imports it later depends on it
just as much. So each first-party module is charged on its own, and every import statement, also one
that finds the module loaded already, leaves an edge from the context that runs it.
What installed libraries import without declaring it is looked after by `testcache.recording.wants`.
Does not see: `sys.modules["name"]`, and a submodule reached as an attribute that somebody else imported.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Sequence
from os.path import abspath, isabs, isfile, join
from types import ModuleType
from typing import Any

from testcache.code.definitions import PROGRAM
from testcache.inputs import files as fs
from testcache.inputs.distributions import ALL, Distributions, canonical
from testcache.inputs.modules import Modules, extended, search_names
from testcache.model import ABSENT, EVERY, Kind
from testcache.reasons import Reason
from testcache.recording import anatomy
from testcache.recording.context import Context, Problem
from testcache.recording.copies import places
from testcache.recording.guard import guarded
from testcache.recording.origin import Origin
from testcache.recording.recorder import BODY_LINE
from testcache.recording.strangers import Strangers, name_of
from testcache.recording.tape import Tape
from testcache.recording.unseen import aside, unseen
from testcache.recording.wants import Wants, asking

_BY_EACH_START = frozenset({"_distutils_hack"})
"""What setuptools has the interpreter load, whoever starts it."""

_SKIPPING = "_pytest.outcomes"
"""Where `pytest.importorskip` imports what its caller asks for."""


class Imports:
    """Charges imports to the tape."""

    def __init__(self, tape: Tape, origin: Origin, distributions: Distributions, modules: Modules) -> None:
        self._tape = tape
        self._origin = origin
        self._distributions = distributions
        self._modules = modules
        self._search: tuple[tuple[str, ...], str] = ((), "")
        self._needed: dict[str, frozenset[str]] = {}
        self._early: frozenset[str] = frozenset()
        self._foreign: dict[str | None, bool] = {}
        self._silent: set[str | None] = set()  # of these, the names of modules whose imports are nobody's input
        self._strangers = Strangers(tape)
        self._wants = Wants(distributions, self._want)
        self._plain: frozenset[type] = frozenset()
        self._restore: list[tuple[Any, str, Any]] = []
        self._import: Callable[..., Any] = builtins.__import__

    def install(self, loaders: Sequence[type]) -> None:
        """Wrap the import statement and the loaders that execute Python files."""
        self._early = frozenset(name.partition(".")[0] for name in [*sys.modules]) - _BY_EACH_START
        self._import = builtins.__import__
        self._wrap(builtins, "__import__", self._statement)
        self._wrap_copies(importlib, "import_module", self._import_module(importlib.import_module))
        self._wrap_copies(importlib.util, "find_spec", self._find_spec(importlib.util.find_spec))
        self._plain = frozenset((importlib.machinery.SourceFileLoader, *loaders))
        for loader in self._plain:
            self._wrap(loader, "exec_module", self._exec(loader.exec_module))  # type: ignore[attr-defined]
        extension = importlib.machinery.ExtensionFileLoader
        self._wrap(extension, "exec_module", self._exec_extension(extension.exec_module))
        named = importlib.metadata.Distribution.__dict__["from_name"]
        self._restore.append((importlib.metadata.Distribution, "from_name", named))
        importlib.metadata.Distribution.from_name = self._from_name(named.__func__)  # type: ignore[method-assign, assignment]
        for name in ("distributions", "entry_points"):
            self._wrap_copies(importlib.metadata, name, self._all_distributions(getattr(importlib.metadata, name)))
        for module in list(sys.modules.values()):
            self._already_loaded(module)

    def _wrap(self, owner: Any, name: str, wrapper: Any) -> None:
        self._restore.append((owner, name, owner.__dict__.get(name)))
        setattr(owner, name, wrapper)

    def _wrap_copies(self, owner: ModuleType, name: str, wrapper: Any) -> None:
        for place in [*places(owner, name)]:
            self._wrap(place, name, wrapper)

    def uninstall(self) -> None:
        """Put everything back as it was."""
        while self._restore:
            owner, name, original = self._restore.pop()
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    def _already_loaded(self, module: ModuleType) -> None:
        """A module imported before us was not observed: all of its text counts, for everybody."""
        file = (anatomy.dict_of(module) or {}).get("__file__")
        if isinstance(file, str) and self._is_project(file) and isfile(file):
            context = self._tape.load(file).context
            self._charge_file(context, file)
            self._tape.run.links.add(context)

    def _is_project(self, filename: str) -> bool:
        """Whether a file is the project's own, and not ours in a checkout of testcache."""
        return self._tape.roots.is_first_party(filename) and not filename.startswith(self._origin.own)

    def _charge_file(self, context: Context, path: str) -> None:
        tape = self._tape
        if not tape.is_made(path):
            path = fs.archive_of(path)
            tape.note(context, Kind.FILE, tape.roots.name(path), tape.files.digest(path))

    # -- executing modules

    def _exec(self, original: Callable[[Any, ModuleType], None]) -> Callable[[Any, ModuleType], None]:
        @unseen
        def exec_module(loader: Any, module: ModuleType) -> None:
            __tracebackhide__ = True
            origin = getattr(module.__spec__, "origin", None)
            with aside:
                filename = abspath(origin) if isinstance(origin, str) else ""  # `SourceFileLoader(name, "tax.py")`
                if not filename or not self._is_project(filename):
                    original(loader, module)
                    return
                loaded = self._tape.load(filename)
                if not isabs(str(getattr(loader, "path", "") or filename)):  # so its code is named, and is not watched
                    self._charge_file(loaded.context, filename)
                self._tape.top.links.add(loaded.context)
                if module.__name__ == PROGRAM:  # what only a program runs counts for whoever has made one of it
                    self._tape.top.places.add((filename, BODY_LINE))
                if type(loader) not in self._plain:  # it may make checks of annotations, as typeguard's does
                    everything = f"{self._tape.roots.name(filename)}::{EVERY}"
                    self._tape.note(loaded.context, Kind.DEFINITIONS, everything, ABSENT)
                if self._origin.find()[1]:  # not for an import statement, nor for pytest
                    self._tape.note_whole(self._tape.top, filename)
                self._strangers.asked(self._tape.top, sys._getframe(1).f_globals, [module.__name__])
                with self._tape.executing(filename, loaded, module):
                    original(loader, module)
            signature = loaded.context.signatures.get(filename)
            if signature is not None and fs.signature_of(filename) != signature:
                evidence = f"{self._tape.roots.name(filename)} changed while it was imported"
                loaded.context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, evidence))

        return exec_module

    def _exec_extension(self, original: Callable[[Any, ModuleType], None]) -> Callable[[Any, ModuleType], None]:
        @unseen
        def exec_module(loader: Any, module: ModuleType) -> None:
            __tracebackhide__ = True
            with aside:
                original(loader, module)
            self._link_module(self._tape.top, module.__name__)

        return exec_module

    # -- import statements

    @unseen
    def _statement(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        __tracebackhide__ = True
        with aside:
            importer = name_of(globals)
            context = self._tape.top
            silent = importer in self._silent
            if silent or self._foreign.get(importer):
                try:
                    module = self._import(name, globals, locals, fromlist, level)
                finally:
                    if level == 0:
                        self._wants.asked(globals, name)
                if silent or level or (not fromlist and self._strangers.is_outside(name)):
                    return module
                if self._strangers.asked(context, globals, _names(name, fromlist)):
                    self._silent.add(importer)
                return module
            package = globals.get("__package__") if level and globals else None
            key = (name, package, level, tuple(fromlist) if fromlist else ())
            if self._foreign.get(importer) is False and key in context.imports:
                return self._import(name, globals, locals, fromlist, level)
            asker = globals if globals is not None else sys._getframe(1).f_globals
            found = False
            try:
                module = self._import(name, globals, locals, fromlist, level)
                found = True
                return module
            finally:
                self._imported(context, key, globals, found)
                foreign = self._foreign.get(importer)
                if level == 0 and (foreign or globals is None):
                    self._wants.asked(asker, name)
                if level == 0 and foreign is not False:
                    self._strangers.asked(context, asker, _names(name, fromlist))

    @guarded
    def _imported(self, context: Context, key: tuple[Any, ...], globals: Any, found: bool) -> None:
        name, package, level, fromlist = key
        importer = globals.get("__file__") if globals else None
        own = isinstance(importer, str) and self._tape.roots.is_first_party(abspath(importer))
        own = own or (importer is None and self._origin.find()[1])
        stays = isinstance(importer, str) and not (own and importer.startswith("<"))  # as one for `python -` does not
        if stays and (known := name_of(globals)) is not None:  # a compiled template has a file alone
            self._foreign[known] = not own
        if not own:
            return
        if found:
            context.imports.add(key)
        try:
            full = importlib.util.resolve_name("." * level + name, package) if level else name
        except (ImportError, ValueError):
            return
        self._edge(context, full)
        for part in fromlist:
            if isinstance(part, str) and f"{full}.{part}" in sys.modules:
                self._edge(context, f"{full}.{part}")
            elif isinstance(part, str) and part != "*":
                self._absent_submodule(context, full, part)
        if "*" in fromlist:
            file = getattr(sys.modules.get(full), "__file__", None)
            if isinstance(file, str) and self._tape.roots.is_first_party(file):
                self._exported(context, abspath(file))

    def _exported(self, context: Context, file: str) -> None:
        """Charge a file for all that it defines; the bodies of its functions count for those who run them."""
        loaded = self._tape.loaded.get(file)
        if loaded is None or self._tape.stream is not None:  # a child does not parse
            self._charge_file(context, file)
        elif not self._tape.is_made(file):
            self._tape.note(context, Kind.EXPORTS, self._tape.roots.name(file), loaded.source.exported)

    def _absent_submodule(self, context: Context, full: str, part: str) -> None:
        """`from package import name` where that is neither: a submodule of that name may appear later."""
        if part not in (held := getattr(sys.modules.get(full), "__dict__", {})) and "__path__" in held:
            self._note_location(context, f"{full}.{part}")

    def _import_module(self, original: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
        @unseen
        def import_module(name: str, package: str | None = None) -> ModuleType:
            __tracebackhide__ = True
            context = self._tape.top
            asker = asking(sys._getframe(1))
            try:
                with aside:
                    return original(name, package)
            finally:
                try:
                    full = importlib.util.resolve_name(name, package)
                except (ImportError, ValueError, TypeError):
                    full = ""
                if full and (asker.get("__name__") == _SKIPPING or self._origin.find()[1]):
                    self._edge(context, full)
                self._wants.asked(asker, full)
                self._strangers.asked(context, asker, [full])

        return import_module

    def _find_spec(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @unseen
        def find_spec(name: str, package: str | None = None) -> Any:
            __tracebackhide__ = True
            context = self._tape.top
            with aside:
                spec = original(name, package)
            if self._origin.find()[1]:
                full = importlib.util.resolve_name(name, package)
                if "." in full:
                    self._edge(context, full.rpartition(".")[0])
                self._note_location(context, full)
                origin = getattr(spec, "origin", None)
                if isinstance(origin, str) and (owner := self._distributions.owner(origin)) is not None:
                    self._need(context, owner)
            return spec

        return find_spec

    def _edge(self, context: Context, full: str) -> None:
        """Charge a module and each package above it."""
        if full.partition(".")[0] in sys.builtin_module_names:
            return
        parts = full.split(".")
        for end in range(1, len(parts) + 1):
            name = ".".join(parts[:end])
            if not self._link_module(context, name) and end == 1:
                return

    def _link_module(self, context: Context, name: str) -> bool:
        """Charge one module; False if what lies below it need not be looked at."""
        tape = self._tape
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is None:
            self._note_location(context, name)
            return False
        if not isinstance(file, str):  # a file of that name would be found before a finder of the project's own
            self._note_location(context, name)
            return hasattr(module, "__path__")  # a namespace package: any of its portions may gain the name
        file = abspath(file)
        if tape.roots.is_stdlib(file):
            if "." not in name:
                self._note_location(context, name)
            return False
        self._note_location(context, name)
        if file.startswith(self._origin.own):
            return False
        if tape.roots.is_first_party(file):
            loaded = tape.loaded.get(file)
            if loaded is None:
                self._charge_file(context, file)
            elif loaded.context is not context:
                context.links.add(loaded.context)
                tape.note_whole(context, file)
            return True
        owner = self._distributions.owner(file)
        if owner is None:
            self._charge_file(context, file)
            return True
        self._need(context, owner)
        return False

    def _need(self, context: Context, owner: str) -> None:
        """Charge a distribution and all that it declares to need, or may have imported before this was watched."""
        needed = self._needed.get(owner)
        if needed is None:
            seen, queue = {owner}, [owner]
            while queue:
                fresh = self._distributions.needs(queue.pop(), self._early) - seen
                seen |= fresh
                queue += fresh
            needed = self._needed[owner] = frozenset(seen)
        for name in needed:
            self._tape.note(context, Kind.DISTRIBUTION, name, self._distributions.fingerprint(name))
            self._wants.used(context, name)

    def _want(self, context: Context, name: str) -> None:
        """Charge what a library has imported, if that is not the project's: then it was told its name."""
        file = getattr(sys.modules.get(name), "__file__", None)
        if not isinstance(file, str) or not self._tape.roots.is_first_party(abspath(file)):
            self._edge(context, name)

    def _note_location(self, context: Context, name: str) -> None:
        path = tuple(sys.path)
        if self._search[0] != path:
            self._search = (path, search_names(self._tape.roots, sys.path))
            self._modules.forget()
        key = extended(name, self._tape.roots) or f"{name}@{self._search[1]}"
        file = getattr(sys.modules.get(name), "__file__", None)
        found = self._modules.places(key) if not isinstance(file, str) else (file,)
        modules = self._modules
        if any(map(self._tape.is_made, found)):  # an output: it counts whether there is another one
            lasting = [folder for folder in sys.path if not self._tape.made_in(join(abspath(folder), name))]
            modules = Modules(self._tape.roots, lasting)
        self._tape.note(context, Kind.MODULE, key, modules.location(key))

    # -- metadata of distributions

    def _asks_for_itself(self) -> bool:
        """Whether metadata is read for the project's code.

        Plugins that look for entry points while pytest starts do so for themselves: their own version
        is part of the environment key, and what they would load is imported, which counts.
        """
        frame, counts, _ = self._origin.find()
        if not counts or self._tape.stack:
            return counts
        return self._origin.first_party(frame) is not None

    def _from_name(self, original: Callable[..., Any]) -> classmethod[Any, Any, Any]:
        @unseen
        def from_name(cls: type, name: str) -> Any:
            __tracebackhide__ = True
            if name and self._asks_for_itself():
                owner = canonical(name)
                self._tape.note(self._tape.top, Kind.DISTRIBUTION, owner, self._distributions.fingerprint(owner))
            with aside:
                return original(cls, name)

        return classmethod(from_name)

    def _all_distributions(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @unseen
        def listing(**options: Any) -> Any:
            __tracebackhide__ = True
            if self._asks_for_itself():
                self._tape.note(self._tape.top, Kind.DISTRIBUTION, ALL, self._distributions.fingerprint(ALL))
            return original(**options)

        return listing


def _names(name: str, fromlist: Any) -> tuple[str, ...]:
    """The modules that an import statement may be after."""
    return (name, *(f"{name}.{part}" for part in fromlist or ()))
