"""The pytest plugin's door: options and one early hook; everything else is imported only for `--cached`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

MODES = ("on", "read", "refresh", "verify", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("testcache", "replaying the results of unchanged tests")
    group.addoption(
        "--cached",
        "--testcache",
        dest="cached",
        action="store_const",
        const="on",
        help="replay the recorded result of every test whose inputs are unchanged and run the rest; "
        "--cached=read (do not record), =refresh (run all, record anew), =verify (run all, report wrong "
        "hits), =off",
    )
    # A flag with an optional value would swallow the path in `pytest --cached tests/`, so each mode is
    # an option of its own: argparse looks a whole word up before it splits it at "=".
    for mode in MODES:
        group.addoption(
            f"--cached={mode}", f"--testcache={mode}", dest="cached", action="store_const", const=mode,
            help=argparse.SUPPRESS,
        )  # fmt: skip

    group.addoption(
        "--cached-audit",
        metavar="SHARE|TIME",
        help='--cached, and really run a random share of the hits ("2%%"), or as many as take this long '
        '("5s"), and report each wrong one; the setting "audit" if not given, "" for none',
    )
    group.addoption(
        "--cached-isolated",
        action="store_true",
        help="run each test alone in a forked child, compare with its recorded outcome, and name the tests "
        "that pass only in company or only alone; nothing is replayed or stored",
    )
    group.addoption(
        "--shard",
        metavar="I/N",
        help="with --cached: run the I-th of N parts of what must run, of about the same predicted time; "
        "all parts must begin with the same cache; "
        "part 1 replays what is cached; I/N@PLAN refuses any other plan than the one with this digest; "
        '"auto" takes the job number from the CI system',
    )
    # Not --hosts: pytest-testinfra has that, and two plugins with one option stop pytest.
    group.addoption(
        "--cached-hosts",
        metavar="NAMES",
        help='with --cached: let the machines of [hosts.NAME] in the settings run tests, too: "all", or names '
        "with commas between",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to `--strict-markers` and `pytest --markers`, also in runs without `--cached`."""
    config.addinivalue_line(
        "markers",
        "testcache(inputs=[...], env=[...], never=True, max_age='1d'): "
        "declare what testcache does not see, or keep the test from being cached.",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Begin before the first conftest file is imported: what it runs must be seen."""
    mode = early_config.known_args_namespace.cached
    if mode is None and early_config.known_args_namespace.cached_audit is not None:
        mode = "on"
    if early_config.known_args_namespace.cached_isolated:
        mode = "read"
    if mode is None:
        _need_cached(early_config, "it needs --cached")
        return (yield)
    _spare_rewriting(early_config)
    from testcache.session.start import start

    loaded = start(early_config, mode)
    answer = yield
    loaded()
    return answer


def _need_cached(config: pytest.Config, why: str) -> None:
    """Options that change what a cached run does must not be overlooked without one."""
    known = config.known_args_namespace
    for option, given in (("--shard", known.shard), ("--cached-hosts", known.cached_hosts)):
        if given is not None:
            raise pytest.UsageError(f"{option}={given}: {why} [option-value]")


def _spare_rewriting(config: pytest.Config) -> None:
    """Import our own modules as they are: pytest rewrites the assertions of every plugin's package,
    which costs a hash of each source, and there are none for users in ours.
    """
    hook = config.pluginmanager.rewrite_hook
    marked, known = getattr(hook, "_must_rewrite", None), getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(known, dict):
        marked.discard("testcache")
        known.clear()
