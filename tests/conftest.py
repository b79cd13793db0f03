"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project whose tests run in a real pytest with the cache."""
    return Project(tmp_path / "project")
