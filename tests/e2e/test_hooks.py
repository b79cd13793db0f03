"""The hooks in a real repository, under the real pre-commit and the real prek, on commit and on push."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import Checkout, commit, tool

REPOSITORY = Path(__file__).parents[2]
HOOKS = REPOSITORY / ".pre-commit-hooks.yaml"

FILES = {
    "shop.py": "def price(count): return count * 3\ndef tax(amount): return amount * 2\n",
    "test_shop.py": """
import os
import shop

def test_price(): assert shop.price(2) == 6
def test_tax(): assert shop.tax(2) == 4
def test_git_variables():
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_AUTHOR_DATE"):
        assert os.environ.get(name) is None, name
""",
    "README.md": "shop\n",
}
CONFIG = """
repos:
  - repo: {hooks}
    rev: {revision}
    hooks:
      - id: testcache
        stages: [pre-commit]
        args: [-q]
        verbose: true
      - id: testcache-check
        stages: [pre-push]
        verbose: true
"""


@pytest.fixture(params=["pre-commit", "prek"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    """A repository with a remote, whose hooks are installed for commits and pushes."""
    runner = tool(request.param)
    hooks = Checkout(tmp_path / "hooks", tmp_path / "hooks-home")
    hooks.path.mkdir()
    commit(hooks, {HOOKS.name: HOOKS.read_text(encoding="utf-8")})
    revision = hooks.git("rev-parse", "HEAD").stdout.strip()
    checkout = Checkout(tmp_path / "shop", tmp_path / "home")
    checkout.path.mkdir()
    commit(checkout, FILES | {".pre-commit-config.yaml": CONFIG.format(hooks=hooks.path, revision=revision)})
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    checkout.git("remote", "add", "origin", str(tmp_path / "remote"))
    done = checkout.do(runner, "install", "--hook-type", "pre-commit", "--hook-type", "pre-push")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def edit(shop: Checkout, name: str, old: str, new: str) -> None:
    text = (shop.path / name).read_text()
    assert text.count(old) == 1
    (shop.path / name).write_text(text.replace(old, new))


def attempt(shop: Checkout, *arguments: str) -> tuple[int, str]:
    """Run git with its hooks, and return its exit code and what it said."""
    done = shop.git(*arguments, check=False)
    return done.returncode, done.stdout + done.stderr


def test_commits_and_pushes(shop: Checkout) -> None:
    """The life of a change: recorded, replayed, refused, put aside, pushed."""
    # the first commit records everything, and the tests see nothing of git's hook variables
    edit(shop, "README.md", "shop", "a shop")
    code, text = attempt(shop, "commit", "-am", "first")
    assert (code, "3 tests: 0 cached, 3 run" in text) == (0, True), text

    # nothing that counts changed: all is replayed, and pushing is fine
    edit(shop, "README.md", "a shop", "the shop")
    code, text = attempt(shop, "commit", "-am", "words")
    assert (code, "3 tests: 3 cached, 0 run" in text) == (0, True), text
    code, text = attempt(shop, "push", "origin", "main")
    assert code == 0, text

    # an unstaged change that breaks a test is put aside: the commit is judged without it
    edit(shop, "shop.py", "count * 3", "count * 4")
    edit(shop, "README.md", "the shop", "our shop")
    shop.git("add", "README.md")
    code, text = attempt(shop, "commit", "-m", "more words")
    assert (code, "3 tests: 3 cached, 0 run" in text) == (0, True), text
    assert "count * 4" in (shop.path / "shop.py").read_text()

    # staged, it is refused, and only what depends on it ran
    code, text = attempt(shop, "commit", "-am", "broken")
    assert (code, "3 tests: 2 cached, 1 run" in text) == (1, True), text

    # committed all the same, it cannot be pushed: a test would have to run
    shop.git("commit", "--no-verify", "-qam", "broken")
    code, text = attempt(shop, "push", "origin", "main")
    assert (code, "would run" in text) == (1, True), text

    # taken back, everything that was recorded before holds again
    edit(shop, "shop.py", "count * 4", "count * 3")
    code, text = attempt(shop, "commit", "-am", "mended")
    assert code == 0, text
    code, text = attempt(shop, "push", "origin", "main")
    assert code == 0, text


@pytest.mark.parametrize("name", ["pre-commit", "prek"])
def test_the_manifest_is_valid(name: str, tmp_path: Path) -> None:
    """Both tools accept the file as it is shipped."""
    shutil.copy(HOOKS, tmp_path)
    done = subprocess.run([tool(name), "validate-manifest", HOOKS.name], cwd=tmp_path, check=False)
    assert done.returncode == 0
