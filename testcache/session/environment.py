"""The environment key: what holds for a whole run and may change any outcome.

Unknown counts: an option or ini setting is left out only if it is on one of the lists below, which
name what changes the selection, the order or the output of tests, never their outcome.
"""

from __future__ import annotations

import importlib.util
import locale
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from testcache import digest
from testcache.inputs import interpreter
from testcache.inputs.interpreter import NO_BYTE_CODE
from testcache.inputs.roots import Roots
from testcache.model import EnvironmentKey

if TYPE_CHECKING:
    from testcache.session.recording import Recording

NEUTRAL_OPTIONS = frozenset(
    {
        # selection and order
        "file_or_dir", "keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "failedfirst", "newfirst",
        "last_failed_no_failures", "stepwise", "stepwise_skip", "stepwise_reset", "maxfail", "pyargs",
        "keepduplicates", "continue_on_collection_errors", "collect_in_virtualenv", "doctestmodules", "doctestglob",
        "doctest_ignore_import_errors", "collectonly", "rootdir", "inifilename", "randomly_reorganize",
        # output
        "verbose", "quiet", "no_header", "no_summary", "fold_skipped", "force_short_summary", "reportchars",
        "tbstyle", "showlocals", "fulltrace", "color", "code_highlight", "durations", "durations_min", "showcapture",
        "pastebin", "xmlpath", "junitprefix", "traceconfig", "doctestreport", "xfail_tb", "disable_warnings",
        "debug", "version", "help", "markers", "showfixtures", "show_fixtures_per_test", "max_warnings", "cacheshow",
        "cacheclear", "log_cli_format", "log_cli_date_format", "log_file", "log_file_format", "log_file_date_format",
        "log_file_mode", "htmlpath", "self_contained_html", "report_log", "json_report_file",
        "hypothesis_show_statistics",
        # where and how it runs
        "basetemp", "numprocesses", "maxprocesses", "dist", "distload", "loadscopereorder", "tx", "px",
        "maxworkerrestart", "maxschedchunk", "loadgroup", "rsyncdir", "rsyncignore", "testrunuid", "looponfail",
        "session_timeout", "override_ini", "plugins", "disable_plugin_autoload", "usepdb_cls", "usepdb", "trace",
        # coverage measures, it does not change outcomes
        "cov_append", "cov_branch", "cov_config", "cov_context", "cov_fail_under", "cov_precision", "cov_report",
        "cov_source", "no_cov", "no_cov_on_fail",
        # ours
        "cached", "cached_audit", "cached_isolated", "cached_hosts", "shard",
    }
)  # fmt: skip

NEUTRAL_INI = frozenset(
    {
        "addopts", "cache_dir", "collect_imported_tests", "console_output_style", "faulthandler_timeout",
        "faulthandler_exit_on_timeout", "junit_duration_report", "junit_family", "junit_log_passing_tests",
        "junit_logging", "junit_suite_name", "log_cli", "log_cli_date_format", "log_cli_format",
        "log_file", "log_file_date_format", "log_file_format", "log_file_mode",
        "looponfailroots", "markers", "max_warnings", "minversion", "norecursedirs", "python_classes",
        "python_files", "python_functions", "required_plugins", "rsyncdirs", "rsyncignore", "session_timeout",
        "strict_config", "strict_markers", "testpaths", "tmp_path_retention_count", "tmp_path_retention_policy",
        "verbosity_assertions", "verbosity_subtests", "verbosity_test_cases", "assertion_text_diff_style",
        "truncation_limit_chars", "truncation_limit_lines",
    }
)  # fmt: skip

NEUTRAL_PLUGINS = frozenset(
    {"testcache", "pytest-xdist", "pytest-cov", "pytest-html", "pytest-metadata", "pytest-sugar", "pytest-reportlog",
     "pytest-github-actions-annotate-failures", "pytest-json-report", "pytest-clarity", "pytest-rich",
     "teamcity-messages", "allure-pytest", "pytest-split", "pytest-instafail", "pytest-picked"}
)  # fmt: skip
"""Distributions of plugins that only report, distribute or select."""

_NEUTRAL_PACKAGES = frozenset({"testcache", "xdist", "pytest_cov", "pytest_html", "pytest_metadata"})
"""The same, for plugins that are named by module: with `-p xdist.plugin` or without, results are the same."""

_NEUTRAL_OFF = frozenset(
    {"cacheprovider", "doctest", "faulthandler", "helpconfig", "junitxml", "pastebin", "reports", "stepwise",
     "terminal", "terminalprogress"}
)  # fmt: skip
"""Plugins of pytest itself without which (`-p no:terminal`) a test ends as with them."""

