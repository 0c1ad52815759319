"""Where everything local is kept: below `target/local`, which git ignores.

One folder is one named stack with an emulator of its own, so that a test run and somebody's trial
do not meet. What is installed is shared by all of them.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .console import Failure, say

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / "target"
LOCAL = TARGET / "local"

DEPLOYED = LOCAL / "deploy"
"""A tree like the repository's, as far as the template looks: what is built for this machine must not
lie where `sam deploy` takes what goes to AWS from."""

DEFAULT_NAME = "postback"
"""The stack that is meant when none is named."""

# CloudFormation's own rule for the names of stacks.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}")


@dataclass(frozen=True)
class Stack:
    """A named stack's folder and the files in it."""

    name: str

    @property
    def folder(self) -> Path:
        return LOCAL / "stacks" / self.name

    @property
    def emulator_log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def deploy_log(self) -> Path:
        return self.folder / "deploy.log"

    @property
    def _description(self) -> Path:
        return self.folder / "stack.json"

    def describe(self, description: dict[str, Any]) -> None:
        """Keeps what `up` found out about the stack. It holds the admin key of a toy."""
        write(self._description, json.dumps(description, indent=2))

    def description(self) -> dict[str, Any] | None:
        return read_json(self._description)

    def forget_description(self) -> None:
        self._description.unlink(missing_ok=True)


def stack(name: str) -> Stack:
    if not _NAME.fullmatch(name):
        raise Failure(
            f"stack name `{name}` must be a letter and then at most 40 letters, digits or hyphens"
        )
    found = Stack(name)
    found.folder.mkdir(parents=True, exist_ok=True)
    return found


def write(file: Path, text: str) -> None:
    """Replaces a file in one step: a reader sees the old text or the new one."""
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.write_text(text)
    new.replace(file)


def read_json(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None


@contextmanager
def locked(file: Path, waiting_for: str) -> Iterator[None]:
    """Holds a lock that dies with this process, and says so when it has to wait for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {waiting_for} ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
