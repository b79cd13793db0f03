"""coverage.py: lines as a recorder of last resort, and the lines of the user's own measurement."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import coverage

from testcache.recording.recorder import Place, Recognised, RecorderUnavailable, Sink

PREFIX = "testcache:"
"""Begins each of our contexts in the user's data."""

TAKE = "|take:"
"""Follows a context of the tape while the recorder reads the same measurement in smaller pieces."""

Lines = Sequence[int] | Sequence[tuple[int, int]]


def _core(measurement: coverage.Coverage) -> str:
    """CTracer, PyTracer or SysMonitor."""
    return str(dict(measurement.sys_info()).get("core", ""))


class Measured:
    """Records lines by coverage's C tracer: two to four times slower, but it needs nothing else.

    If the user measures coverage, that measurement is read too: a second tracer would take the
    lines away from the first. Reported places are lines, not first lines.

    Does not see: what coverage leaves out by its own rules (the standard library, installed
    packages, and what the user's settings omit); forked children, unless they call `take`.
    """

    name = "coverage"
    streams = False

    def __init__(self, wanted: Recognised) -> None:
        self.reason = ""
        self._wanted = wanted
        self._measurement: coverage.Coverage | None = None
        self._own = False
        self._context = ""
        self._takes = 0

    def start(self) -> None:
        if self._measurement is not None:
            return
        users = coverage.Coverage.current()
        if users is not None and _core(users) == "SysMonitor":
            raise RecorderUnavailable("coverage is already measuring with a core that has no contexts")
        if users is None:
            self._measurement = coverage.Coverage(data_file=None, config_file=False)
            self._measurement.set_option("run:core", "ctrace")
            self._measurement.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
            self._measurement.start()
            self._own = True
        else:
            self._measurement = users
        self._next_context()

    def stop(self) -> None:
        if self._measurement is None:
            return
        if self._own:
            self._measurement.stop()
        elif self._context:
            self._measurement.switch_context(self._context.partition(TAKE)[0])
        self._measurement, self._own = None, False

    def take(self) -> set[Place]:
        if self._measurement is None:
            return set()
        finished = self._context
        self._next_context()
        data = self._measurement.get_data()
        data.set_query_context(finished)
        found = {
            (filename, line)
            for filename in data.measured_files()
            if self._wanted(filename)
            for line in data.lines(filename) or ()
        }
        data.set_query_contexts(None)
        if self._own:
            data.erase()
        return found

    def streamed(self, sink: Sink | None) -> None:
        if sink is not None:
            raise RecorderUnavailable("coverage reports lines only when they are taken")

    def _next_context(self) -> None:
        assert self._measurement is not None
        self._takes += 1
        # Whoever owns the present context keeps it: the tape, pytest-cov's --cov-context, or nobody.
        before = self._measurement.switch_context(PREFIX) or ""
        self._context = f"{before.partition(TAKE)[0] or PREFIX}{TAKE}{self._takes}"
        self._measurement.switch_context(self._context)


