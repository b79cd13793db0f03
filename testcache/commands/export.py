"""`testcache export`: write what the store knows into one file that other machines can take in."""

from __future__ import annotations

from pathlib import Path

from testcache.errors import SettingError, StoreError
from testcache.exchange.keyring import KEY, Keyring
from testcache.exchange.outgoing import export
from testcache.project import Project
from testcache.report import number, size
from testcache.terminal import say


def run(project: Project, file: str, *, environments: list[str]) -> int:
    """Write the bundle: 0. `environments` are beginnings of environment keys in hexadecimal; none: all.

    Raises:
        SettingError: a key that is none, or too short a secret.
        StoreError: nothing is recorded, or the file cannot be written.
    """
    for text in environments:
        if not text or set(text.lower()) - set("0123456789abcdef"):
            raise SettingError(f"--env-key={text}: expected hexadecimal digits, as in testcache doctor [option-value]")
    keyring = Keyring.from_environment()
    store = project.store()
    if store is None:
        raise StoreError(f"nothing is recorded in {project.store_name}; start with: pytest --cached")
    prefixes = tuple(text.lower() for text in environments)
    with store:
        header = export(
            store,
            Path(file),
            project=project.name,
            keyring=keyring,
            wanted=lambda key: not prefixes or key.hex().startswith(prefixes),
        )
    signed = "signed" if keyring else f"not signed, as {KEY} is not set"
    named = f"project {project.name}" if project.name else "a project without a name"
    say(
        f"testcache: {file}: {number(header.files, 'test file')}, "
        f"{number(len(header.environments), 'environment')}, {size(Path(file).stat().st_size)}, "
        f"{named}, {signed}"
    )
    return 0
