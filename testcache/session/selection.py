"""The selection: whether a run is of all tests of its project."""

from __future__ import annotations

import pytest

_SELECTING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")


def selects_all(config: pytest.Config) -> bool:
    """Whether a run is of all tests of the project."""
    source, sources = config.args_source, pytest.Config.ArgsSource
    everywhere = source is sources.TESTPATHS or (
        source is sources.INVOCATION_DIR and config.invocation_params.dir == config.rootpath
    )
    return everywhere and not any(getattr(config.option, name, None) for name in _SELECTING)