class LineTape:
    """The lines or arcs of the user's own running measurement, by context.

    Attributes:
        branch: whether the measurement has arcs instead of lines.
        conflict: the context that somebody else switched to (pytest-cov's --cov-context=test does),
            or "". What was taken is then incomplete and must not be stored.
    """

    unavailable = ""
    """Why the last `current` answered None although something is being measured."""

    def __init__(self, measurement: coverage.Coverage) -> None:
        self._measurement = measurement
        self._context = ""
        self.branch = bool(measurement.get_option("run:branch"))
        self.conflict = ""
        self._folder = os.getcwd()

    @classmethod
    def current(cls) -> LineTape | None:
        """The measurement that is running now, if lines can be told apart by contexts.

        Not if nothing is measured, under the sys.monitoring core (each line would go to the first
        context only), or with dynamic_context set (coverage switches by itself).
        """
        cls.unavailable = ""
        measurement = coverage.Coverage.current()
        if measurement is None:
            return None
        if _core(measurement) == "SysMonitor":
            cls.unavailable = "coverage's sysmon core has no contexts; set [run] core = ctrace"
        elif measurement.get_option("run:dynamic_context"):
            cls.unavailable = "coverage's dynamic_context is set"
        return None if cls.unavailable else cls(measurement)

    def measures(self, name: Callable[[str], str]) -> Iterator[str]:
        """What decides of which files and as what lines are measured; `name` gives paths another checkout's form.

        What it is not: what only reports look at, such as excluded lines.
        """
        yield str(self.branch)
        for option in ("source", "source_pkgs", "source_dirs", "include", "omit", "plugins", "concurrency"):
            values = self._measurement.get_option(f"run:{option}")
            for value in values if isinstance(values, (list, tuple)) else ():
                path = os.path.join(self._folder, value)
                is_path = option in ("source_dirs", "include", "omit") or (option == "source" and os.path.isdir(path))
                is_path = is_path and not value.startswith(("*", "?"))  # those match anywhere
                yield f"{option} {name(os.path.normpath(path)) if is_path else value}"

    def switch(self, context: str) -> None:
        """From now on lines go to this context. Cost: 0.5 ms, more with many lines since the last."""
        before = self._measurement.switch_context(PREFIX + context) or ""
        if self._context and before.partition(TAKE)[0] != self._static(self._context):
            self.conflict = self.conflict or before
        self._context = PREFIX + context

    def taken(self) -> dict[str, dict[str, Lines]]:
        """Context -> absolute file name -> lines, or arcs if `branch`. Call it once, at the end.

        Cost: one query for each file; for arcs one more for each pair of file and context.
        """
        data = self._measurement.get_data()
        found: dict[str, dict[str, set[Any]]] = {}
        for filename in sorted(data.measured_files()):
            path = os.path.join(self._folder, filename)  # relative_files may be set
            data.set_query_contexts(None)
            by_context: dict[str, set[Any]] = {}
            for line, contexts in data.contexts_by_lineno(filename).items():
                for context in contexts:
                    by_context.setdefault(context, set()).add(line)
            for context, lines in by_context.items():
                _, ours, name = context.partition(PREFIX)
                if not ours:
                    continue
                if self.branch:
                    data.set_query_context(context)
                executed = data.arcs(filename) or () if self.branch else lines
                found.setdefault(name.partition(TAKE)[0], {}).setdefault(path, set()).update(executed)
        data.set_query_contexts(None)
        return {name: {path: sorted(lines) for path, lines in files.items()} for name, files in found.items()}

    def add(self, lines: Mapping[str, Lines | Sequence[int | tuple[int, int]]]) -> None:
        """Add replayed lines (or arcs, as `branch` says) to what was measured, under no context.

        Raises `RecorderUnavailable` if they are not of the same sort as the data.
        """
        arcs: dict[str, list[tuple[int, int]]] = {}
        plain: dict[str, list[int]] = {}
        folder = self._folder + os.sep if self._measurement.get_option("run:relative_files") else ""
        for path, found in lines.items():
            filename = path.removeprefix(folder)
            plain[filename] = [line for line in found if isinstance(line, int)]
            arcs[filename] = [arc for arc in found if not isinstance(arc, int)]
            if len(arcs[filename] if self.branch else plain[filename]) < len(found):
                raise RecorderUnavailable("lines where arcs are measured, or arcs where lines are")
        before = self._measurement.switch_context("")  # what is pending keeps its own context
        data = self._measurement.get_data()
        try:
            if self.branch:
                data.add_arcs(arcs)
            else:
                data.add_lines(plain)
        finally:
            self._measurement.switch_context(before or "")

    def _static(self, context: str) -> str:
        """The name a context has in the data: behind the user's static context, if there is one."""
        static = self._measurement.get_option("run:context")
        return f"{static}|{context}" if static else context
