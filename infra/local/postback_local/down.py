"""The `down` command."""

import argparse
import shutil

from . import deployment, emulator
from .console import Failure, say
from .stacks import DEFAULT_NAME, stack

EXAMPLES = """\
examples:
  infra/local/down                  stop the stack; its data was in memory and is gone
  infra/local/down --name trial
  infra/local/down --purge          remove its logs and settings as well

Ends only processes that infra/local started for this stack. A stack that was deployed with
`up --endpoint` is deleted there, and that emulator goes on running. The installed tools stay, in
target/local/tools and target/local/emulator.
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="infra/local/down",
        description="Stops what infra/local/up started.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--name", default=DEFAULT_NAME, help="the stack (default: %(default)s)")
    parser.add_argument("--purge", action="store_true", help="remove its files too")
    wanted = parser.parse_args(arguments)
    chosen = stack(wanted.name)
    stopped = emulator.stop(chosen)
    description = chosen.description()
    if stopped:
        say(f"stopped the emulator at {stopped.url}")
    if description and not description["is_ours"]:
        try:
            deployment.delete(chosen, description["endpoint"])
        except Failure as failure:
            # The emulator may be gone, and the stack with it.
            say(f"stack `{chosen.name}` could not be deleted: {failure}")
    elif not stopped:
        say(f"stack `{chosen.name}` was not up")
    chosen.forget_description()
    if wanted.purge:
        shutil.rmtree(chosen.folder)
