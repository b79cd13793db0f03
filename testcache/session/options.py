"""Options that conftest files add: inputs of the tests that read them, not of the whole run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from testcache.inputs.world import option_digest
from testcache.model import Digest


class CustomOptions:
    """Tells the project's own options from pytest's and its plugins', and watches who reads them."""

    def __init__(self, config: pytest.Config, read: Callable[[str, object], None]) -> None:
        """Build this before conftest files are loaded: what is known by then is not theirs."""
        self._config = config
        self._read = read
        self._before = _registered(config)
        self.names: frozenset[str] = frozenset()

    def watch(self) -> dict[str, Digest]:
        """Turn each custom option into a property that tells of reads; return their digests."""
        option = self._config.option
        added = _registered(self._config) - self._before
        values = {name: value for name, value in vars(option).items() if name in added}
        self.names = frozenset(values)
        if values:
            properties = {name: self._property(name) for name in values}
            option.__class__ = type("Options", (argparse.Namespace,), properties)
        return {name: option_digest(value) for name, value in values.items()}

    def _property(self, name: str) -> property:
        """A data descriptor wins over the instance's dict, which `vars(option)` still shows (xdist sends it)."""

        def get(option: Any) -> Any:
            try:
                value = option.__dict__[name]
            except KeyError:
                raise AttributeError(name) from None
            self._read(name, value)
            return value

        def put(option: Any, value: Any) -> None:
            option.__dict__[name] = value

        return property(get, put)


def _registered(config: pytest.Config) -> frozenset[str]:
    """The dests of all options that somebody registered (xdist sets further attributes by hand)."""
    return frozenset(action.dest for action in config._parser.optparser._actions)
