"""`python -m postback_local COMMAND ...`, as the scripts beside this folder call it."""

import sys

from . import aws, down, emulator_command, tools_command, up
from .console import Failure

COMMANDS = {
    "up": up.main,
    "down": down.main,
    "tools": tools_command.main,
    "emulator": emulator_command.main,
    "aws": aws.main,
}


def main() -> int:
    command, *arguments = sys.argv[1:] or [""]
    if command not in COMMANDS:
        print(f"postback_local: `{command}` is none of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[command](arguments) or 0
    except Failure as failure:
        print(f"infra/local/{command}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"infra/local/{command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