UNCACHEABLE_OPTIONS = {
    "usepdb": "--pdb",
    "trace": "--trace",
    "setuponly": "--setup-only",
    "setupplan": "--setup-plan",
    "setupshow": "--setup-show",
    "looponfail": "--looponfail",
}
"""Options that turn the cache off for the run: they are about watching tests run, or run nothing."""


def uncacheable_option(config: pytest.Config) -> str | None:
    """The first option of this run that cannot be combined with the cache, as it is typed."""
    return next((typed for dest, typed in UNCACHEABLE_OPTIONS.items() if getattr(config.option, dest, False)), None)


def key(recording: Recording) -> EnvironmentKey:
    """Digest what holds for this run."""
    fields = sorted(f"{name}={value}" for name, value in facts(recording))
    return EnvironmentKey(digest.of_fields("environment", digest.DIGEST_FORMAT, *fields))


def facts(recording: Recording) -> Iterator[tuple[str, str]]:
    """Everything behind the key, by name, for `testcache doctor` and for comparing two machines.

    Options that conftest files added are left out: they are inputs of the tests that read them.
    """
    config, roots, custom = recording.config, recording.world.roots, recording.options.names
    if recording.settings.library_state != "counts":  # what was left is told by other fingerprints
        yield "library-state", recording.settings.library_state
    yield from interpreter.facts(roots)
    yield "flags", _flags()
    encodings = (locale.getpreferredencoding(False), locale.getencoding(), sys.getfilesystemencoding())
    yield "encodings", repr((*map(str.lower, encodings), sys.getfilesystemencodeerrors()))
    yield "warnoptions", repr(sys.warnoptions)
    yield "xoptions", repr(sorted(sys._xoptions.items()))
    yield "pytest", pytest.__version__
    for _, dist in config.pluginmanager.list_plugin_distinfo():
        if dist.project_name not in NEUTRAL_PLUGINS:
            yield f"plugin {dist.project_name}", dist.version
    modules = [*config.option.plugins, *os.environ.get("PYTEST_PLUGINS", "").split(",")]
    yield "plugin modules", repr(sorted({name for name in modules if name and not _is_neutral_module(name)}))
    for name in sorted(config._parser._inidict):
        if name not in NEUTRAL_INI:
            yield f"ini {name}", _plain(config.getini(name), roots)
    for name, value in sorted(vars(config.option).items()):
        if name not in NEUTRAL_OPTIONS and name not in custom and not _is_neutral(name, value):
            yield f"option {name}", _plain(value, roots)


def digests(recording: Recording) -> dict[str, bytes]:
    """The facts in 16 bytes each, for comparing this process with a worker."""
    return {name: bytes(digest.of_text(value)) for name, value in facts(recording)}


def _is_neutral_module(name: str) -> bool:
    off, _, plugin = name.partition(":")
    if off == "no" and plugin:  # those of other distributions count by their versions if they are there
        return plugin in _NEUTRAL_OFF or importlib.util.find_spec(f"_pytest.{plugin.partition('.')[0]}") is None
    return name.partition(".")[0] in _NEUTRAL_PACKAGES


def _is_neutral(name: str, value: Any) -> bool:
    """A seed that nobody asked for differs in every run by design; the user accepted any."""
    if name == "randomly_seed":
        return not any(argument.startswith("--randomly-seed") for argument in sys.argv)
    return False


def _plain(value: Any, roots: Roots) -> str:
    """A text for a value that is equal in another checkout; objects count by their type."""
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item, roots) for item in value]
        return repr(sorted(items) if isinstance(value, (set, frozenset)) else items)
    if isinstance(value, dict):
        return repr(sorted((str(k), _plain(v, roots)) for k, v in value.items()))
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return roots.text(repr(value))
    if isinstance(value, os.PathLike):
        return roots.name(os.path.abspath(os.fspath(value)))
    return f"object of {type(value).__module__}.{type(value).__qualname__}"


def _flags() -> str:
    """The flags of the interpreter, but for what is known otherwise.

    Without a locale Python turns UTF-8 mode on, and sets LC_CTYPE so that its children have a locale (PEP 538, 540):
    a worker has another mode, but the same encodings. Who asks whether byte code is written rests on the variable.
    """
    flags = re.sub(r"utf8_mode=\d", "", repr(sys.flags))
    return re.sub(r"(write_bytecode=)\d", r"\g<1>0", flags) if os.environ.get(NO_BYTE_CODE) else flags
