"""The surroundings in which `sam` and `aws` run, and the `aws` command.

They see the endpoint of an emulator and credentials that nobody else would take. Profiles, keys,
proxies and the home directory of the person who typed the command stay out of sight.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import tools
from .console import Failure
from .emulator import ACCESS_KEY, REGION, running
from .stacks import DEFAULT_NAME, Stack, stack


def main(arguments: list[str]) -> int:
    """Runs the AWS command line against a stack that is up."""
    name = DEFAULT_NAME
    if arguments[:1] == ["--name"]:
        if len(arguments) < 2:
            raise Failure("--name needs the name of a stack")
        name, arguments = arguments[1], arguments[2:]
    chosen = stack(name)
    found, described = running(chosen), chosen.description()
    if found:
        endpoint = found.url
    elif described and not described["is_ours"]:
        endpoint = described["endpoint"]
    else:
        raise Failure(f"stack `{name}` is not up; start it with infra/local/up")
    tools.install(tools.TOOLS)
    return subprocess.run(
        [*_command(endpoint), *arguments], env=environment(chosen, endpoint)
    ).returncode


def call(chosen: Stack, endpoint: str, *arguments: str) -> Any:
    """One call of the AWS command line, and its answer."""
    done = subprocess.run(
        [*_command(endpoint), *arguments, "--output", "json"],
        env=environment(chosen, endpoint),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        reason = done.stderr.strip() or f"exit status {done.returncode}"
        raise Failure(f"`aws {' '.join(arguments[:2])}` failed: {reason}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def environment(chosen: Stack, endpoint: str) -> dict[str, str]:
    """All that `sam` and `aws` see."""
    home = chosen.folder / "home"
    home.mkdir(exist_ok=True)
    _check_no_version(home)
    kept = ("PATH", "TERM", "LANG", "LC_ALL", "TMPDIR", "NO_COLOR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(home),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "NO_PROXY": "*",
        "SAM_CLI_TELEMETRY": "0",
        # An emulator is ready at once; the default is to look every half second.
        "SAM_CLI_POLL_DELAY": "0.1",
    }


def _command(endpoint: str) -> list[str]:
    # Said twice, since for some services, SQS for one, it does not heed the variable.
    return [tools.program(tools.TOOLS, "aws"), "--endpoint-url", endpoint]


def is_aws(endpoint: str) -> bool:
    """Whether an endpoint is AWS itself and no emulator."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _check_no_version(home: Path) -> None:
    """Keeps sam from asking PyPI whether it is the newest: it believes that it has just asked."""
    folder = home / ".aws-sam"
    folder.mkdir(exist_ok=True)
    metadata = {"telemetryEnabled": False, "lastVersionCheck": time.time()}
    (folder / "metadata.json").write_text(json.dumps(metadata))
