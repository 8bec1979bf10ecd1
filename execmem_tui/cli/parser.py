"""argparse, with strangers' text made printable: a command line may come out of a file name."""

import argparse
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, NoReturn

from execmem_tui.cli.output import write_lines
from execmem_tui.cli.terminal import columns
from execmem_tui.model.text import printable

# argparse looks each of its own words up in the catalogues of messages for every language of the
# environment. There are none for this program, and the first look imports `locale` to read the
# names of languages: a thirtieth of `ranges --json`.
argparse._ = str  # type: ignore[attr-defined]


_DASHES: Final = re.compile("(?:(--[^=]+)=|(-[^-]))--", re.DOTALL)
"""An option whose value is two dashes."""


class _Formatter(argparse.HelpFormatter):
    """Knows the width without `shutil`.

    Argparse makes a formatter for every argument that is added.
    """

    def __init__(self, prog: str, *args: Any, **options: Any) -> None:
        if len(args) < 3:
            options.setdefault("width", columns(usual=80) - 2)
        super().__init__(prog, *args, **options)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints quote nothing that a terminal could act on."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"formatter_class": _Formatter} | options))

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Read a command line; ``--opt=--`` has no value.

        Until 3.12 argparse takes the dashes out, and gives an empty list where a text is declared.
        """
        args = sys.argv[1:] if args is None else args
        for option in map(_DASHES.fullmatch, takewhile(lambda arg: arg != "--", args)):
            if option is not None:
                self.error(f"argument {option[1] or option[2]}: expected one argument")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the usage and the complaint, and exit with 2."""
        super().error(printable(message, 600))

    def print_help(self, file: Any = None) -> None:
        """Print the help; a stdout that takes nothing is an error, which argparse passes over."""
        del file
        write_lines([self.format_help()])
