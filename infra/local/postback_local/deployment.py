"""Deploys the template as it is, and finds out how to reach what came of it."""

import http.client
import shutil
import subprocess
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import aws, tools
from .console import Failure, step, tail
from .emulator import REGION
from .stacks import DEPLOYED, ROOT, Stack

TEMPLATE = ROOT / "infra" / "template.yaml"

_ANSWERS_TIMEOUT_S = 60


@dataclass(frozen=True)
class Deployment:
    """A stack that was deployed to an emulator."""

    stack: Stack
    endpoint: str
    host_header: str
    """What the emulator routes by; the connection itself goes to the endpoint."""
    outputs: dict[str, str]

    def admin_key(self) -> str:
        secret = self.outputs["AdminKeySecretArn"]
        value = ("secretsmanager", "get-secret-value", "--secret-id", secret)
        return aws.call(self.stack, self.endpoint, *value)["SecretString"]


def deploy(stack: Stack, endpoint: str, parameters: dict[str, str]) -> Deployment:
    """Deploys, or finds that nothing has changed."""
    with step("deploying the template"):
        _sam_deploy(stack, endpoint, parameters)
        described = ("cloudformation", "describe-stacks", "--stack-name", stack.name)
        found = aws.call(stack, endpoint, *described)["Stacks"][0]["Outputs"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found}
        # The output ApiUrl would be that of a custom domain, if the stack has one.
        api = aws.call(stack, endpoint, "apigatewayv2", "get-api", "--api-id", outputs["ApiId"])
    return Deployment(stack, endpoint, urlsplit(api["ApiEndpoint"]).netloc, outputs)


def delete(stack: Stack, endpoint: str) -> None:
    """Takes the stack out of an emulator that goes on running."""
    named = ("--stack-name", stack.name)
    with step(f"deleting stack {stack.name} at {endpoint}"):
        aws.call(stack, endpoint, "cloudformation", "delete-stack", *named)
        aws.call(stack, endpoint, "cloudformation", "wait", "stack-delete-complete", *named)


def wait_until_it_answers(deployment: Deployment) -> None:
    """Waits for the first answer of the API, which is that of a cold start."""
    deadline = time.monotonic() + _ANSWERS_TIMEOUT_S
    with step("waiting for /healthz"):
        while (answer := _health(deployment)) != "200":
            if time.monotonic() > deadline:
                raise Failure(f"/healthz does not answer 200 but: {answer}")
            time.sleep(0.2)


def _health(deployment: Deployment) -> str:
    endpoint = urlsplit(deployment.endpoint)
    kind = http.client.HTTPSConnection if endpoint.scheme == "https" else http.client.HTTPConnection
    connection = kind(endpoint.hostname, endpoint.port, timeout=30)
    try:
        connection.request("GET", "/healthz", headers={"Host": deployment.host_header})
        answer = connection.getresponse()
        body = answer.read(500).decode(errors="replace")
        return "200" if answer.status == 200 else f"{answer.status} {body}"
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def _sam_deploy(stack: Stack, endpoint: str, parameters: dict[str, str]) -> None:
    # The settings beside the template are those for AWS, and ask before they change anything.
    settings = stack.folder / "samconfig.toml"
    settings.write_text("version = 0.1\n")
    copy = DEPLOYED / "infra" / TEMPLATE.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(TEMPLATE, copy)
    sam = [tools.program(tools.TOOLS, "sam")]
    settled = ["--config-file", str(settings), "--region", REGION]
    built = stack.folder / "build"
    build = [*sam, "build", "--template-file", str(copy), "--build-dir", str(built), *settled]
    command = [*sam, "deploy", "--template-file", str(built / TEMPLATE.name), *settled]
    command += ["--stack-name", stack.name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
    command += ["--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides"]
    command += [f"{name}={value}" for name, value in parameters.items()]
    with stack.deploy_log.open("w") as log:
        for step_of_sam in (build, command):
            done = subprocess.run(
                step_of_sam,
                cwd=stack.folder,
                env=aws.environment(stack, endpoint),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            if done.returncode != 0:
                break
    if done.returncode != 0:
        log = stack.deploy_log
        lines = [tail(log, 3), *_failed_resources(stack, endpoint), f"All it said is in {log}"]
        raise Failure(f"`sam {step_of_sam[1]}` failed\n" + "\n".join(lines))


def _failed_resources(stack: Stack, endpoint: str) -> list[str]:
    """What could not be made in the last deployment, and why; sam's own table is hard to read."""
    named = ("cloudformation", "describe-stack-events", "--stack-name", stack.name)
    try:
        newest_first = aws.call(stack, endpoint, *named)["StackEvents"]
    except Failure:
        # There is no stack, or no emulator.
        return []
    failed = []
    for event in newest_first:
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason")
        if event["LogicalResourceId"] == stack.name and status.endswith("_IN_PROGRESS"):
            if "ROLLBACK" not in status:
                break
        elif status.endswith("_FAILED"):
            failed.insert(0, f"  {event['LogicalResourceId']}: {reason}")
    return failed
