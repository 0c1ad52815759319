"""Installs the pinned emulator and tools from PyPI, once per list of requirements.

Two virtual environments, because the emulator pins a botocore of its own. The lists are complete
and hashed, so nothing is resolved here and nobody can slip in another file under the same version.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .console import Failure, step, tail
from .stacks import LOCAL, locked, write

_REQUIREMENTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class _Set:
    """One list of requirements and the environment that it goes into."""

    requirements: str
    environment: str
    what: str


EMULATOR = _Set("emulator.txt", "emulator", "the emulator (MiniStack)")
TOOLS = _Set("tools.txt", "tools", "sam, aws, cfn-lint and schemathesis")
# Beside the tools, because it is large and only a release build wants it.
RELEASE = _Set("release.txt", "tools", "cargo-lambda and zig")


def program(kind: _Set, name: str) -> str:
    """The path of an installed program."""
    return str(_environment(kind) / "bin" / name)


def install(kind: _Set) -> None:
    """Installs a set unless exactly this one is there. Two at once wait for each other."""
    if _is_installed(kind):
        return
    if kind is RELEASE:
        install(TOOLS)
    with locked(LOCAL / f"{kind.environment}.lock", "another installation"):
        if not _is_installed(kind):
            with step(f"installing {kind.what} from PyPI"):
                _install(kind)


def _install(kind: _Set) -> None:
    environment = _environment(kind)
    log = LOCAL / f"install-{kind.requirements}.log"
    with log.open("w") as output:
        if kind is not RELEASE:
            shutil.rmtree(environment, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(environment)], output, log, kind)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--no-input"]
        pip += ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
        _run([*pip, "--requirement", str(_REQUIREMENTS / kind.requirements)], output, log, kind)
    write(_stamp(kind), _fingerprint(kind))


def _run(command: list[str], output, log: Path, kind: _Set) -> None:
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
    )
    if done.returncode != 0:
        output.flush()
        raise Failure(f"could not install {kind.what}; the end of {log}:\n{tail(log)}")


def _is_installed(kind: _Set) -> bool:
    """Whether these very requirements are there, for this Python, and the Python too."""
    stamp = _stamp(kind)
    python = _environment(kind) / "bin" / "python"
    return stamp.exists() and python.exists() and stamp.read_text() == _fingerprint(kind)


def _fingerprint(kind: _Set) -> str:
    digest = hashlib.sha256(sys.version.encode())
    digest.update((_REQUIREMENTS / kind.requirements).read_bytes())
    return digest.hexdigest()


def _stamp(kind: _Set) -> Path:
    # Inside, so that it goes with the environment.
    return _environment(kind) / f"installed-{kind.requirements}"


def _environment(kind: _Set) -> Path:
    return LOCAL / kind.environment
