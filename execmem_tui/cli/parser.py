"""argparse, with strangers' text made printable: a command line may come out of a file name."""

import argparse
from typing import Any, NoReturn

from execmem_tui.cli.output import write_lines
from execmem_tui.cli.terminal import columns
from execmem_tui.model.text import printable

# argparse looks each of its own words up in the catalogues of messages for every language of the
# environment. There are none for this program, and the first look imports `locale` to read the
# names of languages: a thirtieth of `ranges --json`.
argparse._ = str  # type: ignore[attr-defined]


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

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Return the value of an action; ``--opt=--`` has none.

        Until 3.12 argparse takes the dashes out, and gives an empty list where a text is declared.
        """
        if action.option_strings and arg_strings == ["--"]:
            raise argparse.ArgumentError(action, "expected one argument")
        return super()._get_values(action, arg_strings)

    def error(self, message: str) -> NoReturn:
        """Print the usage and the complaint, and exit with 2."""
        super().error(printable(message, 600))

    def print_help(self, file: Any = None) -> None:
        """Print the help; a stdout that takes nothing is an error, which argparse passes over."""
        del file
        write_lines([self.format_help()])
