"""`@pytest.mark.testcache(...)`: what a test declares of itself, checked for typos."""

from __future__ import annotations

import pytest

MARKER = "testcache"
_KEYS = ("inputs", "env", "never", "max_age")


def register(config: pytest.Config) -> None:
    """Make the marker known to `--strict-markers` and `pytest --markers`."""
    config.addinivalue_line(
        "markers",
        "testcache(inputs=[...], env=[...], never=True, max_age='1d'): "
        "declare what testcache does not see, or keep the test from being cached.",
    )


def check_markers(item: pytest.Item) -> None:
    """A typo in a declaration would silently declare nothing: say so instead."""
    for mark in item.iter_markers(MARKER):
        for key in mark.kwargs:
            if key not in _KEYS:
                raise pytest.UsageError(
                    f"testcache: {item.nodeid}: @pytest.mark.testcache({key}=...): "
                    f"expected one of {', '.join(_KEYS)} [marker]"
                )
        if mark.args:
            raise pytest.UsageError(
                f"testcache: {item.nodeid}: @pytest.mark.testcache takes keywords only: "
                f"{', '.join(_KEYS)} [marker]"
            )
        for key in ("inputs", "env"):
            texts(mark, key)


def texts(mark: pytest.Mark, key: str) -> list[str]:
    """The value of a key that holds a list of texts."""
    value = mark.kwargs.get(key, [])
    if isinstance(value, str) or not all(isinstance(text, str) for text in value):
        raise pytest.UsageError(f"@pytest.mark.testcache({key}={value!r}): expected a list of texts [marker]")
    return list(value)
