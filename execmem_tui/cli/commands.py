"""The commands by name, and their modules.

A command is one module of this package with ``HELP`` (one line), ``add_arguments(parser)``,
``run(args)`` (the exit code) and ``DOCUMENTS`` (the classes of its JSON), and one name in
``COMMANDS``. Help, completion, the man page and the schemas find it there.
"""

import argparse
from importlib import import_module
from typing import Any, Final, Protocol, cast

from execmem_tui.cli.parser import Parser

COMMANDS: Final = (
    "map",
    "ranges",
    "kernels",
    "verify",
    "whatis",
    "run",
    "scenarios",
    "tours",
    "tour",
    "diagnose",
    "meters",
    "regions",
    "diff",
    "capture",
    "keys",
    "help",
    "serve",
    "completion",
    "man",
)
"""Anything else on the command line opens the application."""

APPLICATION: Final = "application"
"""The module of what runs where no command is named."""


class Command(Protocol):
    """What a module of a command holds."""

    HELP: str
    """What it answers, in one line."""
    DOCUMENTS: tuple[type, ...]
    """The classes of its JSON documents; empty where it has none."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit code."""


def load(name: str) -> Command:
    """Import the module of one command, or of the application, and nothing of the others."""
    return cast("Command", import_module(f"execmem_tui.cli.{name}"))


def parser_of(name: str, **options: Any) -> argparse.ArgumentParser:
    """Return the parser of one command, or of the application."""
    command = load(name)
    prog = "execmem-tui" if name == APPLICATION else f"execmem-tui {name}"
    parser = Parser(**({"prog": prog, "description": command.HELP} | options))
    command.add_arguments(parser)
    return parser
