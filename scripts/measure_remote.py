"""What a slow remote adds to a run: 5,000 recorded tests and an empty store, from a remote and from a bundle.

    python scripts/measure_remote.py [--tests 5000] [--delay-ms 20] [--rounds 7]

One checkout records and fills nginx and Redis on loopback. In others, whose byte code is there, everything is then
replayed, round by round in turn: out of a bundle that was taken in before (local), and out of each server behind a
proxy that adds the delay to every request. Then once more, with what the run before has left. Prints the table of
docs/scale.md: what is compared are the runs of one round, as a machine that others use changes by the minute. Needs
nginx and redis-server.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path += [str(ROOT / "tests"), str(ROOT)]

from checkout import Checkout  # noqa: E402  # the servers and checkouts of the tests
from servers import ENGINES, Proxy, Server  # noqa: E402

TESTS_A_FILE = 25
MODULES_A_FILE = 5
REMOTES = ("nginx", "redis")
FILL_DEADLINE = "120s"
"""The recording run has everything to give. Those that are measured keep the default."""


def made(place: Path, tests: int) -> Checkout:
    """A fresh checkout: files of 25 tests that each call a function of each of five modules and read a file."""
    checkout = Checkout(place / "work", place / "home", env={"PYTHONDONTWRITEBYTECODE": ""})
    checkout.path.mkdir()
    (checkout.path / "pyproject.toml").write_text('[project]\nname = "large"\nversion = "1"\n')
    (checkout.path / "data.txt").write_text("42")
    files = -(-tests // TESTS_A_FILE)
    for number in range(files):
        functions = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(TESTS_A_FILE))
        (checkout.path / f"m{number}.py").write_text(functions)
        used = [(number + step) % files for step in range(MODULES_A_FILE)]
        head = "".join(f"import m{module}\n" for module in used)
        body = "".join(
            f"\n\ndef test_{n}():\n    assert {' + '.join(f'm{module}.f{n}(1)' for module in used)} > 0\n"
            "    with open('data.txt') as file:\n        assert file.read() == '42'\n"
            for n in range(TESTS_A_FILE)
        )
        (checkout.path / f"test_{number}.py").write_text(head + body)
    return checkout


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of the clock and of the processor."""

    wall_s: float
    cpu_s: float


def replayed(checkout: Checkout, tests: int, env: dict[str, str]) -> Took:
    """A run that must replay everything."""
    before, began = os.times(), time.monotonic()
    done = checkout.do(checkout.python, "-m", "pytest", "--cached", "-q", "-p", "no:cacheprovider", env=env)
    wall_s, after = time.monotonic() - began, os.times()
    if not re.search(rf"^testcache: [\d,]+ tests: (?:{tests}|{tests:,}) cached, 0 run", done.stdout, re.MULTILINE):
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    if "testcache: remote:" in done.stdout:
        raise SystemExit(done.stdout[-3000:])
    cpu_s = sum(after[2:4]) - sum(before[2:4])  # of children
    return Took(wall_s, cpu_s)


def slowed(server: Server, line: Proxy) -> dict[str, str]:
    return {"TESTCACHE_REMOTE": f"read {server.url.replace(f':{server.port}', f':{line.port}')}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("tests", 5_000), ("delay-ms", 20), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="measure-remote-"))
    try:
        measure(place, asked.tests, asked.delay_ms / 1000, asked.rounds)
    finally:
        shutil.rmtree(place)


def measure(place: Path, tests: int, delay_s: float, rounds: int) -> None:
    with ENGINES["nginx"](place / "nginx") as nginx, ENGINES["redis"](place / "redis") as redis:
        servers = dict(zip(REMOTES, (nginx, redis), strict=True))
        bundle = place / "bundle"
        for name, server in servers.items():
            source = made(place / f"record-{name}", tests)
            env = {"TESTCACHE_REMOTE": f"read-write {server.url} {FILL_DEADLINE}"}
            done = source.do(source.python, "-m", "pytest", "--cached", "-q", "-p", "no:cacheprovider", env=env)
            if done.returncode or "testcache: remote:" in done.stdout:
                raise SystemExit(done.stdout[-3000:] + done.stderr)
            bundle.unlink(missing_ok=True)
            source.testcache("export", str(bundle))
        took: dict[str, list[Took]] = {}
        requests: dict[str, int] = {}
        places = {name: made(place / name, tests) for name in ("local", *servers)}
        for checkout in places.values():
            checkout.do(checkout.python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
        for number in range(rounds):
            names = list(places)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                checkout = places[name]
                shutil.rmtree(checkout.path / ".testcache", ignore_errors=True)
                if name == "local":
                    checkout.testcache("import", str(bundle))
                    for again in ("local", "local, again"):
                        took.setdefault(again, []).append(replayed(checkout, tests, {}))
                    continue
                with Proxy(servers[name].port, delay_s=delay_s) as line:
                    for again in (name, f"{name}, again"):
                        before = line.requests
                        took.setdefault(again, []).append(replayed(checkout, tests, slowed(servers[name], line)))
                        requests[again] = line.requests - before
    print(f"{tests:,} tests in {-(-tests // TESTS_A_FILE):,} files, {delay_s * 1000:.0f} ms a request, "
          f"{rounds} rounds, seconds; over local: median over the rounds\n")  # fmt: skip
    print("| results from | requests | clock | fastest to slowest | over local | processor | over local |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted(took, key=lambda name: ("again" in name, name)):
        local = took["local, again" if "again" in name else "local"]
        wall, cpu = [one.wall_s for one in took[name]], [one.cpu_s for one in took[name]]
        over = [one.wall_s - other.wall_s for one, other in zip(took[name], local, strict=True)]
        over_cpu = [one.cpu_s - other.cpu_s for one, other in zip(took[name], local, strict=True)]
        print(f"| {name} | {requests.get(name, 0)} | {statistics.median(wall):.2f} "
              f"| {min(wall):.2f} to {max(wall):.2f} | {statistics.median(over):+.2f} "
              f"| {statistics.median(cpu):.2f} | {statistics.median(over_cpu):+.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
