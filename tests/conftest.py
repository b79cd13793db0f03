"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Project
from servers import Server, folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project whose tests run in a real pytest with the cache."""
    return Project(tmp_path / "project")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Server]:
    """The plainest remote: a folder."""
    with folder(tmp_path / "shared") as server:
        yield server
