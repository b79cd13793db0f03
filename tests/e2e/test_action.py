"""The GitHub Action: valid, without known weaknesses, and its steps do what they say in a real clone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from checkout import Checkout, commit, tool

REPOSITORY = Path(__file__).parents[2]
ACTION = REPOSITORY / "action.yml"
KEY = "the key of the team, for this test"
FILES = {
    "pyproject.toml": '[project]\nname = "shop"\n',
    "shop.py": "def price(count): return count * 3\ndef tax(amount): return amount * 2\n",
    "test_shop.py": """
import os
import shop

def test_price(): assert shop.price(2) == 6
def test_tax(): assert shop.tax(2) == 4
def test_no_key(): assert os.environ.get("TESTCACHE_KEY") is None
""",
}


def action() -> dict[str, Any]:
    """The parsed file; skips the test without a YAML parser."""
    yaml = pytest.importorskip("yaml", reason="no YAML parser is installed here")
    parsed: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    return parsed


@dataclass(slots=True)
class Job:
    """Runs the steps of the action as a runner would, with a folder in place of GitHub's cache.

    Attributes:
        service: the folder: one sub-folder a key.
        outputs: of each step with an id, by id.
        failed: a step failed; those without `always()` are left out from then on.
    """

    checkout: Checkout
    service: Path
    inputs: dict[str, str]
    event: str = "push"
    branch: str = "main"
    number: int = 1
    tag: bool = False
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    text: str = ""
    summary: str = ""
    failed: bool = False
    saved: list[str] = field(default_factory=list)

    def run(self) -> Job:
        parsed = action()
        defaults = {name: about.get("default", "") for name, about in parsed["inputs"].items()}
        self.inputs = {**defaults, **self.inputs}
        for step in parsed["runs"]["steps"]:
            if self._wanted(step.get("if", "")):
                self._step(step)
        return self

    def _step(self, step: dict[str, Any]) -> None:
        uses = step.get("uses", "")
        if not uses:
            self._script(step)
        elif uses.startswith("actions/cache/restore@"):
            self._restore({name: self._value(value) for name, value in step["with"].items()})
        else:
            assert uses.startswith("actions/cache/save@")
            self._save({name: self._value(value) for name, value in step["with"].items()})

    def _script(self, step: dict[str, Any]) -> None:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "inputs must not be pasted into scripts"
        home = self.checkout.home
        files = {name: home / name for name in ("output", "summary", "event.json")}
        files["output"].write_text("")
        files["summary"].touch()
        event = {"repository": {"default_branch": "main"}}
        files["event.json"].write_text(json.dumps(event))
        env = {name: self._value(value) for name, value in step.get("env", {}).items()} | {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_EVENT_PATH": str(files["event.json"]),
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_REF_NAME": self.branch,
            "GITHUB_REF_TYPE": "tag" if self.tag else "branch",
            "GITHUB_RUN_ID": str(self.number),
            "GITHUB_RUN_ATTEMPT": "1",
        }
        script = home / "step.sh"
        script.write_text(step["run"])
        done = self.checkout.do("bash", "--noprofile", "--norc", "-eo", "pipefail", str(script), env=env)
        self.text += done.stdout + done.stderr
        self.failed = self.failed or done.returncode != 0
        self.summary = files["summary"].read_text()
        if "id" in step:
            self.outputs[step["id"]] = _outputs(files["output"].read_text())

    def _restore(self, given: dict[str, str]) -> None:
        folders = sorted(self.service.iterdir(), key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
        for wanted in [given["key"], *given["restore-keys"].split()]:
            for folder in folders:
                if folder.name.startswith(wanted):
                    shutil.copytree(folder, self.checkout.path / given["path"], dirs_exist_ok=True)
                    return

    def _save(self, given: dict[str, str]) -> None:
        assert len(given["key"]) <= 512
        target = self.service / given["key"]
        if not target.exists():  # keys are immutable
            shutil.copytree(self.checkout.path / given["path"], target)
            self.saved.append(given["key"])

    def _wanted(self, condition: str) -> bool:
        parts = [part.strip() for part in condition.split("&&") if part.strip()]
        if "always()" not in parts and self.failed:
            return False
        for part in parts:
            if part != "always()":
                left, operator, right = part.split()
                if (self._look_up(left) == right.strip("'")) != (operator == "=="):
                    return False
        return True

    def _value(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: self._look_up(found.group(1)), str(text))

    def _look_up(self, name: str) -> str:
        parts = name.split(".")
        if parts[0] == "inputs":
            return str(self.inputs[parts[1]])
        assert (parts[0], parts[2]) == ("steps", "outputs"), name
        return self.outputs.get(parts[1], {}).get(parts[3], "")


def _outputs(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w-]+)<<(\S+)\n(.*?)^\2\n", text, re.MULTILINE | re.DOTALL)
    return {name: value.rstrip("\n") for name, _, value in found}


@pytest.fixture
def origin(tmp_path: Path) -> Checkout:
    (tmp_path / "service").mkdir()
    checkout = Checkout(tmp_path / "origin", tmp_path / "origin-home")
    checkout.path.mkdir()
    commit(checkout, FILES)
    return checkout


def job(origin: Checkout, number: int, *, key: str = KEY, change: dict[str, str] | None = None, **how: Any) -> Job:
    """One job of the CI: a fresh clone in a folder of its own, and all the steps."""
    base = origin.path.parent
    checkout = Checkout(base / f"job-{number}" / "work", base / f"home-{number}")
    checkout.path.parent.mkdir()
    subprocess.run(["git", "clone", "--quiet", "--no-local", origin.path, checkout.path], check=True)
    for name, text in (change or {}).items():
        (checkout.path / name).write_text(text)
    inputs = {"hmac-key": key, "pytest-args": "-q -p no:cacheprovider", **how.pop("inputs", {})}
    return Job(checkout, base / "service", inputs, number=number, **how).run()


def test_results_go_from_job_to_job(origin: Checkout) -> None:
    """A push records and saves; the next one replays all, and has nothing new to save."""
    first = job(origin, 1)
    assert (first.failed, first.outputs["summary"]["hits"], len(first.saved)) == (False, "0", 1), first.text
    second = job(origin, 2)
    assert not second.failed, second.text
    assert (second.outputs["summary"]["hits"], second.outputs["summary"]["hit-rate"]) == ("3", "1.000")
    assert second.saved == []
    assert "### testcache: 100% of 3 tests replayed" in second.summary
    assert "signature verified" in second.summary


def test_a_pull_request_reads_and_never_writes(origin: Checkout) -> None:
    """It replays what it shares with the default branch; what it records reaches nobody."""
    job(origin, 1)
    changed = {"shop.py": FILES["shop.py"].replace("count * 3", "3 * count")}
    pull = job(origin, 2, event="pull_request", branch="2/merge", change=changed)
    assert not pull.failed, pull.text
    assert (pull.outputs["summary"]["hits"], pull.outputs["summary"]["misses"]) == ("2", "1")
    assert "| 1 | `shop.py, function price` |" in pull.summary
    assert (pull.outputs["key"]["mode"], pull.saved) == ("read", [])
    branch = job(origin, 3, branch="topic", change=changed)
    assert (branch.outputs["key"]["mode"], branch.saved) == ("read", [])


def test_a_fork_without_the_key(origin: Checkout) -> None:
    """By default it runs everything and says why; on demand it takes in what it cannot verify."""
    job(origin, 1)
    fork = job(origin, 2, key="", event="pull_request", branch="2/merge")
    assert (fork.failed, fork.outputs["summary"]["hits"]) == (False, "0")
    assert "::warning title=testcache::" in fork.text
    assert "[bundle-unverified]" in fork.summary
    trusting = job(origin, 3, key="", event="pull_request", branch="2/merge", inputs={"unverified": "true"})
    assert trusting.outputs["summary"]["hits"] == "3"


def test_a_planted_bundle_is_refused(origin: Checkout) -> None:
    """Whoever writes the cache without the key changes nothing: every test runs."""
    planted = job(origin, 1, key="the key of somebody else")
    assert planted.saved
    victim = job(origin, 2)
    assert (victim.failed, victim.outputs["summary"]["hits"]) == (False, "0")
    assert "[bundle-forged]" in victim.summary


def test_a_release_runs_everything(origin: Checkout) -> None:
    """For a tag nothing is restored, replayed or saved."""
    job(origin, 1)
    release = job(origin, 2, branch="v1", tag=True)
    assert (release.failed, release.saved) == (False, [])
    assert "3 passed" in release.text
    assert "cached" not in release.text.replace("--cached", "")


def test_a_failing_test_fails_the_job_and_the_rest_is_saved(origin: Checkout) -> None:
    """The failure is the job's; what passed is kept, and the page tells both."""
    broken = {"shop.py": FILES["shop.py"].replace("count * 3", "count * 4")}
    first = job(origin, 1, change=broken)
    assert (first.failed, len(first.saved)) == (True, 1)
    assert "| 0 | 3 | 1 |" in first.summary
    second = job(origin, 2)
    assert (second.failed, second.outputs["summary"]["hits"]) == (False, "2")


