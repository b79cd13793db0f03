"""One cache for a team: what one machine recorded is replayed by the next, with few requests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from checkout import Checkout
from interpreters import of_another_version
from servers import ENGINES, Forward, Proxy, Server, certificate, nginx, redis
from sharing import FILES, KEY, TOTAL, edited, made, pytested, ran_all, remote, replayed_all, through


@pytest.mark.parametrize("name", sorted(ENGINES))
@pytest.mark.parametrize("key", [KEY, {}], ids=["signed", "unsigned"])
def test_a_fresh_checkout_of_somebody_else_replays_everything(
    name: str, key: Mapping[str, str], tmp_path: Path
) -> None:
    """Recorded in folder A, replayed in folder B under another HOME with an empty store; then without the remote."""
    with ENGINES[name](tmp_path / name) as server:
        env = remote(server, **key)
        assert ran_all(pytested(made(tmp_path / "a"), env=env))
        other = made(tmp_path / "else" / "b")
        assert replayed_all(pytested(other, env=env))
    run = pytested(other, env=env)  # the server is gone, and the index needs none
    assert replayed_all(run)
    assert not run.warnings


def test_only_what_differs_runs(shared: Server, tmp_path: Path) -> None:
    """In a checkout with a change, what the change concerns runs; both versions are then replayed."""
    env, change = remote(shared), ("test_1.py", "lib.twice(3) == 6", "lib.twice(3) == 5 + 1")
    pytested(made(tmp_path / "a"), env=env)
    assert pytested(edited(made(tmp_path / "b"), *change), env=env).ran == 1
    assert replayed_all(pytested(made(tmp_path / "c"), env=env))
    assert replayed_all(pytested(edited(made(tmp_path / "d"), *change), env=env))


@pytest.mark.parametrize("mode", ["refresh", "verify"])
def test_what_is_run_on_demand_is_shared_as_well(mode: str, shared: Server, tmp_path: Path) -> None:
    """Results that were recorded although others would have held are as good as those of a first run."""
    env = remote(shared)
    assert ran_all(pytested(made(tmp_path / "a"), f"--cached={mode}", env=env))
    assert replayed_all(pytested(made(tmp_path / "b"), env=env))


@pytest.mark.parametrize("differing", ["version", "flags"])
def test_environments_share_a_remote_without_meeting(differing: str, shared: Server, tmp_path: Path) -> None:
    """Results of another Python or of other flags are no hits; in the second round each has its own."""
    env = remote(shared)
    other = of_another_version() if differing == "version" else sys.executable
    flags = ("-X", "dev") if differing == "flags" else ()
    for ok in (ran_all, replayed_all):
        for name, python, given in (("here", sys.executable, ()), ("other", other, flags)):
            checkout = made(tmp_path / f"{ok.__name__}-{name}")
            checkout.python = python
            assert ok(pytested(checkout, env=env, flags=given))


def test_with_workers_only_the_controller_asks(tmp_path: Path) -> None:
    """Under -n results come in and go out just the same."""
    with nginx(tmp_path / "nginx") as server:
        env = remote(server)
        assert ran_all(pytested(made(tmp_path / "a"), "-p", "xdist.plugin", "-n2", env=env))
        assert replayed_all(pytested(made(tmp_path / "b"), "-p", "xdist.plugin", "-n2", env=env))


def test_a_run_in_which_nothing_changed_asks_nothing(tmp_path: Path) -> None:
    """Neither pytest --cached nor testcache run opens a connection if the index proves that all holds."""
    with nginx(tmp_path / "nginx") as server, Proxy(server.port) as line:
        checkout, env = made(tmp_path / "a"), through(line, server)
        assert ran_all(pytested(checkout, env=env))
        before = line.connections
        assert before
        assert replayed_all(pytested(checkout, env=env))
        checkout.testcache("run", env=env)
        assert line.connections == before


def test_what_is_known_here_is_not_asked_for(tmp_path: Path) -> None:
    """Another command line than the index's: the local results suffice."""
    with nginx(tmp_path / "nginx") as server, Proxy(server.port) as line:
        checkout, env = made(tmp_path / "a"), through(line, server)
        pytested(checkout, env=env)
        before = line.requests
        assert pytested(checkout, "-k", "test_1", env=env).ran == 0
        assert line.requests == before


def test_requests_over_a_slow_line_are_few(tmp_path: Path) -> None:
    """One a test file for HTTP, a handful in all for Redis; 20 ms each do not change what is replayed."""
    with nginx(tmp_path / "nginx") as server, Proxy(server.port, delay_s=0.02) as line:
        pytested(made(tmp_path / "a"), env=remote(server))
        assert replayed_all(pytested(made(tmp_path / "b"), env=through(line, server)))
        assert line.requests == FILES
    with redis(tmp_path / "redis") as server, Proxy(server.port, delay_s=0.02) as line:
        pytested(made(tmp_path / "c"), env=remote(server))
        assert replayed_all(pytested(made(tmp_path / "d"), env=through(line, server)))
        assert line.requests <= FILES + 4  # those of the first contact


