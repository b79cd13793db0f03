"""Other machines as workers of xdist: `--cached-hosts`, and the refusal to start on one that is not like this."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from testcache.errors import SettingError
from testcache.parallel.hosts import Machine, check, chosen, search_path
from testcache.settings import Host


class Remote:
    """A plugin that adds the machines of `--cached-hosts` to xdist's workers."""

    def __init__(self, config: pytest.Config, hosts: Mapping[str, Host]) -> None:
        self._config = config
        self._hosts = hosts
        self._machines: list[Machine] = []
        config.pluginmanager.register(self, "testcache-remote")

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Before xdist looks for workers. A mistake is a usage error."""
        option = config.option
        if option.cached_hosts is None:
            return
        if not hasattr(option, "tx"):
            raise pytest.UsageError("--cached-hosts needs pytest-xdist, which is not loaded [option-value]")
        folder = config.invocation_params.dir
        try:
            self._machines = chosen(self._hosts, option.cached_hosts, rootdir=config.rootpath, folder=folder)
        except SettingError as problem:
            raise pytest.UsageError(f"testcache: {problem}") from None
        option.tx = [*option.tx, *(address for machine in self._machines for address in machine.addresses)]
        if option.dist == "no":
            option.dist = "load"

    def is_remote(self, spec: str) -> bool:
        """Whether a worker's address is on another machine of ours."""
        return any(spec in machine.addresses for machine in self._machines)

    def prepare(self, specs: list[str]) -> None:
        """Make the machines of these workers ready: UsageError, before anything runs, if one is unfit."""
        used = [machine for machine in self._machines if machine.addresses[0] in specs]
        problems = check(used, search_path())
        if problems:
            raise pytest.UsageError(
                "\n".join(f"testcache: {problem} [host]" for problem in problems)
                + "\n    nothing was run; leave it out with --cached-hosts=NAMES"
            )
        self._config.option.px = [*self._config.option.px, *(machine.proxy for machine in used)]


def make_parent(basetemp: str | None) -> None:
    """On another machine the folder into which xdist's workers put theirs may be missing."""
    if basetemp:
        os.makedirs(os.path.dirname(os.path.abspath(basetemp)), mode=0o700, exist_ok=True)
