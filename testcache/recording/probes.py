"""The recorder that puts a probe into each function at import: for interpreters without sys.monitoring."""

from __future__ import annotations

import sys
from types import CodeType
from typing import ClassVar

from testcache.recording import anatomy, probe_late, probe_tree
from testcache.recording.probe_loader import Loading, rewriter_of_pytest
from testcache.recording.probe_marks import MARKS
from testcache.recording.recorder import BODY_LINE, Place, Recognised, RecorderUnavailable, Sink, pass_on


class Probes:
    """Marks of instrumented code, and everything about code that has no probes.

    Code that reaches exec without probes (templates, modules with loaders of their own) is reported in every take from
    then on: nobody knows when it runs. So is that of modules loaded before `start` which cannot get probes any more.

    Does not see: functions made from compiled code without exec or eval (types.FunctionType); code
    that a forked child imported by itself, unless `streamed` or `take` is used in the child.
    """

    name = "probes"
    streams = True
    active: ClassVar[Probes | None] = None
    audited: ClassVar[bool] = False

    def __init__(self, wanted: Recognised) -> None:
        self.reason = ""
        self._wanted = wanted
        self._loading = Loading(wanted, self._delivered)
        rewriter_of_pytest()  # raises if it cannot be instrumented
        self._last: CodeType | None = None
        self._bodies: list[Place] = []
        self._blind: set[Place] = set()
        self._sink: Sink | None = None

    def start(self) -> None:
        if Probes.active is self:
            return
        if Probes.active is not None:
            raise RecorderUnavailable("another recorder with probes is active")
        self._loading.install()
        Probes.active = self
        if not Probes.audited:
            sys.addaudithook(_audit)  # stays for the life of the process, idle without a recorder
            Probes.audited = True
        files = [(anatomy.dict_of(module) or {}).get("__file__") for module in [*sys.modules.values()]]
        early = {file for file in files if isinstance(file, str) and file not in MARKS and self._wanted(file)}
        for file, there in probe_late.present(sorted(early)).items():
            self._already_loaded(file, there)

    def stop(self) -> None:
        if Probes.active is self:
            self._loading.uninstall()
            MARKS.stream(None)
            Probes.active = None

    def take(self) -> set[Place]:
        found = set(MARKS.take())
        if not all(map(self._wanted, {filename for filename, _ in found})):  # some are another recorder's
            found = {place for place in found if self._wanted(place[0])}
        for _ in range(len(self._bodies)):  # counted: another thread may be importing
            found.add(self._bodies.pop())
        return found | self._blind

    def streamed(self, sink: Sink | None) -> None:
        self._sink = sink
        if sink is None:
            MARKS.stream(None)
            return
        MARKS.stream(self._pass_on)
        for place in (*self._bodies, *self._blind):
            self._pass_on(place)

    def _pass_on(self, place: Place) -> None:
        if self._sink is not None and self._wanted(place[0]):
            pass_on(self._sink, place)

    def _delivered(self, code: CodeType, filename: str) -> None:
        """Code is about to run: make its marks, or count it as executed for good."""
        found = probe_tree.scan(code, filename)
        self._last = code
        if found.probed:
            MARKS.add(filename, found.last_line)
            return
        for line in found.functions:
            self._turn_blind((filename, line))

    def _turn_blind(self, place: Place) -> None:
        if place not in self._blind:
            self._blind.add(place)
            self._pass_on(place)

    def _already_loaded(self, filename: str, there: probe_late.Present) -> None:
        try:
            with open(filename, "rb") as file:
                data = file.read()
            code = compile(data, filename, "exec", dont_inherit=True)
            with_probes = probe_late.equip(data, code, there)
        except (OSError, SyntaxError, ValueError):
            return  # an extension module, or not Python: it has no functions that could be named
        found = probe_tree.scan(code, filename)
        if with_probes:
            MARKS.add(filename, found.last_line)
        for line in found.functions - with_probes:
            self._turn_blind((filename, line))

    def executes(self, code: CodeType) -> None:
        """The interpreter is about to run module level code, by exec, eval or import."""
        filename = code.co_filename
        if not self._wanted(filename):
            return
        if code is not self._last:
            self._delivered(code, filename)
        if code.co_name == "<module>":
            place = (filename, BODY_LINE)
            self._bodies.append(place)
            self._pass_on(place)
        else:
            self._turn_blind((filename, code.co_firstlineno))


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "exec" and Probes.active is not None and isinstance(arguments[0], CodeType):
        Probes.active.executes(arguments[0])
