"""The emulator's process: MiniStack on loopback, in a process group with the functions it spawns.

It holds a lock for as long as it lives, so whether it runs is never guessed from a process id
that may belong to somebody else by now. It keeps everything in memory: a stop forgets it.
"""

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from . import tools
from .console import Failure, step, tail
from .stacks import Stack, locked

PORT = 4566
"""The port that people expect; another one is taken when it is in use."""
REGION = "us-east-1"
# Anything is accepted from outside; inside, each function gets credentials of its own role.
ACCESS_KEY = "test"

_LAUNCHER = Path(__file__).with_name("launcher.py")
_HOST = "127.0.0.1"
_HEALTH = "/_ministack/health"
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Emulator:
    """One that was started here and runs."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"


def start(stack: Stack, port: int | None = None) -> Emulator:
    """Starts the stack's emulator, or finds it running."""
    tools.install(tools.EMULATOR)
    with locked(stack.folder / "start.lock", "another start of this stack"):
        found = running(stack)
        if found and port not in (None, found.port):
            raise Failure(
                f"the emulator of stack `{stack.name}` already runs on port {found.port}, "
                f"not {port}; stop it first with infra/local/down"
            )
        return found or _start(stack, port)


def running(stack: Stack) -> Emulator | None:
    """The stack's emulator, if it is alive."""
    try:
        with _note(stack).open() as note:
            if _is_held(note):
                return Emulator(**json.load(note))
    except (FileNotFoundError, json.JSONDecodeError):
        pass
    return None


def stop(stack: Stack) -> Emulator | None:
    """Ends the stack's emulator and its functions; returns the one that was stopped."""
    found = running(stack)
    if found is None:
        return None
    _signal(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while running(stack) and time.monotonic() < deadline:
        time.sleep(0.05)
    # Whoever is left, be it a function that did not want to end.
    _signal(found.pid, signal.SIGKILL)
    while running(stack):
        time.sleep(0.05)
    return found


def _start(stack: Stack, port: int | None) -> Emulator:
    if port and not _is_free(port):
        raise Failure(f"port {port} is in use; leave --port out to have a free one chosen")
    # Between looking and listening somebody else may take a port.
    ports = [port] if port else [PORT, _free_port(), _free_port()]
    with step("starting the emulator"):
        for chosen in filter(_is_free, ports):
            process = _spawn(stack, chosen)
            try:
                if _answers(process, chosen):
                    return Emulator(process.pid, chosen)
            except BaseException:
                _signal(process.pid, signal.SIGKILL)
                raise
    log = stack.emulator_log
    raise Failure(f"the emulator did not start; the end of {log}:\n{tail(log)}")


def _spawn(stack: Stack, port: int) -> subprocess.Popen:
    with _note(stack).open("w") as note, stack.emulator_log.open("w") as log:
        fcntl.flock(note, fcntl.LOCK_EX)
        # The child inherits the lock, and alone: Python closes for the functions what it was not
        # told to hand on. Isolated, so that it finds its own modules and none of this folder's.
        process = subprocess.Popen(
            [tools.program(tools.EMULATOR, "python"), "-I", str(_LAUNCHER)],
            cwd=stack.folder,
            env=_environment(stack, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[note.fileno()],
            start_new_session=True,
        )
        json.dump({"pid": process.pid, "port": port}, note)
        return process


def _environment(stack: Stack, port: int) -> dict[str, str]:
    """All that the emulator sees. Its functions inherit it, so nothing of the user's is in it."""
    home, temporary = stack.folder / "home", stack.folder / "tmp"
    for folder in (home, temporary):
        folder.mkdir(exist_ok=True)
    kept = ("PATH", "RUST_LOG", "RUST_BACKTRACE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "BIND_HOST": _HOST,
        "GATEWAY_PORT": str(port),
        # Where the functions call back; without it they would call AWS itself.
        "AWS_ENDPOINT_URL": f"http://{_HOST}:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MINISTACK_REGION": REGION,
        # Each call of a function is checked against its role, as on AWS.
        "AUTH": "true",
        # No containers, and no listeners beside the one port.
        "DOCKER_HOST": f"unix://{stack.folder}/no-docker",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _answers(process: subprocess.Popen, port: int) -> bool:
    """Waits until it serves. False when it ended instead, say because the port was taken."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(_HOST, port, timeout=5)
        try:
            connection.request("GET", _HEALTH)
            if connection.getresponse().status == 200:
                return process.poll() is None
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    process.kill()
    process.wait()
    return False


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _is_held(note: TextIO) -> bool:
    """Whether the process that was started with the lock on this file is alive."""
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]


def _note(stack: Stack) -> Path:
    """The process id and port, in the very file that the process holds locked."""
    return stack.folder / "emulator.json"
