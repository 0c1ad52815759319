"""A real `postback serve` for the checks that are written in Python: on loopback, on an empty
directory, and ended with the block that it was started for."""

import contextlib
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ADMIN_KEY = "the-operators-key-of-this-run-alone"
# What takes longer will not come.
READY_S = 30
# Straight to the server, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def running(binary: str, work: Path, *flags: str, **environment: str) -> Iterator[str]:
    """A server that keeps its data in `work`; where it listens."""
    work.mkdir(exist_ok=True)
    inherited = {name: os.environ[name] for name in os.environ if not name.startswith("POSTBACK_")}
    environment = inherited | {"POSTBACK_ADMIN_KEY": ADMIN_KEY, "POSTBACK_LOG": "warn"} | environment
    command = [binary, "serve", "--json", "--listen", "127.0.0.1:0", "--data", str(work / "data")]
    # Nobody else makes as many requests.
    command += ["--requests-per-minute", "1000000", *flags]
    # Into files, so that no pipe can fill up.
    out, err = work / "server.out", work / "server.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment
        )
        try:
            if not eventually(lambda: out.read_text().endswith("\n") or server.poll() is not None):
                raise SystemExit("postback serve says nothing")
            if server.poll() is not None:
                raise SystemExit(f"postback serve ended:\n{err.read_text()}")
            yield json.loads(out.read_text())["url"]
        finally:
            server.terminate()
            server.wait(READY_S)


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + READY_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def call(url: str, method: str, path: str, body: dict | None = None) -> dict:
    """As the operator. Raises `urllib.error.HTTPError` for what is refused."""
    request = urllib.request.Request(
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"},
    )
    with OPENER.open(request, timeout=READY_S) as answer:
        return json.load(answer)
