"""The door: it imports only what was asked for.

`--version` needs nothing but the interpreter, a command nothing but itself.
"""

import gc
import os
import sys

from execmem_tui import __version__

_DESCRIPTION = """\
Where the Linux kernel's executable memory goes: modules, kprobes, ftrace and BPF, per architecture.

  execmem-tui                          simulate arm64 (choose with --arch, --kernel, --variant, --kaslr)
  execmem-tui PATH                     open a capture folder or bundle, a trace, a scenario, or a /proc/vmallocinfo
  execmem-tui live                     follow the running kernel
"""
_EXIT_CODES = "exit codes: 0 good, 1 a finding, 2 bad usage or unreadable input"


def _print_help() -> None:
    """Print the application's options and a line for each command, which imports them all."""
    import argparse

    from execmem_tui.cli.commands import APPLICATION, COMMANDS, load, parser_of

    commands = "\n".join(f"  execmem-tui {name:<12} {load(name).HELP}" for name in COMMANDS)
    parser_of(
        APPLICATION,
        description=_DESCRIPTION,
        epilog=f"commands, each with its own --help:\n{commands}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).print_help()


def _run(arguments: list[str]) -> int:
    from execmem_tui.cli.commands import APPLICATION, COMMANDS, load, parser_of

    name, rest = APPLICATION, arguments
    if arguments and arguments[0] in COMMANDS:
        name, rest = arguments[0], arguments[1:]
    elif any(word in ("-h", "--help") for word in arguments):
        _print_help()
        return 0
    return load(name).run(parser_of(name).parse_args(rest))


def _reported(arguments: list[str]) -> int:
    """Run; expected errors end in one line on stderr and exit code 2."""
    from execmem_tui.cli.output import talk
    from execmem_tui.model.errors import ExecmemTuiError
    from execmem_tui.model.text import printable

    try:
        code = _run(arguments)
        sys.stdout.flush()
    except ExecmemTuiError as error:
        talk(f"execmem-tui: {error.title}")
        if error.hint:
            talk(f"  {error.hint}")
        return error.exit_code
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # a reader that closes the pipe early
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if error.filename is None:
            raise
        talk(f"execmem-tui: {printable(str(error.filename))}: {error.strerror}")
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: sys.argv) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["-V"], ["--version"]):
        sys.stdout.write(f"execmem-tui {__version__}\n")
        return 0
    # Start-up makes many objects that stay; the default would scan them a hundred times.
    gc.set_threshold(50_000, 20, 20)
    if "live" in arguments:
        sys.dont_write_bytecode = True  # looking at the running kernel writes nothing to disk
    import signal

    # So that what was taken is given back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return _reported(arguments)


if __name__ == "__main__":
    sys.exit(main())
