"""The door: one parser that imports only the command asked for."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from execmem_tui import __version__
from execmem_tui.cli.output import talk
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.text import printable

COMMANDS = (
    "map",
    "ranges",
    "verify",
    "whatis",
    "run",
    "scenarios",
    "diagnose",
    "diff",
    "capture",
    "keys",
)
"""Names of modules in this package; anything else on the command line opens the application."""

_DESCRIPTION = """\
Where the Linux kernel's executable memory goes: modules, kprobes, ftrace and BPF, per architecture.

  execmem-tui                          simulate arm64 (choose with --arch, --kernel, --variant, --kaslr)
  execmem-tui PATH                     open a capture folder or bundle, a trace, a scenario, or a /proc/vmallocinfo
  execmem-tui live                     follow the running kernel
"""
_EXIT_CODES = "exit codes: 0 good, 1 a finding, 2 bad usage or unreadable input"


def available_commands() -> tuple[str, ...]:
    """Return the commands that this build has."""
    folder = os.path.dirname(__file__)  # noqa: PTH120 - pathlib costs 8 ms at start
    return tuple(name for name in COMMANDS if os.path.exists(os.path.join(folder, f"{name}.py")))  # noqa: PTH110, PTH118


def _command_module(name: str) -> ModuleType:
    return import_module(f"execmem_tui.cli.{name}")


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of one command, or of the application with a list of the commands."""
    if command is not None:
        module = _command_module(command)
        parser = argparse.ArgumentParser(prog=f"execmem-tui {command}", description=module.HELP)
        module.add_arguments(parser)
        return parser
    commands = "\n".join(
        f"  execmem-tui {name:<12} {_command_module(name).HELP}" for name in available_commands()
    )
    parser = argparse.ArgumentParser(
        prog="execmem-tui",
        description=_DESCRIPTION,
        epilog=f"commands, each with its own --help:\n{commands}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"execmem-tui {__version__}")
    import_module("execmem_tui.cli.application").add_arguments(parser)
    return parser


def _run(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in available_commands():
        command = arguments[0]
        args = build_parser(command).parse_args(arguments[1:])
        return int(_command_module(command).run(args))
    application = import_module("execmem_tui.cli.application")
    if any(word in ("-h", "--help", "--version") for word in arguments):
        args = build_parser().parse_args(arguments)
    else:
        parser = argparse.ArgumentParser(prog="execmem-tui")
        application.add_arguments(parser)
        args = parser.parse_args(arguments)
    return int(application.run(args))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: sys.argv) and return its exit code.

    Expected errors end in one line on stderr and exit code 2; a reader that closes the pipe early
    ends it quietly.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(
        50_000, 20, 20
    )  # start-up makes many objects that stay; the default would scan them a hundred times
    if "live" in arguments:
        sys.dont_write_bytecode = True  # looking at the running kernel writes nothing to disk
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # so that what was taken is given back
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except ExecmemTuiError as error:
        talk(f"execmem-tui: {error.title}")
        if error.hint:
            talk(f"  {error.hint}")
        return error.exit_code
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if error.filename is None:
            raise
        talk(f"execmem-tui: {printable(str(error.filename))}: {error.strerror}")
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
