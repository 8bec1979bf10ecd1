"""The entry point: it imports only what was asked for.

`--version` needs nothing but the interpreter, a command nothing but itself.
"""

import os
import sys

from execmem_tui import __version__

_DESCRIPTION = """\
Where the Linux kernel's executable memory goes: modules, kprobes, ftrace and BPF, per architecture.

  execmem-tui                          simulate arm64 (choose with --arch, --kernel, --variant, \
--kaslr)
  execmem-tui PATH                     open a capture folder or bundle, a trace, a scenario, or a \
/proc/vmallocinfo
  execmem-tui live                     follow the running kernel
"""
_VERSION = (["-V"], ["--version"])
_NAMED = f"execmem-tui {__version__}"
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

    if arguments[:1] in _VERSION:  # argparse would keep to itself that it cannot be written
        from execmem_tui.cli.output import write_lines

        write_lines([_NAMED])
        return 0
    name, rest = APPLICATION, arguments
    if arguments and arguments[0] in COMMANDS:
        name, rest = arguments[0], arguments[1:]
    elif any(word in ("-h", "--help") for word in arguments):
        _print_help()
        return 0
    return load(name).run(parser_of(name).parse_args(rest))


def _reported(arguments: list[str]) -> int:
    """Run, and tell errors in one line on stderr, by exit code.

    What is expected is 2, also what the system says: a full disk, a file that cannot be read. A
    reader that closes the pipe early ends it quietly. What nobody foresaw is 70 and a line that
    asks for a report, never 1: that is a finding.
    """
    from execmem_tui.cli.output import flush_or_drop, talk
    from execmem_tui.model.errors import ExecmemTuiError

    try:
        return _to_the_end(arguments)
    except ExecmemTuiError as error:
        talk(f"execmem-tui: {error.title}")
        if error.hint:
            talk(f"  {error.hint}")
        code = error.exit_code
    except BrokenPipeError:
        code = 0
    except OSError as error:
        talk(f"execmem-tui: {_said(error)}")
        code = 2
    except MemoryError:
        talk("execmem-tui: not enough memory for this")
        code = 2
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001 - the last resort: told, with its own exit code
        ended = _ended_inside(error)
        code = _tell_unexpected(error) if ended is None else ended
    flush_or_drop()
    return code


def _to_the_end(arguments: list[str]) -> int:
    """Run, and write out all of the answer.

    A flush at the exit of Python would fail in its own words.
    """
    from execmem_tui.cli.output import flush, prepare_streams
    from execmem_tui.cli.terminal import sane_columns

    prepare_streams()
    sane_columns(os.environ)
    try:
        code = _run(arguments)
    except SystemExit:  # argparse: --help, a usage error
        flush()
        raise
    flush()
    return code


def _said(error: OSError) -> str:
    """Return what the system says, with the file where one is known."""
    why = error.strerror or str(error) or type(error).__name__
    return why if error.filename is None else f"{error.filename}: {why}"


def _ended_inside(error: BaseException) -> int | None:
    """Return the exit code where a signal ended the program inside of `error`, None elsewhere.

    What `__set_name__` of a class raises, Python 3.11 wraps in a RuntimeError: an import of Textual
    has many such places.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, SystemExit) and isinstance(seen.code, int):
            return seen.code
        if isinstance(seen, KeyboardInterrupt):
            return 130
        seen = seen.__cause__
    return None


def _tell_unexpected(error: Exception) -> int:
    from execmem_tui.cli.output import talk
    from execmem_tui.model.unexpected import DEBUG, EXIT_CODE, unexpected

    found = unexpected(error)
    if os.environ.get(DEBUG):
        for line in found.report().split("\n"):
            talk(line)
    talk(f"execmem-tui: {found.report_request}")
    return EXIT_CODE


def _told_version() -> bool:
    """Print the version without an import; False where that fails, and there is more to be said."""
    if sys.stdout is None:
        return False
    try:
        sys.stdout.write(_NAMED + "\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: sys.argv) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in _VERSION and _told_version():
        return 0
    if "_ARGCOMPLETE" in os.environ:
        from execmem_tui.cli.completion import complete

        complete()
    return _reported(arguments)


if __name__ == "__main__":
    sys.exit(main())
