"""Which CI a job runs in, whether it may write the cache that other jobs will trust, and for which branch.

Only a push to the default branch, a schedule or a manual start there writes. A job for a pull request
runs code that nobody has reviewed: what it recorded must not reach others. A job for a tag makes a
release: it runs everything. Not known means reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from testcache.structs import Struct

MODES = ("auto", "read", "write", "off")
TRUSTED_BRANCHES = ("main", "master")
"""Where a CI does not tell which branch is the default one."""

_TRUSTED_EVENTS = ("push", "schedule", "workflow_dispatch")


class Place(Struct, frozen=True):
    """One CI job.

    Attributes:
        mode: "read", "write" or "off".
        why: why this mode, in a few words.
        unique: a text that no other job and no other attempt has; "" outside of CI.
        branch: what it is a job for, `pull:7` or `branch:main`; "" if the CI does not say, and outside of CI.
    """

    mode: str
    why: str
    unique: str
    branch: str = ""


def place(environ: Mapping[str, str], asked: str = "auto", branches: tuple[str, ...] = ()) -> Place:
    """Find out where this is. `asked` overrides the mode, `branches` the names of trusted branches."""
    trusted = branches or TRUSTED_BRANCHES
    if environ.get("GITHUB_ACTIONS") == "true":
        mode, why = _github(environ, branches)
        branch = _github_branch(environ)
        unique = _joined(environ, "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT")
    elif environ.get("GITLAB_CI") == "true":
        mode, why = _gitlab(environ, branches)
        branch = _branch(environ.get("CI_MERGE_REQUEST_IID", ""), environ.get("CI_COMMIT_BRANCH", ""))
        unique = environ.get("CI_JOB_ID", "")
    elif environ.get("CIRCLECI") == "true":
        mode, why = _circle(environ, trusted)
        pull = environ.get("CIRCLE_PULL_REQUEST", "").rpartition("/")[2] or environ.get("CIRCLE_PR_NUMBER", "")
        branch = _branch(pull, environ.get("CIRCLE_BRANCH", ""))
        unique = _joined(environ, "CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_NUM")
    elif environ.get("TF_BUILD") == "True":
        mode, why = _azure(environ, trusted)
        name = environ.get("BUILD_SOURCEBRANCH", "").removeprefix("refs/heads/")
        branch = _branch(environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID", ""), name)
        unique = _joined(environ, "BUILD_BUILDID", "SYSTEM_JOBATTEMPT")
    else:
        mode, why, unique, branch = "read", "no CI that is known here", "", ""
    if asked != "auto":
        mode, why = asked, "asked for"
    server = environ.get("ACTIONS_CACHE_MODE", "")
    if server == "none":
        mode, why = "off", "the workflow's cache-mode is none"
    elif server == "read" and mode == "write":
        mode, why = "read", "the workflow's cache-mode is read"
    return Place(mode, why, unique, branch)


def _github(environ: Mapping[str, str], branches: tuple[str, ...]) -> tuple[str, str]:
    event, name = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REF_NAME", "")
    if environ.get("GITHUB_REF_TYPE") == "tag" or event == "release":
        return "off", "a release runs everything"
    if event not in _TRUSTED_EVENTS:
        return "read", f"the event {event} may stem from anybody"
    trusted = branches or _github_default(environ.get("GITHUB_EVENT_PATH", ""))
    if name in trusted:
        return "write", f"{event} on {name}"
    return "read", f"{name} is not the default branch"


def _github_branch(environ: Mapping[str, str]) -> str:
    event, reference = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REF", "")
    if event in _TRUSTED_EVENTS:
        return _branch("", environ.get("GITHUB_REF_NAME", ""))
    # The event pull_request_target and its like name the default branch, whatever code they run.
    number = reference.removeprefix("refs/pull/").partition("/")[0]
    return _branch(number if reference.startswith("refs/pull/") else event, "")


def _github_default(path: str) -> tuple[str, ...]:
    try:
        with open(path, encoding="utf-8") as file:
            event = json.load(file)
        return (str(event["repository"]["default_branch"]),)
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # then no branch is trusted


def _gitlab(environ: Mapping[str, str], branches: tuple[str, ...]) -> tuple[str, str]:
    if environ.get("CI_COMMIT_TAG"):
        return "off", "a release runs everything"
    if environ.get("CI_MERGE_REQUEST_IID") or environ.get("CI_EXTERNAL_PULL_REQUEST_IID"):
        return "read", "a merge request"
    name = environ.get("CI_COMMIT_BRANCH", "")
    return _by_branch(name, branches or (environ.get("CI_DEFAULT_BRANCH", ""),))


def _circle(environ: Mapping[str, str], trusted: tuple[str, ...]) -> tuple[str, str]:
    if environ.get("CIRCLE_TAG"):
        return "off", "a release runs everything"
    if environ.get("CIRCLE_PULL_REQUEST") or environ.get("CIRCLE_PR_NUMBER"):
        return "read", "a pull request"
    return _by_branch(environ.get("CIRCLE_BRANCH", ""), trusted)


def _azure(environ: Mapping[str, str], trusted: tuple[str, ...]) -> tuple[str, str]:
    reference = environ.get("BUILD_SOURCEBRANCH", "")
    if reference.startswith("refs/tags/"):
        return "off", "a release runs everything"
    if environ.get("BUILD_REASON") == "PullRequest":
        return "read", "a pull request"
    return _by_branch(reference.removeprefix("refs/heads/"), trusted)


def _by_branch(name: str, trusted: tuple[str, ...]) -> tuple[str, str]:
    if name and name in trusted:
        return "write", f"on {name}"
    return "read", f"{name or 'this'} is not a trusted branch"


def _branch(pull: str, name: str) -> str:
    """A name that no branch can take for itself to pass for another one: git allows no colon in names."""
    if pull:
        return f"pull:{pull}"
    return f"branch:{name}" if name else ""


def _joined(environ: Mapping[str, str], *names: str) -> str:
    return "-".join(environ[name] for name in names if environ.get(name))
