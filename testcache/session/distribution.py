"""xdist, held back until it is known that something must run, and then given only that.

xdist starts its workers as soon as the session starts, long before anything is decided. So its session
object is taken out of the plugin manager the moment it registers; the controller collects and decides
as if xdist were not there; workers start only if tests are left to run, and run only those.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import pytest

from testcache.clock import clock
from testcache.model import NodeId, Result
from testcache.parallel.machine import usable_cores
from testcache.session.limits import Limits
from testcache.session.losses import Losses
from testcache.session.names import path_of
from testcache.session.orders import ORDERS
from testcache.session.setups import longest
from testcache.session.workforce import Work, effort_line
from testcache.settings import Parallel
from testcache.storage.effort import Effort
from testcache.storage.wire import Unpacker

PLUGIN_NAME = "testcache-distribution"

Deliver = Callable[[list[Result]], None]


class _Reports:
    """A plugin that passes on each report; registered only where workers run, as a test makes three."""

    def __init__(self, arrived: Callable[[Any], None]) -> None:
        self._arrived = arrived

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        self._arrived(report)


class Distribution:
    """A plugin between the controller and xdist; does nothing in a run without it.

    `deliver` is called with what is known of a test whose worker died.

    Attributes:
        auto: whether xdist was asked to choose the number of workers (`-n auto`).
        limit: with `auto`, the number that a conftest file or the environment sets, else None.
        setups: what workers measured of shared set-ups, see `SetupTimes`.
        crashed: tests that took their worker with them.
        cpu_s: seconds of CPU that running their tests took workers.
    """

    def __init__(self, config: pytest.Config, settings: Parallel, deliver: Deliver) -> None:
        self._config = config
        self._settings = settings
        self._deliver = deliver
        self._session: Any = None
        self._work = Work()
        self._orders: dict[str, Any] = {}
        self._streams: dict[str, Unpacker] = {}
        self._finals: list[Result] = []
        self._scheduler: Any = None
        self._limits: Limits | None = None
        self._moments: list[float] = []
        self._ended: set[NodeId] = set()
        self._offered: set[NodeId] | None = None
        self._workers = 0
        self._collect_s = 0.0
        self.auto = False
        self.limit: int | None = None
        self.setups: dict[str, float] = {}
        self.crashed: set[NodeId] = set()
        self.cpu_s = 0.0
        config.pluginmanager.register(self, PLUGIN_NAME)

    @property
    def held_back(self) -> bool:
        return self._session is not None

    def hold_back(self, plugin: object) -> None:
        """Take xdist's session out again, right when it registers."""
        kind = type(plugin)
        if self._session is None and (kind.__module__, kind.__name__) == ("xdist.dsession", "DSession"):
            self._session = plugin
            self._config.pluginmanager.unregister(plugin)

    @pytest.hookimpl(wrapper=True, optionalhook=True)
    def pytest_xdist_auto_num_workers(self, config: pytest.Config) -> Generator[None, int | None, int]:
        """`-n auto`: as many as could be of use; how many start is chosen when it is known what must run."""
        answer = yield
        self.auto = True
        asked = config.hook.pytest_xdist_auto_num_workers.get_hookimpls()
        others = [found for found in asked if not found.wrapper and found.plugin_name != "xdist.plugin"]
        others = [found for found in others if found.plugin_name != "xdist"]
        if answer is not None and (others or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")):
            self.limit = answer
            return answer
        return max(1, round(usable_cores() + 0.49))

    # -- running

    def specs(self) -> list[str]:
        """One address for each worker that the command line asks for."""
        from xdist.workermanage import parse_tx_spec_config

        return list(parse_tx_spec_config(self._config))

    @property
    def counted(self) -> bool:
        """Whether a number of workers is asked for (`-n 4`), not addresses (`--tx`)."""
        return bool(self._config.option.numprocesses)

    @property
    def splits(self) -> bool:
        """Whether each test runs on one worker only; with --dist=each it runs on all."""
        return bool(self._config.option.dist != "each")

    @property
    def keeps_company(self) -> bool:
        """Whether tests of one file run on one worker, in their order, so that they can rely on each other."""
        return self.held_back and self._config.option.dist in ("loadfile", "loadscope", "loadgroup")

    def stand_down(self) -> None:
        """From here on the run is one without -n: whoever asks is told so, and xdist's session stays out."""
        option = self._config.option
        option.dist, option.tx, option.numprocesses = "no", [], 0
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.showfspath = None  # xdist had switched off the lines of one process
        self._session = None

    def run(self, session: pytest.Session, work: Work, specs: list[str], orders: dict[str, Any]) -> object:
        """Start workers for these tests and let xdist run them; its answer is pytest's.

        `orders` are those of all workers but for what to run. May be called again, for tests that waited for
        these.
        """
        if self._moments:
            self._begin_anew()
        else:
            self._config.pluginmanager.register(_Reports(self._arrived), "testcache-reports")
        self._work = work
        self._orders = orders | {"run": [str(node) for node in work.nodes]}
        asked, self._config.option.tx = self._config.option.tx, specs
        self._workers = len(specs)
        self._config.pluginmanager.register(self._session, "dsession")
        collected = session.testscollected
        self._moments = [clock.perf_counter()]
        losses = Losses(self._session)
        self._session.pytest_sessionstart(session)
        try:
            answer = self._session.pytest_runtestloop()
            self._report_unreported()
            return answer
        except RuntimeError as problem:
            if not losses.explain(problem):
                raise
            self._report_unreported()
            return True
        finally:
            if self._limits is not None:
                self._limits.stop()
            self._moments.append(clock.perf_counter())
            session.testscollected = collected
            self._config.option.tx = asked

    def _begin_anew(self) -> None:
        """xdist's session is made for one run; its workers, and what they were sent, end with it."""
        manager = self._config.pluginmanager
        self._session.pytest_sessionfinish()
        manager.unregister(self._session)
        for name in ("terminaldistreporter", "testcache-witness"):
            if manager.has_plugin(name):
                manager.unregister(name=name)
        self._session = type(self._session)(self._config)
        self._streams.clear()
        self._scheduler = self._limits = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        """Ours for plain --dist=load; whoever asks for another, or for chunks of a size, gets xdist's."""
        if config.option.dist != "load" or config.option.maxschedchunk is not None:
            return None
        from testcache.session.scheduling import CostScheduling

        self._limits = Limits(self._settings, self._session, watch=config.option.verbose > 0)
        self._scheduler = CostScheduling(config, log, self._work, self._limits)
        return self._scheduler

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._offered = {*(self._offered or ()), *map(self._plain, ids)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what to run."""
        node.workerinput[ORDERS] = self._orders

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the final results that a worker leaves; a crashed one leaves none."""
        output = getattr(node, "workeroutput", {})
        if "testcache" in output:
            self._finals += self._stream(node.gateway.id).unpack(output["testcache"])
            self.setups = longest(self.setups, output["testcache-setups"])
            self._collect_s = max(self._collect_s, output["testcache-collect"])
            self.cpu_s += output["testcache-cpu"]

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """A test that took its worker with it has failed, whatever was stored for it before."""
        node = self._plain(crashitem)
        self.crashed.add(node)
        self._deliver([Result(path_of(node), node, None, recorded_at=clock.time())])

    def _arrived(self, report: Any) -> None:
        """A report has come from a worker, with results that are ready by now."""
        sent = getattr(report, "testcache", None)
        if sent is not None:
            self._deliver(self._stream(report.node.gateway.id).unpack(sent))
        if report.when not in ("setup", "call"):
            self._ended.add(self._plain(report.nodeid))

    def _plain(self, node: str) -> NodeId:
        """The node id without the `@group` of --dist=loadgroup."""
        return NodeId(node if node in self._work.known else node.rpartition("@")[0] or node)

    def unknown(self) -> frozenset[NodeId]:
        """The tests that no worker collected: ids that hold the time, say, are others in each process."""
        return self._work.known - self._offered if self._offered is not None else frozenset()

    def _report_unreported(self) -> None:
        """A test that no worker ran must not pass in silence.

        Workers may have crashed more often than --max-worker-restart allows, and left the rest; or the
        one that took a crashed one's place collected other tests; or their machines are gone.
        """
        missing = [node for node in self._work.nodes if node not in self._ended and node not in self.unknown()]
        if self._session.shouldstop:
            return
        for node in missing:
            text = f"testcache: {node}: not run: no worker was left to run it [not-run]"
            path = path_of(node)
            self._deliver([Result(path, node, None, recorded_at=clock.time())])
            report = pytest.TestReport(node, (path, None, node.partition("::")[2]), {}, "failed", text, "setup")
            self._config.hook.pytest_runtest_logreport(report=report)

    # -- what came of it

    def _stream(self, worker: str) -> Unpacker:
        return self._streams.setdefault(worker, Unpacker())

    def finals(self) -> list[Result]:
        """The final results of all workers that ended in order."""
        return self._finals

    def effort(self) -> Effort | None:
        """What the workers cost and gave; None if none ran or xdist's own scheduler dealt the tests out."""
        scheduler = self._scheduler
        if scheduler is None or len(self._moments) < 2 or scheduler.first is None:
            return None
        start, end = self._moments
        return Effort(
            workers=self._workers,
            tests=scheduler.tests,
            collect_s=self._collect_s,
            start_s=scheduler.first - start,
            run_s=scheduler.last - scheduler.first,
            stop_s=end - scheduler.last,
            work_s=scheduler.work_s,
            replaced=self._limits.replaced if self._limits is not None else 0,
            held_s=self._limits.held_s if self._limits is not None else 0.0,
        )

    def lines(self) -> Iterator[str]:
        """What the workers cost and used, and which limits could not be applied."""
        effort = self.effort()
        if effort is not None:
            yield effort_line(effort)
        if self._limits is not None:
            yield from self._limits.lines()
        elif self._workers and (self._settings.max_cpu or self._settings.max_memory):
            yield "testcache: max-cpu and max-memory are for --dist=load: they were not applied [dist]"
