"""One cache for a team: what one machine recorded is replayed by the next, and a bad remote breaks nothing."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import Checkout
from interpreters import of_another_version
from servers import ENGINES, Forward, Proxy, Server, certificate, moto, nginx, redis

from testcache.remote.directory import key_of

KEY = {"TESTCACHE_KEY": "the-key-of-the-whole-team"}
FILES, PER_FILE = 4, 5
TOTAL = FILES * PER_FILE


@dataclass(frozen=True, slots=True)
class Run:
    """One run: pytest's exit code, what it printed, and how many tests were replayed and ran."""

    exit: int
    text: str
    cached: int
    ran: int

    @property
    def warnings(self) -> list[str]:
        """The slug of each warning about the remote."""
        return re.findall(r"^testcache: remote: .*\[([a-z-]+)\]$", self.text, re.MULTILINE)


def made(place: Path) -> Checkout:
    """A small project, as a fresh checkout somewhere, of somebody with a home of his own."""
    checkout = Checkout(place / "work", place / "home")
    checkout.path.mkdir()
    files = {
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n',
        "lib.py": "RATE = 1\n\n\ndef twice(x):\n    return 2 * x * RATE\n",
        "data.txt": "42",
    }
    for number in range(FILES):
        tests = "".join(
            f"def test_{i}():\n"
            f"    assert lib.twice({i}) == {2 * i}\n"
            "    assert pathlib.Path('data.txt').read_text() == '42'\n"
            "    assert os.environ['HOME']\n"
            "    assert os.environ.get('FLAVOUR') is None\n"
            for i in range(PER_FILE)
        )
        files[f"test_{number}.py"] = f"import os\nimport pathlib\nimport lib\n{tests}"
    for name, text in files.items():
        (checkout.path / name).write_text(text, encoding="utf-8")
    return checkout


def edited(checkout: Checkout, name: str, old: str, new: str) -> Checkout:
    text = (checkout.path / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (checkout.path / name).write_text(text.replace(old, new), encoding="utf-8")
    return checkout


def pytested(checkout: Checkout, *arguments: str, env: Mapping[str, str], flags: tuple[str, ...] = ()) -> Run:
    wanted = () if any(argument.startswith("--cached") for argument in arguments) else ("--cached",)
    done = checkout.do(checkout.python, *flags, "-m", "pytest", *wanted, *arguments, env=env)
    text = done.stdout + done.stderr
    counts = re.search(r"^testcache: \d+ tests?: (\d+) cached, (\d+) run", text, re.MULTILINE)
    cached, ran = (int(counts[1]), int(counts[2])) if counts else (-1, -1)
    return Run(done.returncode, text, cached, ran)


def remote(server: Server, mode: str = "read-write", **more: str) -> dict[str, str]:
    return {"TESTCACHE_REMOTE": f"{mode} {server.url}", **server.env, **more}


def through(proxy: Proxy, server: Server, mode: str = "read-write") -> dict[str, str]:
    env = {name: value.replace(f":{server.port}", f":{proxy.port}") for name, value in server.env.items()}
    return {"TESTCACHE_REMOTE": f"{mode} {server.url.replace(f':{server.port}', f':{proxy.port}')}", **env}


def ran_all(run: Run) -> bool:
    return (run.exit, run.cached, run.ran) == (0, 0, TOTAL)


def replayed_all(run: Run) -> bool:
    return (run.exit, run.cached, run.ran) == (0, TOTAL, 0)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Server]:
    """The plainest remote."""
    with ENGINES["folder"](tmp_path / "shared") as server:
        yield server


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


@pytest.mark.parametrize("name", ["nginx", "redis"])
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


def test_forged_damaged_and_moved_entries_are_refused(shared: Server, tmp_path: Path) -> None:
    """Whoever can write the folder and has no key can plant nothing; their tests run, and are shared anew."""
    env = remote(shared, **KEY)
    pytested(made(tmp_path / "a"), env=env)
    other = key_of("shop", "branch:main")
    found = (tmp_path / "shared" / "cache").rglob("*")
    entries = sorted(path for path in found if len(path.name) == 64 and path.name != other)
    assert len(entries) == FILES
    good = [path.read_bytes() for path in entries]
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    bad = [good[0][:-1] + bytes([good[0][-1] ^ 1]), good[2], pickle.dumps(Bomb()), b""]  # the second was moved
    for path, data in zip(entries, bad, strict=True):
        path.write_bytes(data)
    run = pytested(made(tmp_path / "b"), env=env)
    assert ran_all(run)
    assert run.warnings == ["remote-refused"]
    assert not mark.exists()
    assert replayed_all(pytested(made(tmp_path / "c"), env=env))


