"""``execmem-tui man``: the manual page, made of the parsers and of the pages' titles."""

import argparse
from collections.abc import Iterator
from typing import Final

from execmem_tui import __version__
from execmem_tui.cli.commands import APPLICATION, COMMANDS, load, parser_of
from execmem_tui.cli.output import write_lines

DOCUMENTS: tuple[type, ...] = ()
HELP = "the manual page, for man -l"
_ABOUT: Final = """\
Draws where the Linux kernel's executable memory goes: modules, kprobes, ftrace and BPF, \
per architecture.
Without a command it opens the application on SOURCE: a capture, a bundle, a trace, a scenario,
live for the running kernel, or nothing: then it simulates one."""
_EXIT: Final = (
    ("0", "Good."),
    ("1", "A finding: a difference, a failed expectation, nothing at the address."),
    ("2", "Bad usage, or input that cannot be read."),
    ("70", "A fault of the program itself."),
)
_ENVIRONMENT: Final = (
    ("NO_COLOR", "Letters instead of colours."),
    ("XDG_CONFIG_HOME", "Where config.toml and themes lie, in a folder execmem-tui."),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing."""
    parser.epilog = "To keep it: execmem-tui man >~/.local/share/man/man1/execmem-tui.1"


def run(args: argparse.Namespace) -> int:
    """Print it."""
    del args
    write_lines(page())
    return 0


def _text(text: str) -> str:
    """Return text that troff takes literally."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return "\n".join(rf"\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def _tagged(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    for tag, text in rows:
        yield from (".TP", rf"\fB{_text(tag)}\fR", _text(text))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield (how it is written, what it does) of a parser's arguments."""
    formatter = argparse.HelpFormatter("")
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of them
        if action.help != argparse.SUPPRESS:
            written = formatter._format_action_invocation(action)  # noqa: SLF001 - as in --help
            yield written, (action.help or "").replace("%%", "%")


def page() -> Iterator[str]:
    """Yield the lines of the manual page."""
    yield f'.TH EXECMEM\\-TUI 1 "" "execmem\\-tui {__version__}"'
    yield from (".SH NAME", r"execmem\-tui \- a live map of the Linux kernel's executable memory")
    yield from (".SH SYNOPSIS", r".B execmem\-tui", r"[\fIOPTION\fR...] [\fISOURCE\fR]", ".br")
    yield from (r".B execmem\-tui", r"\fICOMMAND\fR [\fIOPTION\fR...]")
    yield from (".SH DESCRIPTION", _text(_ABOUT))
    yield ".SH OPTIONS"
    yield from _tagged(_arguments(parser_of(APPLICATION)))
    yield ".SH COMMANDS"
    for name in COMMANDS:
        parser = parser_of(name)
        yield from (
            f".SS {_text(name)}",
            _text(load(name).HELP[:1].upper() + load(name).HELP[1:] + "."),
        )
        yield from _tagged(each for each in _arguments(parser) if "--help" not in each[0])
        if parser.epilog:
            yield from (".PP", _text(parser.epilog))
    yield ".SH EXIT STATUS"
    yield from _tagged(iter(_EXIT))
    yield ".SH ENVIRONMENT"
    yield from _tagged(iter(_ENVIRONMENT))
    yield from (".SH SEE ALSO", r"\fBexecmem\-tui help\fR lists the pages of the manual.")
