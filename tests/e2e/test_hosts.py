"""Other machines over ssh: tests run there, records come home, and an unfit machine stops the run at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Project
from sshd import Network, Server, can_mount, cannot_network, missing, network, serving

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
needs_mounts = pytest.mark.skipif(not can_mount(), reason="no mount namespaces here")

TESTS = """
import os, socket, time, pytest
@pytest.mark.parametrize("number", range(6))
def test_it(number, tmp_path):
    time.sleep(0.1)
    (tmp_path / "x").write_text(str(number))
"""
ASKS_WHERE = "import os\ndef test_where(): assert os.environ.get('SSH_CONNECTION')\n"


needs_networks = pytest.mark.skipif(bool(cannot_network()), reason=cannot_network())


@pytest.fixture
def other(project: Project) -> Path:
    """A second checkout that a host has in the place of the project's folder."""
    return project.path.parent / "other-checkout"


@pytest.fixture
def server(project: Project, other: Path) -> Iterator[Server]:
    """An sshd under the names alpha, beta, and elsewhere, which has another checkout at the same path."""
    elsewhere = f"unshare -m sh -c 'mount --bind {other} {project.path} && exec \"$@\"' mounted"
    hosts = {"alpha": "", "beta": "", "elsewhere": elsewhere}
    with serving(project.path.parent / "sshd", hosts) as found:
        yield found


def settings(server: Server, name: str, address: str | None = None, **more: object) -> str:
    """One [hosts.NAME] table."""
    lines = [f"[hosts.{name}]", f'ssh = "{address or name}"', f'ssh-config = "{server.config}"']
    return "\n".join([*lines, *(f"{key} = {value!r}" for key, value in more.items()), ""])


def test_tests_run_on_other_machines_and_their_records_come_home(project: Project, server: Server) -> None:
    """Two hosts with a worker each run all tests, here nothing runs, and the next run replays them all."""
    project.write("test_it.py", TESTS)
    project.write(".testcache.toml", settings(server, "alpha") + settings(server, "beta", workers=2))
    run = project.run("--cached", "--cached-hosts", "all", "-v")
    assert (run.exit, len(run.executed)) == (0, 6), run.text
    assert "created: 3/3 workers" in run.text
    again = project.run()
    assert (again.exit, again.executed) == (0, set())
    for path in ("pytest", "_pytest", "pyexecnetcache"):
        assert not (project.path / path).exists(), "xdist copied pytest into the checkout"


@pytest.fixture
def networks() -> Iterator[dict[str, Network]]:
    """Two networks that only this machine can reach."""
    with network(1) as left, network(2) as right:
        yield {"left": left, "right": right}


@needs_networks
def test_tests_run_on_machines_in_other_networks(project: Project, networks: dict[str, Network]) -> None:
    """Two hosts, each in a network namespace of its own: both run tests, and when one is cut off nothing runs."""
    places = project.path.parent / "places"
    note = f"open({str(places)!r}, 'a').write(os.readlink('/proc/self/ns/net') + ' ')"
    project.write("test_it.py", TESTS.replace("time.sleep(0.1)", f"time.sleep(0.3); {note}"))
    with serving(project.path.parent / "sshd", dict.fromkeys(networks, ""), networks) as server:
        project.write(".testcache.toml", settings(server, "left") + settings(server, "right"))
        run = project.run("--cached", "--cached-hosts=all")
        assert (run.exit, len(run.executed), len(run.outcomes)) == (0, 6, 6), run.text
        seen = set(places.read_text().split())
        assert len(seen) == 2
        assert str(Path("/proc/self/ns/net").readlink()) not in seen

        networks["right"].pull_the_plug()
        run = project.run("--cached=refresh", "--cached-hosts=all")
        assert (run.exit, run.executed, run.outcomes) == (4, set(), {})
        assert "host right: right cannot be reached over ssh: ssh: connect to host" in run.text


def test_a_test_on_another_machine_is_there(project: Project, server: Server) -> None:
    """It sees the variables of its ssh connection; replayed here, where they differ, it is not."""
    project.write("test_where.py", ASKS_WHERE)
    project.write(".testcache.toml", settings(server, "alpha"))
    run = project.run("--cached", "--cached-hosts=alpha", "-v")
    assert (run.exit, run.executed) == (0, {"test_where.py::test_where"}), run.text
    assert "testcache: pytest's own process used" in run.text
    assert "held 0 bytes" not in run.text
    assert project.run().exit == 1


def test_paths_and_local_workers_can_be_given_too(project: Project, server: Server) -> None:
    """-n adds workers here, and a path as an argument works with both."""
    project.write("tests/test_it.py", TESTS)
    project.write("tests/test_other.py", "def test_other(): pass\n")
    project.write(".testcache.toml", settings(server, "alpha"))
    run = project.run("--cached", "-n1", "--cached-hosts=alpha", "tests/test_it.py")
    assert (run.exit, len(run.executed), len(run.outcomes)) == (0, 6, 6), run.text
    assert "created: 2/2 workers" in run.text


def test_no_machine_is_asked_when_nothing_must_run(project: Project, server: Server) -> None:
    """A fully cached run does not mind that a host is away."""
    project.write("test_it.py", "def test_it(): pass\n")
    project.run()
    project.write(".testcache.toml", '[hosts.gone]\nssh = "127.0.0.1"\nssh-config = "/dev/null"\n')
    run = project.run("--cached", "--cached-hosts=gone")
    assert (run.exit, run.executed) == (0, set()), run.text


