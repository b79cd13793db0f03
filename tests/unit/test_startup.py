"""The start-up hook: silent unless asked, harmless where testcache is missing, and in the right place."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
HOOK = REPOSITORY / "startup" / "testcache_child.pth"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with the hook in it."""
    (tmp_path / HOOK.name).write_bytes(HOOK.read_bytes())
    return tmp_path


def start(site: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a Python that knows no packages but those of `site`."""
    program = "import site, sys; site.addsitedir(sys.argv[1]); print('testcache' in sys.modules)"
    command = [sys.executable, "-S", "-I", "-c", program, str(site)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def add_testcache(site: Path) -> None:
    package = site / "testcache" / "recording"
    package.mkdir(parents=True)
    (package / "child.py").write_text("print('recording')")


def test_it_does_nothing_unless_asked(site: Path) -> None:
    """Without the variable not even the package is imported."""
    add_testcache(site)
    done = start(site)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_it_starts_recording_in_a_child(site: Path) -> None:
    """With the variable the recorder of child processes is imported before anything else runs."""
    add_testcache(site)
    done = start(site, TESTCACHE_CHILD="1")
    assert (done.stdout, done.stderr) == ("recording\nTrue\n", "")


def test_it_is_harmless_without_testcache(site: Path) -> None:
    """A Python that cannot import testcache starts as ever, without a word."""
    done = start(site, TESTCACHE_CHILD="1")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_it_is_one_line() -> None:
    """Python runs each line of a .pth file that begins with `import`, so there is one."""
    assert HOOK.read_text().startswith("import ")
    assert HOOK.read_text().count("\n") == 1


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_each_kind_of_wheel_installs_it(tmp_path: Path, version: str) -> None:
    """In both an ordinary and an editable install the hook lands at the top of site-packages."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed here")
    artifact = next(builder.WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=[version]))
    assert HOOK.name in zipfile.ZipFile(artifact).namelist()
