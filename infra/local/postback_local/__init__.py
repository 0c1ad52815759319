"""Runs the AWS stack on one machine: an emulator on loopback, the real binaries, the real template.

Only the standard library, so that a bare Python can begin. `up` is the story; it uses `tools`
(what is installed), `emulator` (the process), `binaries` (what is built), `deployment` (what `sam`
does) and `stacks` (where all of it is kept). `launcher` runs inside the emulator.

Two rules hold everywhere: nobody's own AWS credentials, profiles or proxies are read, and a
process is ended by the id under which it was started here.
"""