@pytest.mark.parametrize("name", ["folder", "nginx", "redis"])
def test_no_thread_is_left_beside_the_tests(name: str, tmp_path: Path) -> None:
    """Python 3.12 warns who forks beside a thread: a test that forks notices nothing, with warnings as errors."""
    with ENGINES[name](tmp_path / name) as server:
        pytested(made(tmp_path / "a"), env=remote(server))
        checkout = made(tmp_path / "b")
        (checkout.path / "test_fork.py").write_text(
            "import os\nimport threading\n\n\ndef test_fork():\n    assert threading.active_count() == 1\n"
            "    child = os.fork()\n    if not child:\n        os._exit(0)\n    assert os.waitpid(child, 0)[1] == 0\n"
        )
        run = pytested(checkout, "-W", "error", env=remote(server))
        assert (run.exit, run.cached, run.ran) == (0, 0, TOTAL + 1)  # another option, another environment
        assert not run.warnings


def test_a_store_that_was_there_before_keeps_its_results(shared: Server, tmp_path: Path) -> None:
    """Joining a remote runs nothing again, and what is recorded from then on is of use to others."""
    checkout, other = made(tmp_path / "a"), made(tmp_path / "b")
    assert ran_all(pytested(checkout, env={}))
    assert replayed_all(pytested(checkout, env=remote(shared)))
    assert ran_all(pytested(other, env=remote(shared)))
    shutil.rmtree(checkout.path / ".testcache")
    assert replayed_all(pytested(checkout, env=remote(shared)))


def test_sixteen_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """Sixteen checkouts, each with another change of every test, give their results at once to the plainest server.

    What each engine makes of sixteen writers: `tests/unit/test_remote_engines.py`.
    """
    count = 16

    def checkout(number: int, name: str) -> Checkout:
        checkout = edited(made(tmp_path / f"{name}{number}"), "lib.py", "RATE = 1\n", f"RATE = 1  + {number} * 0\n")
        settings = 'traces-per-test = 32\n[remote]\ndeadline = "60s"\n'
        (checkout.path / ".testcache.toml").write_text(settings)
        return checkout

    with nginx(tmp_path / "nginx") as server:
        env = remote(server)
        checkouts = [checkout(number, "a") for number in range(count)]
        runs = [
            subprocess.Popen(
                [each.python, "-m", "pytest", "--cached", "-q"],
                cwd=each.path, env=each.environment(env), stdout=subprocess.DEVNULL,
            )
            for each in checkouts
        ]  # fmt: skip
        assert [run.wait(120) for run in runs] == [0] * count
        last = checkout(count - 1, "b")
        assert replayed_all(pytested(last, env=env))
        assert f" {count * TOTAL} traces" in last.testcache("stats")


def test_a_proxy_of_the_environment_is_used(tmp_path: Path) -> None:
    """A server that only the proxy can reach, over HTTP and over TLS; the proxy's password is not printed."""
    trusted = certificate(tmp_path, "cache.example")
    for scheme, variables in (("http", {}), ("https", {"SSL_CERT_FILE": str(trusted)})):
        place = tmp_path / scheme
        with (
            nginx(place / "nginx", certificate=trusted if variables else None) as server,
            Forward(server.port) as forward,
        ):
            env = {"TESTCACHE_REMOTE": f"read-write {scheme}://cache.example/x", f"{scheme}_proxy": forward.url}
            for name, ok in (("a", ran_all), ("b", replayed_all)):
                run = pytested(made(place / name), env=env | variables)
                assert ok(run)
                assert not run.warnings
                assert "hunter2" not in run.text
        first = b"GET http://cache.example/x/ac/" if scheme == "http" else b"CONNECT cache.example:443 "
        assert forward.heads[0].startswith(first)
        assert all(b"Proxy-Authorization: Basic " in head for head in forward.heads)


def test_prune_reaches_the_remote(shared: Server, tmp_path: Path) -> None:
    """On demand, by its own limits, and only for those who may write; what is gone runs again."""
    checkout, env = made(tmp_path / "a"), remote(shared)
    pytested(checkout, env=env)
    assert f"nothing removed, {FILES + 1} entries" in checkout.testcache("prune", "--remote", env=env)
    assert " removed (" in checkout.testcache("prune", "--remote", "--max-size", "1KiB", env=env)
    assert ran_all(pytested(made(tmp_path / "b"), env=env))
    prune = (checkout.python, "-m", "testcache", "prune", "--remote")
    refused = {"setting-value": remote(shared, "read"), "remote-unlisted": {"TESTCACHE_REMOTE": "write http://h/x"}}
    for slug, other in refused.items():
        done = checkout.do(*prune, env=other)
        assert (done.returncode, f"[{slug}]" in done.stderr) == (4, True), done.stderr
