"""Which job may write what others will trust: never one that strangers can start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testcache.exchange.place import place

GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "12", "GITHUB_RUN_ATTEMPT": "2"}


@pytest.fixture
def event(tmp_path: Path) -> dict[str, str]:
    """GitHub's description of what started the job, in a repository whose default branch is `trunk`."""
    (tmp_path / "event.json").write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    return {**GITHUB, "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_REF_TYPE": "branch"}


@pytest.mark.parametrize(
    ("name", "branch", "mode"),
    [
        ("push", "trunk", "write"),
        ("schedule", "trunk", "write"),
        ("workflow_dispatch", "trunk", "write"),
        ("push", "topic", "read"),
        ("push", "main", "read"),
        ("pull_request", "7/merge", "read"),
        ("pull_request_target", "trunk", "read"),
        ("issue_comment", "trunk", "read"),
        ("workflow_run", "trunk", "read"),
        ("merge_group", "trunk", "read"),
        ("release", "v1", "off"),
        ("", "trunk", "read"),
    ],
)
def test_github(event: dict[str, str], name: str, branch: str, mode: str) -> None:
    """Only what members of the repository start on its default branch writes."""
    here = place({**event, "GITHUB_EVENT_NAME": name, "GITHUB_REF_NAME": branch})
    assert (here.mode, here.unique) == (mode, "12-2")


def test_a_tag_runs_everything(event: dict[str, str]) -> None:
    """On each CI a tag makes a release."""
    assert place({**event, "GITHUB_REF_TYPE": "tag", "GITHUB_EVENT_NAME": "push"}).mode == "off"
    assert place({"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1"}).mode == "off"
    assert place({"CIRCLECI": "true", "CIRCLE_TAG": "v1"}).mode == "off"
    assert place({"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/tags/v1"}).mode == "off"


@pytest.mark.parametrize(
    ("server", "asked", "mode"),
    [
        ("read", "write", "read"),
        ("none", "write", "off"),
        ("none", "read", "off"),
        ("write", "auto", "write"),
    ],
)
def test_the_servers_word_counts(event: dict[str, str], server: str, asked: str, mode: str) -> None:
    """`cache-mode` of the workflow lowers what a job may, and never raises it."""
    pushed = {**event, "GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "trunk", "ACTIONS_CACHE_MODE": server}
    assert place(pushed, asked).mode == mode
    pull = {**pushed, "GITHUB_EVENT_NAME": "pull_request"}
    assert place(pull).mode in ("read", "off")


def test_an_event_that_cannot_be_read_trusts_nobody() -> None:
    """Without a default branch there is no branch to trust, except for those that are named."""
    pushed = {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main", "GITHUB_EVENT_PATH": "/no"}
    assert place(pushed).mode == "read"
    assert place(pushed, branches=("main",)).mode == "write"


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "dev", "CI_DEFAULT_BRANCH": "dev"}, "write"),
        ({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "topic", "CI_DEFAULT_BRANCH": "dev"}, "read"),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "3", "CI_DEFAULT_BRANCH": "dev"}, "read"),
        ({"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": ""}, "read"),
        ({"CIRCLECI": "true", "CIRCLE_BRANCH": "main"}, "write"),
        ({"CIRCLECI": "true", "CIRCLE_BRANCH": "main", "CIRCLE_PR_NUMBER": "3"}, "read"),
        ({"CIRCLECI": "true", "CIRCLE_BRANCH": "pull/3"}, "read"),
        (
            {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_REASON": "IndividualCI"},
            "write",
        ),
        (
            {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_REASON": "PullRequest"},
            "read",
        ),
        ({"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/pull/3/merge"}, "read"),
        ({}, "read"),
        ({"CI": "true"}, "read"),
    ],
)
def test_other_places(environ: dict[str, str], mode: str) -> None:
    """GitLab, CircleCI and Azure by their own variables; whatever is not known reads."""
    assert place(environ).mode == mode
