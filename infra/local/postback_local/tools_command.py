"""The `tools` command."""

import argparse
from pathlib import Path

from . import tools

EXAMPLES = """\
examples:
  infra/local/tools                          install everything that `up` needs
  "$(infra/local/tools)"/cfn-lint infra/template.yaml
  infra/local/tools --release                cargo-lambda and zig as well

Progress goes to standard error. The only line on standard output is the folder of the programs
`sam`, `aws`, `cfn-lint` and `schemathesis`. The second time nothing is installed and nothing is fetched.
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="infra/local/tools",
        description="Installs the pinned emulator and tools from PyPI below target/local.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--release", action="store_true", help="cargo-lambda and zig too, for release builds"
    )
    wanted = parser.parse_args(arguments)
    tools.install(tools.EMULATOR)
    tools.install(tools.TOOLS)
    if wanted.release:
        tools.install(tools.RELEASE)
    print(Path(tools.program(tools.TOOLS, "sam")).parent)