def test_without_the_key_nothing_can_be_planted(shared: Server, tmp_path: Path) -> None:
    """Signed by another, or not at all: refused where there is a key; signed is refused where there is none."""
    pytested(made(tmp_path / "a"), env=remote(shared, TESTCACHE_KEY="the key of somebody else"))
    for number, key in enumerate((KEY, {})):
        run = pytested(made(tmp_path / f"b{number}"), env=remote(shared, "read", **key))
        assert ran_all(run)
        assert run.warnings == ["remote-refused"]


def test_the_key_can_be_rotated(shared: Server, tmp_path: Path) -> None:
    """With the old key beside the new one, what was signed before still replays, tests that read variables, too."""
    pytested(made(tmp_path / "a"), env=remote(shared, **KEY))
    env = remote(shared, TESTCACHE_KEY="the key after a rotation", TESTCACHE_KEYS_OLD=KEY["TESTCACHE_KEY"])
    assert replayed_all(pytested(made(tmp_path / "b"), env=env))


def test_a_store_that_was_there_before_keeps_its_results(shared: Server, tmp_path: Path) -> None:
    """Joining a remote runs nothing again, and what is recorded from then on is of use to others."""
    checkout, other = made(tmp_path / "a"), made(tmp_path / "b")
    assert ran_all(pytested(checkout, env={}))
    assert replayed_all(pytested(checkout, env=remote(shared)))
    assert ran_all(pytested(other, env=remote(shared)))
    shutil.rmtree(checkout.path / ".testcache")
    assert replayed_all(pytested(checkout, env=remote(shared)))


def ci(event: str, reference: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_EVENT_NAME": event, "GITHUB_REF": reference,
        "GITHUB_REF_NAME": reference.removeprefix("refs/heads/").removeprefix("refs/"),
    }  # fmt: skip


def test_a_pull_request_reads_the_base_and_keeps_its_own_to_itself(shared: Server, tmp_path: Path) -> None:
    """What main recorded is replayed in it; what it recorded is replayed in it only."""
    main, pull, next_pull = (
        remote(shared) | place
        for place in (
            ci("push", "refs/heads/main"),
            ci("pull_request", "refs/pull/7/merge"),
            ci("pull_request", "refs/pull/8/merge"),
        )
    )
    pytested(made(tmp_path / "a"), env=main)
    for number, (env, ran) in enumerate(((pull, PER_FILE), (pull, 0), (next_pull, PER_FILE), (main, PER_FILE))):
        checkout = edited(made(tmp_path / f"b{number}"), "test_1.py", "import lib\n", "import lib\nNEW = 1\n")
        assert pytested(checkout, env=env).ran == ran


def test_who_may_only_read_writes_nothing(tmp_path: Path) -> None:
    """Reading is the default."""
    with nginx(tmp_path / "nginx") as server:
        checkout = made(tmp_path / "a")
        (checkout.path / ".testcache.toml").write_text(f'[remote]\nurl = "{server.url}"\n')
        run = pytested(checkout, env={})
        assert ran_all(run)
        assert not run.warnings
        assert not [path for path in (tmp_path / "nginx" / "data").rglob("*") if path.is_file()]


def test_a_result_that_lied_is_taken_back(shared: Server, tmp_path: Path) -> None:
    """A check that finds a shared result to be wrong removes it for everybody."""
    unseen = tmp_path / "unseen"
    unseen.write_text("1")
    code = (
        "import ctypes\nimport os\n\n\ndef test_hidden():\n"
        f"    file = ctypes.CDLL(None).open({str(unseen).encode()!r}, 0)\n"
        "    text = os.read(file, 1)\n    os.close(file)\n    assert text == b'1'\n"
    )

    def checkout(name: str) -> Checkout:
        checkout = made(tmp_path / name)
        (checkout.path / "test_0.py").write_text(code)
        return checkout

    env = remote(shared)
    assert pytested(checkout("a"), env=env).exit == 0
    assert pytested(checkout("b"), env=env).ran == 0
    unseen.write_text("2")
    assert "[wrong-hit]" in pytested(checkout("c"), "--cached=verify", env=env).text
    run = pytested(checkout("d"), env=env)
    assert (run.exit, run.ran) == (1, 1)


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
