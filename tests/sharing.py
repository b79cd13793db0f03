"""Checkouts of one small project that share a remote, and what a run in one of them came to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checkout import Checkout
from servers import Proxy, Server

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
