"""The arguments of the `testcache` command, and what its help says of them."""

from __future__ import annotations

import argparse

from testcache import __version__


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="testcache",
        description="Look into the recorded results that `pytest --cached` replays, and look after them.",
        epilog="Exit codes: 0 fine, 1 failed or would run, 2 interrupted, 3 a bug of testcache, 4 usage.",
    )
    top.add_argument("--version", action="version", version=f"testcache {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", title="commands")

    verbs.add_parser(
        "run",
        usage="testcache run [--] [PYTEST ARGS]",
        help="run the tests: pytest --cached",
        description="Run `pytest --cached` with the given arguments.",
    )

    def verb(name: str, about: str) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        found.add_argument("--rootdir", metavar="DIR", help="the project, found like pytest does if not given")
        return found

    explain = verb("explain", "say why a test would be replayed or run")
    explain.add_argument(
        "what",
        metavar="TEST|REASON",
        help="a node id, a file or folder of tests, or the word in brackets at the end of a message",
    )
    explain.add_argument("--all", action="store_true", help="every difference, or every input of a cached test")
    status = verb("status", "say what a run would replay and what it would run; exit 1 if anything")
    status.add_argument("--all", action="store_true", help="name the fully cached files, too")
    verb("stats", "show what the cache holds and what it has saved")
    shard = verb("shard", "show how --shard splits what must run over several machines")
    shard.add_argument("--plan", metavar="N", type=int, required=True, help="how many machines")
    shard.add_argument("--all", action="store_true", help="name the tests of each, longest first")
    prune = verb("prune", "remove what is old, then the oldest down to a size")
    prune.add_argument("--max-size", metavar="SIZE", help='such as "500MiB"; the setting max-size if not given')
    prune.add_argument("--max-age", metavar="AGE", help='such as "14d"; the setting max-age if not given')
    prune.add_argument("--remote", action="store_true", help="the remote instead of the store, by its own settings")
    clear = verb("clear", "forget every recorded result, or those of some tests")
    clear.add_argument("tests", metavar="TEST", nargs="*", help="a node id, or a file or folder of tests")
    verb("doctor", "check on one screen what testcache needs and finds here")
    verb("init", "write a commented settings file, and keep the store out of git")
    export = verb("export", "write all results into one file for other machines")
    export.add_argument("file", metavar="FILE", help="the bundle to write")
    export.add_argument(
        "--env-key", metavar="KEY", action="append", default=[], help="only this environment; may be repeated"
    )
    bring = verb("import", "take in the results of other machines")
    bring.add_argument("files", metavar="FILE", nargs="+", help="a bundle that testcache export wrote")
    bring.add_argument("--unverified", action="store_true", help="also take signed ones where there is no key to check")
    verify = verbs.add_parser(
        "verify",
        help="run all tests and report each whose recorded result is wrong",
        description="Run all tests and report each whose recorded result is wrong.",
    )
    verify.add_argument("tests", metavar="TEST", nargs="*", help="what to run, as for pytest")
    verify.add_argument("--isolated", action="store_true", help="each test alone in a forked child: who needs company?")
    hook = verb("hook", "run the tests, or only look, as a git hook")
    hook.add_argument("what", choices=("run", "check"), help="run: testcache run; check: testcache status")
    _add_ci(verb("ci", "keep results between the jobs of a CI; see docs/ci.md"))
    return top


def _add_ci(ci: argparse.ArgumentParser) -> None:
    steps = ci.add_subparsers(dest="step", metavar="STEP", required=True)
    key = steps.add_parser("key", help="print the key under which the CI keeps the bundles of this job")
    key.add_argument("--prefix", default="testcache", help="how the key begins")
    key.add_argument("--file", metavar="FILE", help="also write the part that is the same in the next job")
    restore = steps.add_parser("restore", help="take in the bundles of a folder")
    restore.add_argument("--unverified", action="store_true", help="as for testcache import")
    save = steps.add_parser("save", help="leave a bundle in a folder, if this job may")
    compact = steps.add_parser("compact", help="make one bundle of many")
    compact.add_argument("--max-age", metavar="AGE", help="leave out what was recorded longer ago")
    for step in (restore, save, compact):
        step.add_argument("folder", metavar="DIR", help="the folder that the CI keeps")
    for step in (key, restore, save):
        step.add_argument("--mode", choices=("auto", "read", "write", "off"), default="auto")
    for step in (key, save):
        step.add_argument(
            "--branch", metavar="NAME", action="append", default=[], help="a trusted branch; may be repeated"
        )
    steps.add_parser("summary", help="print what the cache did in this job, as Markdown")
