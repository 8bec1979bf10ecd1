"""``execmem-tui completion SHELL``: what makes the shell complete commands, options and names.

argcomplete asks the program itself at each Tab, so that scenarios, architectures and pages complete
as they are, not as they were when a script was written.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from execmem_tui.cli.commands import APPLICATION, COMMANDS, load, parser_of
from execmem_tui.cli.output import write_lines

DOCUMENTS: tuple[type, ...] = ()
HELP = "what your shell needs to complete commands, options and names"
ASKED: Final = "_ARGCOMPLETE"
"""Environment variable by which the shell asks for completions."""
_SHELLS: Final = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SHELL."""
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help=", ".join(_SHELLS))
    parser.epilog = (
        'bash: eval "$(execmem-tui completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc,'
        " behind"
        " compinit; fish: execmem-tui completion fish >~/.config/fish/completions/execmem-tui.fish"
    )


def run(args: argparse.Namespace) -> int:
    """Print the shell's code."""
    from argcomplete.shell_integration import shellcode

    write_lines(shellcode(["execmem-tui"], shell=args.shell).splitlines())
    return 0


def _architectures() -> Iterable[str]:
    from execmem_tui.arch import architectures

    return architectures()


def _types() -> Iterable[str]:
    from execmem_tui.model.ranges import ExecmemType

    return ExecmemType.__members__


def _scenarios() -> Iterable[str]:
    from execmem_tui.scenarios.reader import library

    return library()


def _tours() -> Iterable[str]:
    from execmem_tui.tours.reader import library

    return library()


def _pages() -> Iterable[str]:
    from execmem_tui.help import pages

    return (*pages(), *COMMANDS)


def _themes() -> Iterable[str]:
    from execmem_tui.files.user import theme_root, user_theme_root

    return (path.stem for root in (theme_root(), user_theme_root()) for path in root.glob("*.toml"))


def _live(others: Sequence[str]) -> Iterable[str]:
    return (*others, "live")


_SOURCES: Final = ("source", "sources", "files")
"""Arguments that are files, or the running kernel."""
_NAMES: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "arch": _architectures,
    "type": _types,
    "explain": _types,
    "scenario": _scenarios,
    "tour": _tours,
    "demo": lambda: (*_tours(), *_scenarios()),
    "page": _pages,
    "theme": _themes,
    "kaslr": lambda: ("off", "example"),
}
"""What completes an argument, by its ``dest``; all else is a file."""


def _begun(line: str, words_before: int) -> str:
    """Return the first word behind the program, if it is complete; "" if it is being typed."""
    words = line.split()
    return words[words_before] if len(words) > words_before + (not line.endswith(" ")) else ""


def _complete(
    action: argparse.Action,
    names: Callable[[], Iterable[str]],
    files: Callable[[str], Iterable[str]] = lambda _: (),
) -> None:
    """Let an argument complete to names, and to files."""

    def completer(prefix: str, **_: Any) -> list[str]:
        return [*names(), *files(prefix)]

    action.completer = completer  # type: ignore[attr-defined]


def parser_for(line: str) -> argparse.ArgumentParser:
    """Return the parser of what is typed: of its command alone, or of the application.

    The application's SOURCE completes to commands too.
    """
    from argcomplete.completers import FilesCompleter

    word = _begun(line, 1)
    if word in COMMANDS:
        parser = argparse.ArgumentParser(prog="execmem-tui")
        chosen = parser.add_subparsers().add_parser(word)
        load(word).add_arguments(chosen)
    else:
        parser = chosen = parser_of(APPLICATION)
    files = FilesCompleter()
    for action in chosen._actions:  # noqa: SLF001 - argparse has no other list of them
        if action.dest in _NAMES:
            _complete(action, _NAMES[action.dest])
        elif action.dest in _SOURCES:
            first = COMMANDS if chosen is parser and not word else ()
            _complete(action, partial(_live, first), files=files)
    return parser


def complete() -> None:
    """Answer the shell and end the process."""
    from argcomplete import autocomplete

    line = os.environ.get("COMP_LINE", "")
    autocomplete(parser_for(line[: int(os.environ.get("COMP_POINT", len(line)))]))
