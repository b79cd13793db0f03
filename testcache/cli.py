"""The `testcache` command: arguments and exit codes; each verb is imported when it is asked for.

Exit codes have pytest's numbers: 0 fine; 1 tests failed, or would run; 2 interrupted; 3 our bug; 4 usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from testcache import __version__
from testcache.errors import TestcacheError

if TYPE_CHECKING:
    from testcache.project import Project

FINE, STALE, INTERRUPTED, BUG, USAGE = range(5)
_ARGPARSE_USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _act(arguments)
    except TestcacheError as problem:
        print(_message(problem), file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `testcache explain ... | head`: nobody reads on
        sys.stderr.close()  # else the interpreter complains when it flushes at its end
        return INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        print("testcache: this is a bug of testcache; please report what stands above [bug]", file=sys.stderr)
        return BUG


def _act(arguments: list[str]) -> int:
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments[1:2]):
        # Not for argparse: whatever follows belongs to pytest, options and all.
        from testcache.commands import run

        rest = arguments[1:]
        return run.run(rest[1:] if rest[:1] == ["--"] else rest)
    if arguments[:2] == ["hook", "run"]:
        from testcache.commands import hook

        return hook.run(arguments[2:])
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return USAGE if end.code == _ARGPARSE_USAGE else FINE
    act = _ACTIONS.get(chosen.verb)
    if act is None:
        _parser().print_help()
        return USAGE
    code = act(chosen)
    sys.stdout.flush()
    return code


def _message(problem: TestcacheError) -> str:
    """The error as a message; its first line ends with the slug."""
    first, _, rest = str(problem).partition("\n")
    if not first.endswith("]"):
        first = f"{first} [{problem.slug}]"
    return f"testcache: {first}" + (f"\n{rest}" if rest else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testcache",
        description="Look into the recorded results that `pytest --cached` replays, and look after them.",
        epilog="Exit codes: 0 fine, 1 failed or would run, 2 interrupted, 3 a bug of testcache, 4 usage.",
    )
    parser.add_argument("--version", action="version", version=f"testcache {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", title="commands")

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
    return parser


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
    for step in (key, save):
        step.add_argument("--mode", choices=("auto", "read", "write", "off"), default="auto")
        step.add_argument(
            "--branch", metavar="NAME", action="append", default=[], help="a trusted branch; may be repeated"
        )
    steps.add_parser("summary", help="print what the cache did in this job, as Markdown")


def _project(chosen: argparse.Namespace) -> Project:
    from testcache.project import Project

    return Project.find(chosen.rootdir)


def _explain(chosen: argparse.Namespace) -> int:
    from testcache.commands import explain

    reason = explain.named(chosen.what)
    if reason is not None and not os.path.exists(chosen.what):  # a folder of tests may be called "network"
        return explain.explain_reason(reason)
    return explain.run(_project(chosen), chosen.what, everything=chosen.all)


def _status(chosen: argparse.Namespace) -> int:
    from testcache.commands import status

    return status.run(_project(chosen), everything=chosen.all)


def _stats(chosen: argparse.Namespace) -> int:
    from testcache.commands import stats

    return stats.run(_project(chosen))


def _shard(chosen: argparse.Namespace) -> int:
    from testcache.commands import shard

    return shard.run(_project(chosen), chosen.plan, everything=chosen.all)


def _prune(chosen: argparse.Namespace) -> int:
    from testcache.commands import prune

    return prune.run(_project(chosen), max_size=chosen.max_size, max_age=chosen.max_age)


def _clear(chosen: argparse.Namespace) -> int:
    from testcache.commands import clear

    return clear.run(_project(chosen), chosen.tests)


def _doctor(chosen: argparse.Namespace) -> int:
    from testcache.commands import doctor

    return doctor.run(_project(chosen))


def _init(chosen: argparse.Namespace) -> int:
    from testcache.commands import init

    return init.run(_project(chosen))


def _export(chosen: argparse.Namespace) -> int:
    from testcache.commands import export

    return export.run(_project(chosen), chosen.file, environments=chosen.env_key)


def _import(chosen: argparse.Namespace) -> int:
    from testcache.commands import bring

    return bring.run(_project(chosen), chosen.files, unverified=chosen.unverified)


def _verify(chosen: argparse.Namespace) -> int:
    from testcache.commands import verify

    return verify.run(chosen.tests, isolated=chosen.isolated)


def _hook(chosen: argparse.Namespace) -> int:
    from testcache.commands import hook

    return hook.check(_project(chosen))


def _ci(chosen: argparse.Namespace) -> int:
    from testcache.commands.ci import compact, key, restore, save, summary

    project = _project(chosen)
    if chosen.step == "key":
        branches = tuple(chosen.branch)
        return key.run(project, prefix=chosen.prefix, mode=chosen.mode, branches=branches, file=chosen.file)
    if chosen.step == "restore":
        return restore.run(project, chosen.folder, unverified=chosen.unverified)
    if chosen.step == "save":
        return save.run(project, chosen.folder, mode=chosen.mode, branches=tuple(chosen.branch))
    if chosen.step == "compact":
        return compact.run(project, chosen.folder, max_age=chosen.max_age)
    return summary.run(project)


_ACTIONS = {
    "explain": _explain,
    "status": _status,
    "stats": _stats,
    "shard": _shard,
    "prune": _prune,
    "clear": _clear,
    "doctor": _doctor,
    "init": _init,
    "export": _export,
    "import": _import,
    "verify": _verify,
    "hook": _hook,
    "ci": _ci,
}
