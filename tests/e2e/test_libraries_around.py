"""What lies around an installed library: its optional dependencies, and files that nobody has installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Project, Run

OPTIONAL = "try:\n    from fastjson import VALUE\nexcept ImportError:\n    VALUE = 1\n"
LAZY = "def value():\n    try: import fastjson\n    except ImportError: return 1\n    return fastjson.VALUE\n"


def install(project: Project, name: str, version: str, files: dict[str, str], needs: str = "") -> None:
    site = project.path.parent / "site-packages"
    for old in site.glob(f"{name}-*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    record = "".join(f"{path},sha256={version},1\n" for path in files)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    info = {f"{name}-{version}.dist-info/METADATA": metadata, f"{name}-{version}.dist-info/RECORD": record}
    for path, text in {**files, **info}.items():
        project.write(os.path.relpath(site / path, project.path), text)


def places(project: Project) -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join((project.environment()["PYTHONPATH"], str(project.path.parent / "site-packages")))
    }


def run(project: Project, *python_flags: str) -> Run:
    return project.run(env=places(project), python_flags=python_flags)


@pytest.fixture
def shop(project: Project) -> Project:
    install(project, "shop", "1", {"shop/__init__.py": OPTIONAL, "shop/lazy.py": LAZY})
    project.write("test_it.py", "import shop\ndef test_it(): assert shop.VALUE == 1\n")
    project.write(
        "test_lazy.py", "from shop.lazy import value\ndef test_1(): assert value()\ndef test_2(): assert value() == 1\n"
    )
    project.write("test_far.py", "import json\ndef test_far(): assert json.loads('1')\n")
    return project


def failed(now: Run) -> set[str]:
    return {test.rpartition("::")[2] for test, outcome in now.outcomes.items() if outcome == "failed"}


def test_an_optional_dependency_that_a_library_does_not_declare(shop: Project) -> None:
    """It comes, and it is upgraded; who does not use the library is replayed."""
    assert run(shop).exit == 0
    assert run(shop).executed == set()
    install(shop, "fastjson", "1", {"fastjson.py": "VALUE = 2\n"})
    now = run(shop)
    assert failed(now) == {"test_it", "test_2"}
    assert "test_far.py::test_far" in now.replayed
    install(shop, "fastjson", "2", {"fastjson.py": "VALUE = 1\n"})
    assert run(shop).exit == 0
    assert run(shop).executed == set()
    install(shop, "fastjson", "3", {"fastjson.py": "VALUE = 3\n"})
    assert failed(run(shop)) == {"test_it", "test_2"}


ONCE = (
    "kept = []\ndef value():\n    if not kept:\n        {0}\n        kept.append(fastjson)\n    return kept[0].VALUE\n"
)
BY_A_STATEMENT = "import fastjson"
BY_A_FUNCTION = "import importlib; fastjson = importlib.import_module('fastjson')"
BY_NAME = "fastjson = __import__('fastjson')"
BY_AN_ENTRY_POINT = "from importlib.metadata import EntryPoint; fastjson = EntryPoint('f', 'fastjson', 'g').load()"


@pytest.mark.parametrize("way", [BY_A_STATEMENT, BY_A_FUNCTION, BY_NAME, BY_AN_ENTRY_POINT])
def test_what_a_library_needs_for_an_extra_counts_once_it_is_imported(project: Project, way: str) -> None:
    """pytest names what its own tests need: an upgrade of that concerns nobody; what it always needs does."""
    needs = "Requires-Dist: money >= 1\nRequires-Dist: fastjson; extra == 'fast'\n"
    install(
        project,
        "shop",
        "1",
        {"shop/__init__.py": "VALUE = 1\n", "shop/lazy.py": ONCE.format(way)},
        needs,
    )
    install(project, "money", "1", {"money.py": "VALUE = 1\n"})
    install(project, "fastjson", "1", {"fastjson.py": "VALUE = 1\n"})
    project.write("test_it.py", "import shop\ndef test_it(): assert shop.VALUE\n")
    assert run(project).exit == 0
    install(project, "fastjson", "2", {"fastjson.py": "VALUE = 2\n"})
    assert run(project).executed == set()
    install(project, "money", "2", {"money.py": "VALUE = 2\n"})
    assert run(project).executed == {"test_it.py::test_it"}
    for name in ("it", "next"):
        project.write(f"test_{name}.py", f"from shop.lazy import value\ndef test_{name}(): assert value() == 2\n")
    assert run(project).exit == 0
    assert run(project).executed == set()
    install(project, "fastjson", "3", {"fastjson.py": "VALUE = 3\n"})
    assert failed(run(project)) == {"test_it", "test_next"}


@pytest.mark.parametrize("path", ["shop/extra.py", "spaces/extra.py", "shop/data.txt"])
def test_a_file_that_no_distribution_has_installed(shop: Project, path: str) -> None:
    """It lies in the folder of one, but its RECORD does not name it."""
    install(shop, "spaces", "1", {"spaces/other.py": ""})
    file = Path(os.path.relpath(shop.path.parent / "site-packages" / path, shop.path))
    module = path.removesuffix(".py").replace("/", ".")
    code = f"import {module} as m\n" if path.endswith(".py") else ""
    look = "m.VALUE" if path.endswith(".py") else f"open(shop.__file__.replace('shop/__init__.py', '{path}')).read()"
    shop.write("test_file.py", f"import shop\n{code}def test_file(): assert {look} in (1, 'VALUE = 1')\n")
    shop.write(str(file), "VALUE = 1")
    assert run(shop).exit == 0
    assert run(shop).executed == set()
    shop.write(str(file), "VALUE = 2")
    assert failed(run(shop)) == {"test_file"}


def test_status_finds_the_distribution_that_a_run_has_found(shop: Project) -> None:
    """Metadata of the same name beside the tests is found first only after pytest has collected them."""
    shop.write("shop.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: shop\nVersion: 7\n")
    assert run(shop, "-P").exit == 0
    assert run(shop, "-P").executed == set()
    assert "4 cached, 0 would run" in shop.cli("status", env=places(shop)).stdout
