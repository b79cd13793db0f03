"""The pytest plugin's door: options and one early hook; everything else is imported only for `--cached`."""

from __future__ import annotations

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
        nargs="?",
        const="on",
        default=None,
        metavar="MODE",
        help="replay the recorded result of every test whose inputs are unchanged and run the rest. "
        "MODE: read (do not record), refresh (run all, record anew), verify (run all, report wrong hits), off.",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Begin before the first conftest file is imported: what it runs must be seen."""
    mode = early_config.known_args_namespace.cached
    if mode is None:
        return (yield)
    from testcache.session.start import start

    start(early_config, mode)
    return (yield)
