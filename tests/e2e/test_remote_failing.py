"""A remote that is down, dies, keeps silent or is not understood: one warning, and the run ends right."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from servers import ENGINES, Proxy, moto, nginx
from sharing import FILES, TOTAL, edited, made, pytested, ran_all, remote, replayed_all, through


@pytest.mark.parametrize("name", ["nginx", "bazel-remote", "redis", "gcs"])
def test_a_remote_that_dies_in_the_middle_costs_one_warning(name: str, tmp_path: Path) -> None:
    """Cut after some answers: the run ends right, with one warning, and what came is used."""
    with ENGINES[name](tmp_path / name) as server:
        pytested(made(tmp_path / "a"), env=remote(server))
        for cut_after in (0, 2):
            with Proxy(server.port, cut_after=cut_after) as line:
                run = pytested(made(tmp_path / f"b{cut_after}"), "-W", "error", env=through(line, server))
            assert run.exit == 0
            assert run.cached + run.ran == TOTAL
            assert run.warnings == ["remote-unreachable"]


def test_a_remote_that_dies_before_the_results_are_sent_costs_one_warning(tmp_path: Path) -> None:
    """Reading went well, writing does not: the tests have passed, and so has the run."""
    with nginx(tmp_path / "nginx") as server, Proxy(server.port, cut_after=FILES + 1) as line:
        run = pytested(made(tmp_path / "a"), "-W", "error", env=through(line, server))
        assert ran_all(run)
        assert run.warnings == ["remote-unreachable"]


def test_an_entry_that_is_too_large_for_the_server_stays_local(tmp_path: Path) -> None:
    """The others are given all the same, it is said once, and it keeps nobody from asking."""
    names = [os.urandom(20).hex() for _ in range(400)]
    large = f"import pytest\n@pytest.mark.parametrize('name', {names})\ndef test_it(name): pass\n"
    with nginx(tmp_path / "nginx", most="8000") as server:
        for place, cached in (("a", 0), ("b", TOTAL)):
            checkout = made(tmp_path / place)
            (checkout.path / "test_large.py").write_text(large, encoding="utf-8")
            run = pytested(checkout, "-W", "error", env=remote(server))
            assert (run.exit, run.cached, run.ran) == (0, cached, TOTAL + 400 - cached)
            assert run.warnings == ["remote-refused"]
            assert "1 entry not given" in run.text
        assert pytested(checkout, "-W", "error", env=remote(server)).warnings == []


@pytest.mark.parametrize(
    "url",
    ["http://me:hunter2@127.0.0.1:1/x", "redis://me:hunter2@127.0.0.1:1/0", "file:///not/there/at/all"],
)
def test_a_remote_that_is_down_costs_one_warning(url: str, tmp_path: Path) -> None:
    """Everything runs, nothing secret is printed or stored, and the local store works as ever."""
    checkout, env = made(tmp_path / "a"), {"TESTCACHE_REMOTE": f"read-write {url}"}
    run = pytested(checkout, "-W", "error", env=env)
    assert ran_all(run)
    assert run.warnings == ["remote-unreachable"]
    assert "hunter2" not in run.text
    assert all(b"hunter2" not in file.read_bytes() for file in checkout.path.rglob("*") if file.is_file())
    assert replayed_all(pytested(checkout, "-W", "error", env=env))


def test_a_remote_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """It takes connections and stays silent: after the deadline everything runs, and no more is asked."""
    checkout = made(tmp_path / "a")
    (checkout.path / ".testcache.toml").write_text('[remote]\ndeadline = "1s"\n')
    with Proxy(0) as silent:
        env = {"TESTCACHE_REMOTE": f"read-write http://127.0.0.1:{silent.port}"}
        run = pytested(checkout, "-W", "error", env=env)
        assert ran_all(run)
        assert run.warnings == ["remote-slow"]
        assert silent.connections <= FILES


def test_a_remote_that_failed_is_not_asked_again_at_once(tmp_path: Path) -> None:
    """Edit after edit must not wait each time: for a minute nothing is asked, then it is, and all is well again."""
    checkout = made(tmp_path / "a")
    with nginx(tmp_path / "nginx") as server:
        with Proxy(0) as silent:
            env = {"TESTCACHE_REMOTE": f"read-write http://127.0.0.1:{silent.port} 1s"}
            assert pytested(checkout, env=env).warnings == ["remote-slow"]
            before = silent.connections
            edited(checkout, "test_1.py", "lib.twice(3) == 6", "lib.twice(3) == 5 + 1")
            run = pytested(checkout, env=env)
            assert (run.cached, run.ran) == (TOTAL - 1, 1)
            assert run.warnings == ["remote-unreachable"]
            assert silent.connections == before
        edited(checkout, "test_1.py", "lib.twice(3) == 5 + 1", "lib.twice(3) == 4 + 2")
        assert not pytested(checkout, env=remote(server)).warnings  # another address has not failed
        note = checkout.path / ".testcache" / "outage"
        assert not note.exists()
        note.write_text(f"{time.time() - 61} {server.url}")
        edited(checkout, "test_1.py", "lib.twice(3) == 4 + 2", "lib.twice(3) == 3 + 3")
        assert not pytested(checkout, env=remote(server)).warnings


def test_a_mistake_in_the_address_is_a_usage_error(tmp_path: Path) -> None:
    """As is an engine that is not installed: the message names what to install."""
    checkout = made(tmp_path / "a")
    run = pytested(checkout, env={"TESTCACHE_REMOTE": "ftp://host/x"})
    assert run.exit == 4
    assert "[setting-value]" in run.text
    block = checkout.path / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text("import sys\nsys.modules['redis'] = None\n")
    path = os.pathsep.join([str(block), checkout.environment()["PYTHONPATH"]])
    run = pytested(checkout, env={"TESTCACHE_REMOTE": "redis://host", "PYTHONPATH": path})
    assert run.exit == 4
    assert "pip install 'testcache[redis]' [remote-engine]" in run.text


def test_an_object_store_that_refuses_costs_one_warning(tmp_path: Path) -> None:
    """Without a word of the request, which may hold credentials."""
    with moto(tmp_path / "moto") as server:
        env = remote(server) | {"TESTCACHE_REMOTE": "read-write s3://no-such-bucket/x"}
        run = pytested(made(tmp_path / "a"), env=env)
        assert ran_all(run)
        assert len(run.warnings) == 1
        assert server.env["AWS_ACCESS_KEY_ID"] not in run.text
