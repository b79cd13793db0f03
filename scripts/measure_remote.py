"""What a slow remote adds to a run: 5,000 recorded tests in a fresh checkout, from a remote and from a local store.

    python scripts/measure_remote.py [--tests 5000] [--delay-ms 20] [--rounds 5]

One checkout records and fills nginx and Redis on loopback. Then fresh checkouts replay everything: out of a
bundle that was taken in before (local), and with an empty store out of each server behind a proxy that adds
the delay to every request. Prints the table of docs/scale.md. Needs nginx and redis-server.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
import tempfile
import time
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
    checkout = Checkout(place / "work", place / "home")
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


def replayed(checkout: Checkout, tests: int, env: dict[str, str]) -> float:
    """Wall seconds of a run that must replay everything."""
    began = time.monotonic()
    done = checkout.do(checkout.python, "-m", "pytest", "--cached", "-q", "-p", "no:cacheprovider", env=env)
    took = time.monotonic() - began
    if not re.search(rf"^testcache: [\d,]+ tests: (?:{tests}|{tests:,}) cached, 0 run", done.stdout, re.MULTILINE):
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    return took


def slowed(server: Server, line: Proxy) -> dict[str, str]:
    return {"TESTCACHE_REMOTE": f"read {server.url.replace(f':{server.port}', f':{line.port}')}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("tests", 5_000), ("delay-ms", 20), ("rounds", 5)):
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
        took: dict[str, list[float]] = {}
        requests: dict[str, int] = {}
        for number in range(rounds):
            local = made(place / f"local-{number}", tests)
            local.testcache("import", str(bundle))
            took.setdefault("local", []).append(replayed(local, tests, {}))
            for name, server in servers.items():
                again = f"{name}, again"
                with Proxy(server.port, delay_s=delay_s) as line:
                    fresh = made(place / f"{name}-{number}", tests)
                    took.setdefault(name, []).append(replayed(fresh, tests, slowed(server, line)))
                    requests[name] = line.requests
                    took.setdefault(again, []).append(replayed(fresh, tests, slowed(server, line)))
                    requests[again] = line.requests - requests[name]
                shutil.rmtree(fresh.path)
            took.setdefault("local, again", []).append(replayed(local, tests, {}))
            shutil.rmtree(local.path)
    print(f"{tests:,} tests in {-(-tests // TESTS_A_FILE):,} files, {delay_s * 1000:.0f} ms a request, "
          f"{rounds} rounds, wall seconds\n")  # fmt: skip
    print("| results from | requests | median | fastest to slowest | over local |\n|---|---|---|---|---|")
    for name in sorted(took, key=lambda name: ("again" in name, name)):
        base = statistics.median(took["local, again" if "again" in name else "local"])
        times = took[name]
        print(f"| {name} | {requests.get(name, 0)} | {statistics.median(times):.2f} "
              f"| {min(times):.2f} to {max(times):.2f} | {statistics.median(times) - base:+.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
