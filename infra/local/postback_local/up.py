"""The `up` command: tools, emulator, binaries, template, and a summary of what can be called."""

import argparse
import json
import shlex
from typing import Any

from . import aws, binaries, deployment, emulator, tools
from .console import Failure
from .stacks import DEFAULT_NAME, LOCAL, Stack, locked, stack

EXAMPLES = """\
examples:
  infra/local/up                              everything, then curl commands to paste
  infra/local/up --json | tail -n 1           for tests: {"url", "admin_key", "host_header", ...}
  eval "$(infra/local/up --env)"              the same as variables, as tests/acceptance reads them
  infra/local/up --name trial --port 4580     a second stack, with an emulator of its own
  infra/local/up --parameter RetentionDays=7  a parameter of infra/template.yaml
  infra/local/up --endpoint http://127.0.0.1:4566
                                              into an emulator that runs already, such as LocalStack

Again after a change it builds and deploys only what differs. Nothing of it reaches AWS, and your
AWS credentials are not read. The emulator keeps everything in memory until infra/local/down.
"""


def main(arguments: list[str]) -> None:
    wanted = _parse(arguments)
    chosen = stack(wanted.name)
    parameters = _parameters(wanted.parameter)
    tools.install(tools.TOOLS)
    endpoint = wanted.endpoint or emulator.start(chosen, wanted.port).url
    # The binaries and their folders are one for all stacks.
    with locked(LOCAL / "deploy.lock", "another deployment from this folder"):
        if wanted.no_build:
            binaries.check()
        elif wanted.release or wanted.endpoint:
            binaries.build_release()
        else:
            binaries.build(with_tests=wanted.with_tests)
        deployed = deployment.deploy(chosen, endpoint, parameters)
    deployment.wait_until_it_answers(deployed)
    description = _description(deployed, is_ours=wanted.endpoint is None)
    chosen.describe(description)
    if wanted.json:
        print(json.dumps(description))
    elif wanted.env:
        print(_exports(description))
    else:
        print(_summary(chosen, description))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="infra/local/up",
        description="Starts Postback's AWS stack on this machine: an emulator on loopback, "
        "the real functions, the real template.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one line of JSON, not a page")
    output.add_argument("--env", action="store_true", help="print `export` lines for a shell")
    option("--name", default=DEFAULT_NAME, help="the stack's name (default: %(default)s)")
    option("--port", type=int, help="the emulator's port (default: 4566, or a free one)")
    option(
        "--endpoint",
        metavar="URL",
        help="deploy to this emulator instead of starting one; implies --release, since its "
        "functions run in Amazon Linux",
    )
    option("--release", action="store_true", help="build as for AWS, with cargo-lambda; slow")
    option("--no-build", action="store_true", help="deploy what was built before")
    option(
        "--with-tests",
        action="store_true",
        help="build the tests, too: for a run of both, which compiles nothing twice then",
    )
    option(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the template; may be given again",
    )
    wanted = parser.parse_args(arguments)
    if wanted.endpoint and aws.is_aws(wanted.endpoint):
        raise Failure(
            f"endpoint `{wanted.endpoint}` is AWS itself; deploy there with `sam deploy` in infra/"
        )
    if wanted.endpoint and wanted.port:
        raise Failure("--port is for an emulator that is started here, so not with --endpoint")
    return wanted


def _parameters(given: list[str]) -> dict[str, str]:
    parameters = {
        "Architecture": binaries.architecture(),
        # Receivers in tests are on loopback, without TLS.
        "AllowPrivateEndpoints": "true",
        "DeletionProtection": "false",
    }
    for parameter in given:
        name, is_pair, value = parameter.partition("=")
        if not name or not is_pair:
            raise Failure(f"parameter `{parameter}` must be NAME=VALUE")
        parameters[name] = value
    return parameters


def _description(deployed: deployment.Deployment, is_ours: bool) -> dict[str, Any]:
    return {
        "url": deployed.endpoint,
        "admin_key": deployed.admin_key(),
        "host_header": deployed.host_header,
        "stack": deployed.stack.name,
        # Where the SDK's AWS_ENDPOINT_URL, AWS_REGION and keys of a test point to.
        "endpoint": deployed.endpoint,
        "region": emulator.REGION,
        "access_key": emulator.ACCESS_KEY,
        "is_ours": is_ours,
        "outputs": deployed.outputs,
    }


def _exports(description: dict[str, Any]) -> str:
    variables = {
        "POSTBACK_URL": description["url"],
        "POSTBACK_ADMIN_KEY": description["admin_key"],
        "POSTBACK_HOST_HEADER": description["host_header"],
        # What --json prints, for tests that look behind the API.
        "POSTBACK_STACK": json.dumps(description),
    }
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _summary(chosen: Stack, description: dict[str, Any]) -> str:
    url, host, key = (description[name] for name in ("url", "host_header", "admin_key"))
    named = "" if chosen.name == DEFAULT_NAME else f" --name {chosen.name}"
    return f"""
Postback's AWS stack `{chosen.name}` is up.

  url        {url}
  Host       {host}
  admin key  {key}

Paste, and go on as README.md shows:

  curl -sS -H 'Host: {host}' {url}/healthz

  curl -sS -H 'Host: {host}' -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{"name": "First shop"}}' {url}/v1/merchants

Look around and stop:

  infra/local/aws{named} sqs list-queues
  tail -f {chosen.emulator_log}
  infra/local/down{named}"""
