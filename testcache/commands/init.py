"""`testcache init`: a settings file to fill in, and a store that git does not see."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testcache.project import Project
from testcache.reference import settings_file
from testcache.settings import OWN_FILE, SHARED_FILE, Settings
from testcache.terminal import say


def run(project: Project) -> int:
    """Write what is missing and say what was done; a second time there is nothing to do. Always 0."""
    say(f"testcache: {OWN_FILE}: {_settings(project)}")
    say(f"testcache: .gitignore: {_ignore(project)}")
    say("testcache: next: pytest --cached")
    return 0


def _settings(project: Project) -> str:
    path = project.rootdir / OWN_FILE
    if path.exists():
        return "there already, left as it is"
    if _is_shared(project):
        return f"not written, the settings are in {SHARED_FILE}"
    path.write_text(settings_file(), encoding="utf-8")
    return "written, with every setting commented out"


def _is_shared(project: Project) -> bool:
    """Whether pyproject.toml has a table of ours, even an empty one: a second place would be refused."""
    import tomllib

    path = project.rootdir / SHARED_FILE
    if not path.exists():
        return False
    tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    return project.settings != Settings() or "testcache" in tool


def _ignore(project: Project) -> str:
    if not any((folder / ".git").exists() for folder in (project.rootdir, *project.rootdir.parents)):
        return "not needed, this is no git repository"
    folder = project.store_folder
    if not folder.is_relative_to(project.rootdir):
        return "not needed, the store is outside the project"
    line = f"{folder.relative_to(project.rootdir).as_posix()}/"
    if _is_ignored(project.rootdir, line):
        return f"{line} is ignored already"
    path = project.rootdir / ".gitignore"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    separator = "" if not before or before.endswith("\n") else "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{separator}{line}\n")
    return f"{line} added"


def _is_ignored(rootdir: Path, line: str) -> bool:
    """Whether git ignores the folder by a rule of the project, not by the store's own .gitignore."""
    path = rootdir / ".gitignore"
    written = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if {line, line.rstrip("/"), f"/{line}", f"/{line}".rstrip("/")} & {text.strip() for text in written}:
        return True
    try:
        done = subprocess.run(
            ["git", "check-ignore", "--verbose", line],
            cwd=rootdir,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # a repository, but no git here: the line does no harm
        return False
    return done.returncode == 0 and not done.stdout.startswith(line)  # "source:line:pattern, tab, path"
