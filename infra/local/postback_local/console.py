"""What people see: progress on standard error, so that standard output is only the answer."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Failure(Exception):
    """Ends the command with a message for the person who typed it."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what is being done now, and afterwards how long it took."""
    say(f"{what} ...")
    started = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - started:.1f} s")


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log, for a failure that the log explains."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
