"""Builds the functions and puts them where the copied template's `CodeUri` looks for them.

By default with the dev profile, for this machine: minutes less than a release. A release build is the one that AWS would get.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from . import tools
from .console import Failure, say, step
from .stacks import DEPLOYED, ROOT

FUNCTIONS = ("ingest", "deliver", "sweep", "api")

_BOOTSTRAPS = DEPLOYED / "target" / "lambda"
# As Lambda and cargo-lambda spell what the machine says of itself.
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """This machine's processor, as the template's parameter names it."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise Failure(f"Lambda has no functions for the processor `{machine}`")
    return _ARCHITECTURES[machine]


def build(with_tests: bool) -> None:
    """Builds with the dev profile, and strips what no emulator reads."""
    with step("building the functions"):
        # The whole workspace, and its tests if they are built anyway: for another choice cargo
        # would choose other features, and compile the AWS SDK once more.
        tests = ["--tests"] if with_tests else []
        _cargo("build", "--workspace", "--bins", *tests, "--locked")
    built = _target_directory() / "debug"
    for name in FUNCTIONS:
        _place(built / name, _BOOTSTRAPS / name / "bootstrap")
    _say_sizes()


def build_release() -> None:
    """Builds as for AWS: optimised, and against the C library of Amazon Linux."""
    tools.install(tools.RELEASE)
    with step("building the functions for release"):
        processor = "--arm64" if architecture() == "arm64" else "--x86-64"
        packages = [f"--package=postback-{name}" for name in FUNCTIONS]
        lambda_build = ["lambda", "build", "--release", "--locked", processor]
        # cargo looks for cargo-lambda on the path, and that for a Python which has zig.
        programs = Path(tools.program(tools.RELEASE, "cargo-lambda")).parent
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
        _cargo(*lambda_build, "--lambda-dir", str(_BOOTSTRAPS), *packages, PATH=path)
    _say_sizes()


def check() -> None:
    """Fails unless all of them have been built before."""
    for name in FUNCTIONS:
        if not (_BOOTSTRAPS / name / "bootstrap").exists():
            raise Failure(
                f"`{name}` has not been built at {_BOOTSTRAPS}; leave --no-build out once"
            )


def _cargo(*arguments: str, **changed: str) -> None:
    environment = {**os.environ, **changed}
    try:
        # Its progress is ours, and standard output stays free for the answer.
        done = subprocess.run(
            ["cargo", *arguments], cwd=ROOT, env=environment, stdout=sys.stderr
        )
    except FileNotFoundError:
        raise Failure("cargo is missing; install Rust from https://rustup.rs") from None
    if done.returncode != 0:
        raise Failure(f"`cargo {arguments[0]}` failed; see above")


def _target_directory() -> Path:
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--offline", "--format-version=1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def _place(binary: Path, bootstrap: Path) -> None:
    """Copies without symbols, unless that very file is there already."""
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    # Not beside it: the whole folder is zipped.
    new = bootstrap.parent.with_suffix(".new")
    strip = shutil.which("strip")
    if strip:
        subprocess.run([strip, "-o", str(new), str(binary)], check=True)
    else:
        shutil.copyfile(binary, new)
    new.chmod(0o755)
    if bootstrap.exists() and bootstrap.read_bytes() == new.read_bytes():
        new.unlink()
    else:
        new.replace(bootstrap)


def _say_sizes() -> None:
    for name in FUNCTIONS:
        size = (_BOOTSTRAPS / name / "bootstrap").stat().st_size
        say(f"  {name:<8}{size / 1024 / 1024:6.1f} MiB")
