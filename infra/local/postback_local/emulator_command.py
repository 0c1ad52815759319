"""The `emulator` command."""

import argparse

from . import emulator
from .console import Failure, say
from .stacks import DEFAULT_NAME, stack

EXAMPLES = """\
examples:
  infra/local/emulator start                       prints its URL
  infra/local/emulator start --name contract       a second one, on a free port
  AWS_ENDPOINT_URL=$(infra/local/emulator url) my-test
  infra/local/emulator stop --name contract

`start` also finds one that runs already. It keeps everything in memory: a stop forgets it.
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="infra/local/emulator",
        description="Starts and stops the emulator of a stack, on loopback, without deploying.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["start", "stop", "url"])
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="the stack it belongs to (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, help="where `start` listens (default: 4566, or a free port)"
    )
    wanted = parser.parse_args(arguments)
    chosen = stack(wanted.name)
    if wanted.action == "start":
        print(emulator.start(chosen, wanted.port).url)
    elif wanted.action == "stop":
        stopped = emulator.stop(chosen)
        say(f"stopped {stopped.url}" if stopped else "nothing was running")
    else:
        found = emulator.running(chosen)
        if found is None:
            raise Failure(f"the emulator of stack `{chosen.name}` does not run")
        print(found.url)
