"""Hooks that say whose work is going on: a test, a wide fixture, a file's collection, one function's parameters."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from testcache.inputs.roots import IGNORED_NAMES
from testcache.reasons import Reason
from testcache.recording.context import Context
from testcache.recording.leftovers import Leftovers
from testcache.recording.tape import Tape
from testcache.recording.unseen import aside
from testcache.session.ends import held_by_end, judging
from testcache.session.setups import SHARED_SCOPES, SetupTimes
from testcache.session.verdicts import Verdicts


class Charges:
    """A pytest plugin that pushes and pops contexts; it decides nothing."""

    def __init__(self, tape: Tape, leftovers: Leftovers, verdicts: Verdicts) -> None:
        self._tape = tape
        self._verdicts = verdicts
        self._leftovers = leftovers
        self._files: dict[str, Context] = {}
        self._generated: dict[str, Context] = {}
        self.parameters: dict[str, set[Context]] = {}
        self._fixtures: dict[Any, Context] = {}
        self._open: dict[Context, tuple[pytest.FixtureDef[Any], bool]] = {}
        self.folders: set[str] = set()
        self.setups = SetupTimes()
        self._execute: Callable[..., Any] | None = None
        self._finish: Callable[..., None] | None = None
        self._ask: Callable[..., Any] | None = None

    # -- fixtures

    def install(self) -> None:
        """Wrap set-up and teardown of fixtures, for hooks do not tell of a fixture that is used again.

        And asking for one by its name: who is told that there is none would get it if it came.
        """
        execute, finish = pytest.FixtureDef.execute, pytest.FixtureDef.finish
        ask = pytest.FixtureRequest.getfixturevalue
        self._execute, self._finish, self._ask = execute, finish, ask

        def asked(request: Any, argname: str) -> Any:
            __tracebackhide__ = True
            self._tape.top.fixtures.add(argname)
            with aside:
                return ask(request, argname)

        def executed(definition: Any, request: Any) -> Any:
            self._tape.top.fixtures.add(definition.argname)
            if plugin := self._verdicts.judge(definition):
                self._tape.problem(Reason.JUDGED_AT_THE_END, f"{plugin} by its fixture {definition.argname}")
            if definition.scope == "function":
                with aside:
                    return execute(definition, request)
            context = self._fixtures.get(definition)
            runs = context is None or definition.cached_result is None
            if context is None or runs:
                context = self._fixtures[definition] = Context(f"fixture {definition.argname}")
                self._leftovers.before_fixture()
            self._tape.top.links.add(context)
            group = request.node.nodeid if definition.scope in SHARED_SCOPES else ""
            with self._tape.charge(context), self.setups.measure(group, definition.argname), aside:
                value = execute(definition, request)
            if runs:
                name, file = definition.argname, self._file_of(definition)
                held = held_by_end(definition) if any(judging(definition, request.node)) else {}
                self._leftovers.after_fixture(context, definition, name, value, file, held)
            self._open[context] = (definition, self._is_hooked(request))
            return value

        def finished(definition: Any, request: Any) -> None:
            context = self._fixtures.get(definition)
            if context is None or definition.scope == "function":
                with aside:
                    finish(definition, request)
                return
            self._leftovers.before_fixture()
            context.ending = True
            try:
                with self._tape.charge(context), aside:
                    finish(definition, request)
            except BaseException:
                context.failed = True
                raise
            finally:
                self._open.pop(context, None)
                judges = any(judging(definition, request.node))
                self._leftovers.fixture_gone(context, definition, judges=judges)
                self._leftovers.look()  # at all test files: it may have put back what it had changed in them

        pytest.FixtureDef.execute = executed  # type: ignore[method-assign, assignment]
        pytest.FixtureDef.finish = finished  # type: ignore[method-assign, assignment]
        pytest.FixtureRequest.getfixturevalue = asked  # type: ignore[method-assign, assignment]

    def uninstall(self) -> None:
        """Put the methods back."""
        if self._execute is not None and self._finish is not None and self._ask is not None:
            pytest.FixtureDef.execute = self._execute  # type: ignore[method-assign]
            pytest.FixtureDef.finish = self._finish  # type: ignore[method-assign]
            pytest.FixtureRequest.getfixturevalue = self._ask  # type: ignore[method-assign]
            self._execute = self._finish = self._ask = None

    def _file_of(self, definition: pytest.FixtureDef[Any]) -> str:
        """The stored name of the project's file that defines a fixture, "" if that is a library's."""
        code = getattr(definition.func, "__code__", None)
        return (
            self._tape.roots.name(code.co_filename)
            if code is not None and code.co_filename in self._tape.loaded
            else ""
        )

    # -- collection

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        if isinstance(collector, (pytest.Session, pytest.Directory)):
            folder = str(collector.path)
            # With a norecursedirs of its own a project lets pytest into our store, which changes in every run.
            if IGNORED_NAMES.isdisjoint(self._tape.roots.name(folder).split("/")):
                self.folders.add(folder)
            return (yield)
        path = str(collector.path)
        context = self._files.setdefault(path, Context(f"collection of {path}", found=frozenset()))
        with self._tape.charge(context):
            answer = yield
        self._leftovers.importing.come_upon(context)
        return answer

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> Generator[None, Any, Any]:
        node = metafunc.definition.nodeid
        context = self._generated.get(node) or Context(f"parameters of {node}", found=frozenset())
        with self._tape.charge(context):
            answer = yield
        if not context.is_blank:
            self._leftovers.importing.come_upon(context)
            self._generated[node] = context
            self.parameters.setdefault(str(metafunc.definition.path), set()).add(context)
        return answer

    def files(self) -> dict[str, Context]:
        """The contexts of all files that were collected here, by absolute path."""
        return self._files

    def collected(self, item: pytest.Item) -> list[Context]:
        """The contexts of a test's collection: its file's, and that of its function's parameters."""
        found = [self._files.get(str(item.path))]
        name = getattr(item, "originalname", None)
        if name and item.parent is not None:
            found.append(self._generated.get(f"{item.parent.nodeid}::{name}"))
        return [context for context in found if context is not None]

    # -- tests

    def is_open(self, contexts: frozenset[Context]) -> bool:
        """Whether one of these is a fixture that still has its teardown before it."""
        return any(
            hooked or _has_teardown(definition)
            for definition, hooked in (self._open[context] for context in self._open.keys() & contexts)
        )

    def _is_hooked(self, request: Any) -> bool:
        """Whether the project has a hook of its own for the end of this fixture."""
        hooks = request.node.ihook.pytest_fixture_post_finalizer.get_hookimpls()
        codes = [getattr(hook.function, "__code__", None) for hook in hooks]
        return any(code is None or self._tape.roots.is_first_party(code.co_filename) for code in codes)


def _has_teardown(definition: pytest.FixtureDef[Any]) -> bool:
    """Whether code will run when the fixture is finished; its first finalizer only calls the hook for that.

    Without this an autouse fixture of a plugin, such as pytest-asyncio's, has each test summed up twice.
    """
    finalizers = getattr(definition, "_finalizers", None)
    return finalizers is None or len(finalizers) > 1
