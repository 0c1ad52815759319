"""A real `postback serve` for the checks that are written in Python: on loopback, on an empty
directory, and ended with the block that it was started for."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ADMIN_KEY = "the-operators-key-of-this-run-alone"
# What takes longer will not come.
READY_S = 30
# Straight to the server, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Server:
    """One that listens."""

    url: str
    process: subprocess.Popen

    def kill(self) -> None:
        """At once, by force."""
        self.process.kill()
        self.process.wait(READY_S)


@contextlib.contextmanager
def running(binary: str, work: Path, *flags: str, **environment: str) -> Iterator[Server]:
    """A server that keeps its data and its log in `work`."""
    work.mkdir(exist_ok=True)
    inherited = {name: os.environ[name] for name in os.environ if not name.startswith("POSTBACK_")}
    of_ours = {"POSTBACK_ADMIN_KEY": ADMIN_KEY, "POSTBACK_LOG": "warn"}
    environment = inherited | of_ours | environment
    command = [binary, "serve", "--json", "--listen", "127.0.0.1:0", "--data", str(work / "data")]
    # Nobody else makes as many requests.
    command += ["--requests-per-minute", "1000000", *flags]
    # Into files, so that no pipe can fill up.
    err = work / "server.err"
    with tempfile.NamedTemporaryFile("w") as stdout, err.open("w") as stderr:
        said = Path(stdout.name).read_text
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment
        )
        try:
            if not eventually(lambda: said().endswith("\n") or server.poll() is not None):
                raise SystemExit("postback serve says nothing")
            if server.poll() is not None:
                ended = f"postback serve ended with {server.returncode}"
                raise SystemExit(f"{ended}:\n{err.read_text()}")
            yield Server(json.loads(said())["url"], server)
        finally:
            server.terminate()
            server.wait(READY_S)


def eventually(is_so: Callable[[], bool], within_s: float = READY_S) -> bool:
    deadline = time.monotonic() + within_s
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