def test_it_matches_the_schema() -> None:
    """GitHub's own schema for actions."""
    done = subprocess.run([tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", ACTION], check=False)
    assert done.returncode == 0


def test_zizmor_finds_nothing() -> None:
    """No template injection, nothing unpinned, no leaked credentials."""
    done = subprocess.run([tool("zizmor"), "--offline", "--quiet", ACTION], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def recipe(heading: str) -> str:
    """The first YAML block below a heading of docs/ci.md."""
    page = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
    text = page.partition(f"### {heading}\n")[2].partition("```yaml\n")[2].partition("```")[0]
    assert text, f"no recipe below {heading}"
    return text


@pytest.mark.parametrize(
    ("heading", "schema", "before"),
    [
        ("GitHub", "github-workflows", "name: tests\non: push\n"),
        ("GitLab", "gitlab-ci", ""),
        ("CircleCI", "circle-ci", "version: 2.1\n"),
        ("Azure Pipelines", "azure-pipelines", ""),
    ],
)
def test_the_recipes_match_their_schemas(heading: str, schema: str, before: str, tmp_path: Path) -> None:
    """Those of the documentation, with what a page leaves out, by each CI's own schema."""
    file = tmp_path / "recipe.yml"
    file.write_text(before + recipe(heading), encoding="utf-8")
    check = [tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", str(file)]
    if schema == "gitlab-ci":
        check[1:1] = ["--data-transform", "gitlab-ci"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_in_the_recipe_but_our_own_missing_release(tmp_path: Path) -> None:
    """The page cannot name the commit of a release yet, and says so; with one in its place nothing is left."""
    file = tmp_path / "workflow.yml"
    text = recipe("GitHub")
    assert "testcache/testcache@main # better: the commit of a release" in text
    file.write_text("name: tests\non: push\n" + text.replace("@main # better", f"@{'0' * 40} # better"))
    done = subprocess.run([tool("zizmor"), "--offline", "--quiet", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