LOSES_ITS_HOST = """
import os, signal, time, pytest
RAN = []
@pytest.mark.parametrize("number", range(12))
def test_it(number):
    time.sleep(0.1)
    RAN.append(number)
    if len(RAN) == 2 and "SSH_CONNECTION" in os.environ:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(2)
"""


@pytest.mark.parametrize("here", [(), ("-n1",)], ids=["alone", "with a worker here"])
def test_a_machine_that_is_lost_takes_no_test_with_it(project: Project, server: Server, here: tuple[str, ...]) -> None:
    """Its connection ends while its workers run tests: all others run here, and each is reported once."""
    project.write("test_it.py", LOSES_ITS_HOST)
    project.write(".testcache.toml", settings(server, "alpha", workers=2))
    run = project.run("--cached", *here, "--cached-hosts=alpha")
    assert (run.exit, len(run.outcomes)) == (1, 12), run.text
    assert run.text.count("testcache: host alpha: the connection was lost: another worker starts here [host]") == 1
    blamed = {test for test, outcome in run.outcomes.items() if outcome != "passed"}
    assert 1 <= len(blamed) <= 2, "what its two workers were running"
    assert set(run.outcomes) - blamed <= run.executed
    assert "INTERNALERROR" not in run.text


def refused(project: Project, host: str) -> str:
    """What a run says that must not run anything, on that host or here."""
    run = project.run("--cached", "-n1", f"--cached-hosts={host}")
    assert (run.exit, run.executed, run.outcomes) == (4, set(), {}), run.text
    assert "nothing was run" in run.text
    assert "Traceback" not in run.text
    return run.text


def test_a_machine_that_cannot_be_reached_is_an_error(project: Project, server: Server) -> None:
    """Nobody listens there: the run stops before anything runs, with ssh's own words."""
    project.write("test_it.py", "def test_it(): pass\ndef test_two(): pass\n")
    (server.config.parent / "closed").write_text("Host closed\n    HostName 127.0.0.1\n    Port 1\n")
    project.write(".testcache.toml", f'[hosts.closed]\nssh = "closed"\nssh-config = "{server.config.parent}/closed"\n')
    assert "host closed: closed cannot be reached over ssh: ssh: connect to host 127.0.0.1 port 1" in refused(
        project, "closed"
    )


def test_a_machine_without_that_python_is_an_error(project: Project, server: Server) -> None:
    """There is none at that path."""
    project.write("test_it.py", "def test_it(): pass\ndef test_two(): pass\n")
    project.write(".testcache.toml", settings(server, "alpha", python="/nowhere/python"))
    assert "host alpha: there is no Python at /nowhere/python" in refused(project, "alpha")


def test_a_machine_with_another_python_is_an_error(project: Project, server: Server) -> None:
    """Another version would run other code and record under this one's name."""
    if (other_python := another_python()) is None:
        pytest.skip("only one Python here")
    project.write("test_it.py", "def test_it(): pass\ndef test_two(): pass\n")
    project.write(".testcache.toml", settings(server, "alpha", python=other_python))
    assert "host alpha: its Python is cpython 3." in refused(project, "alpha")


def another_python() -> str | None:
    """A Python of another version that works, on the path or among pyenv's."""
    names = [f"python3.{minor}" for minor in range(9, 15)]
    found = [shutil.which(name) for name in ("python3", *names)]
    found += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    for path in filter(None, ["/usr/bin/python3", *found]):
        asked = [path, "-c", "import sys; print(sys.version_info[:2])"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() != str(sys.version_info[:2]):
            return path
    return None


@needs_mounts
def test_a_machine_with_another_checkout_is_an_error(project: Project, server: Server, other: Path) -> None:
    """One file differs and one is not here: both are named."""
    project.write("test_it.py", "def test_it(): pass\ndef test_two(): pass\n")
    project.write(".testcache.toml", settings(server, "elsewhere"))
    shutil.copytree(project.path, other)
    (other / "test_it.py").write_text("def test_it(): assert False\n")
    (other / "conftest.py").write_text("")
    text = refused(project, "elsewhere")
    assert f"host elsewhere: its checkout of {project.path} differs: conftest.py, test_it.py" in text


@needs_mounts
def test_another_machine_with_an_equal_checkout_runs_tests(project: Project, server: Server, other: Path) -> None:
    """The same text at the same path, though other files: they may differ in what is no code."""
    project.write("test_it.py", TESTS)
    project.write(".testcache.toml", settings(server, "elsewhere"))
    shutil.copytree(project.path, other)
    (other / "notes.log").write_text("only there")
    run = project.run("--cached", "--cached-hosts=elsewhere")
    assert (run.exit, len(run.executed)) == (0, 6), run.text
    assert project.run().executed == set()


def test_a_wrong_name_is_a_usage_error(project: Project, server: Server) -> None:
    """The known names are listed; without any, what to add is said; without --cached it is refused."""
    project.write("test_it.py", "def test_it(): pass\n")
    run = project.run("--cached", "--cached-hosts=all")
    assert (run.exit, "add [hosts.NAME] to the settings" in run.text) == (4, True)
    project.write(".testcache.toml", settings(server, "alpha") + settings(server, "beta"))
    run = project.run("--cached", "--cached-hosts=gamma")
    assert (run.exit, "names out of: alpha, beta [option-value]" in run.text) == (4, True)
    bare = project.python("-m", "pytest", "-p", "testcache.plugin", "--cached-hosts=all")
    assert (bare.returncode, "it needs --cached" in bare.stderr) == (4, True)
