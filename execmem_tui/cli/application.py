"""The application itself, or the plain map where there is no terminal to draw on."""

import argparse
import os
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from execmem_tui import __version__
from execmem_tui.cli.commands import COMMANDS
from execmem_tui.cli.config import Config
from execmem_tui.cli.output import talk, write_lines
from execmem_tui.cli.source_options import LENSES, add_source_arguments, open_source
from execmem_tui.cli.starting import leave_out_tls, nothing_collected
from execmem_tui.cli.user_config import user_config
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.text import printable

if TYPE_CHECKING:
    from execmem_tui.sources.base import Source
    from execmem_tui.tui.run import Start

HELP = "the application"
_DRIVER = "TEXTUAL_DRIVER"
"""Names what Textual draws with, as module:class, where that is not this terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, the simulator's options, --empty, --theme and --version."""
    add_source_arguments(parser)
    parser.add_argument(
        "--empty", action="store_true", help="simulate a machine that has loaded nothing yet"
    )
    parser.add_argument(
        "--theme", help="name of a theme: execmem-dark, execmem-light, … or one of your own"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="settings to use instead of your config.toml"
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="for screen readers: keys as lines of standard input, answers in short sentences",
    )
    parser.add_argument(
        "--do",
        metavar="ACT",
        action="append",
        default=[],
        help="do it to the simulated machine first, as keys do; again for more: fill, load MODULE,"
        " alloc TYPE SIZE [COUNT [NAME]], insert TYPE, free ADDRESS, purge; key Y and the log"
        " give them",
    )
    parser.add_argument("--step", type=int, metavar="N", help="begin at this step of its history")
    parser.add_argument(
        "--at", metavar="PLACE", help="begin at this address, symbol or module, as key g takes it"
    )
    parser.add_argument("--lens", choices=LENSES, help="begin with this lens, as key V changes it")
    parser.add_argument(
        "--against",
        metavar="WHAT",
        help="compare with it, as key C does: settings of the simulator (kernel=6.12, arch=x86,"
        " kaslr=7, rox_cache=off), a moment (step=0, time=12.5, phase=boot), or a source:"
        " a path, RUN:PHASE",
    )
    parser.add_argument(
        "--demo",
        metavar="NAME",
        help="a tour or a scenario for recorders: 100 columns, 30 rows, no clock, and the last row"
        " says `settled N` when all that N keys caused is drawn",
    )
    parser.set_defaults(kaslr=None)  # so that a config.toml can say it
    parser.add_argument(
        "-V",
        "--version",
        action="version",
        version=f"execmem-tui {__version__}",
        help="the version",
    )


def has_terminal() -> bool:
    """Whether there is a terminal that understands cursor movement.

    Textual reads from stdin and draws on stderr, unless another driver is named: a browser's.
    """
    return bool(os.environ.get(_DRIVER)) or (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb")
    )


def _check_driver() -> None:
    """Refuse a driver that is none before Textual fails to import it.

    Raises:
        UsageError: there is no such class.
    """
    named = os.environ.get(_DRIVER)
    if not named:
        os.environ.pop(_DRIVER, None)  # Textual would take "" for a name
        return
    from importlib import import_module

    module, _, name = named.partition(":")
    try:
        getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError):
        raise UsageError(f"{_DRIVER} names no driver: {printable(named)!r}") from None


def refuse_typo(source: str | None) -> None:
    """Refuse a word that is no path and looks like a command: ``rangs``.

    Raises:
        UsageError: with the command that may be meant.
    """
    if source is None or source == "live" or os.path.lexists(source) or os.sep in source:
        return
    from difflib import get_close_matches

    close = get_close_matches(source, COMMANDS, 1)
    if close:
        raise UsageError(
            f"no command and no file {printable(source)!r}", hint=f"did you mean {close[0]}?"
        )


def run(args: argparse.Namespace) -> int:
    """Show the source on the screen; into a pipe or on a dumb terminal, print the plain map."""
    refuse_typo(args.source[0] if args.source else None)
    if args.demo is not None:
        return _demo(args)
    config = user_config(args.config)
    _fill_in(args, config)
    if args.plain:
        return _talk(args, config)
    if not has_terminal():
        from execmem_tui.cli.map import print_map

        source = _open(args)
        talk(
            "execmem-tui: no terminal to draw on; this is the plain map (see also: execmem-tui map"
            " --help)"
        )
        print_map(source, lens=args.lens or LENSES[0])
        if args.against is not None:
            _print_differences(source, args.against)
        return 0
    leave_out_tls()
    _check_driver()
    from execmem_tui.tui.themes import UnknownThemeError  # Textual: 250 ms, only now

    try:
        return _run_screen(args, config)
    except UnknownThemeError as error:
        if args.theme is not None or config.theme_at is None:
            raise
        raise InputError(*config.theme_at, error.title, hint=error.hint) from None


def _open(args: argparse.Namespace) -> "Source":
    """Open what the command line names, and do what it says."""
    source = open_source(args, booted=not args.empty)
    if args.do:
        from execmem_tui.cli.acts import perform
        from execmem_tui.sources.simulation import Simulation

        if not isinstance(source, Simulation):
            raise UsageError("--do is for the simulator, not for a SOURCE or a scenario")
        for act in args.do:
            perform(source, act)
    return source


def _talk(args: argparse.Namespace, config: Config) -> int:
    """Answer lines of standard input until it ends, or a key says so."""
    from execmem_tui.cli.conversation import converse
    from execmem_tui.view.actions import rebound
    from execmem_tui.view.talk import Talk

    if "-" in args.source or any(each is not None for each in (args.step, args.at, args.lens)):
        raise UsageError(
            "--plain takes its keys from standard input, and no --step, --at or --lens"
        )
    talk_of = Talk(_open(args), rebound(config.keys))
    if args.against is not None:
        talk_of.compare(args.against)
    converse(talk_of)
    return 0


def _print_differences(source: "Source", against_what: str) -> None:
    """Print what differs between what is shown and what it is compared with."""
    from execmem_tui.sources.against import against
    from execmem_tui.sources.base import Side
    from execmem_tui.view.compared import difference_lines

    here = Side(source.history.snapshot(), source.title)
    write_lines(["", *difference_lines(against(against_what, source), here)])


@nothing_collected()
def _run_screen(args: argparse.Namespace, config: Config) -> int:
    """Paint first, then read what was named; a simulation is there at once."""
    from execmem_tui.tui.run import Opening, Start, run_app, run_opening
    from execmem_tui.view.paint import LensName

    if args.do and (args.source or args.scenario is not None):
        raise UsageError("--do is for the simulator, not for a SOURCE or a scenario")
    lens = None if args.lens is None else LensName(args.lens)
    theme, start = (
        args.theme or config.theme,
        Start(step=args.step, at=args.at, against=args.against, lens=lens),
    )
    if args.scenario is not None:
        if args.source:
            raise UsageError("a scenario and a SOURCE do not go together")
        from execmem_tui.sources.scenario_play import read_scenario

        words: tuple[str, ...] = ("--scenario", args.scenario)
        opening = Opening(printable(args.scenario), read_scenario(args.scenario), words)
    elif args.source:
        from execmem_tui.sources.opening import begins_at_once, read_path

        words = tuple(args.source)
        for name, value in (("--arch", args.arch), ("--phase", args.phase)):
            words += (name, value) if value is not None else ()
        opener = read_path(args.source, phase=args.phase, arch=args.arch, follow=True)
        begun = next(opener) if begins_at_once(args.source, args.phase) else None
        opening = Opening(printable(" ".join(args.source)), opener, words, begun)
    else:
        # Booted before the first paint: a second one, of the same screen with nothing on it, and a
        # thread between the two would take as long as the boot.
        source = _open(args)
        return run_app(source, theme=theme, keymap=config.keys, start=start)
    return run_opening(opening, theme=theme, keymap=config.keys, start=start)


@nothing_collected()
def take_tour(name: str, config: Config, theme: str | None = None) -> int:
    """Show a tour on the screen, beginning where it was left.

    Raises:
        UsageError: there is none of that name.
        InputError: its file is broken.
    """
    leave_out_tls()
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.tours.run import TourRun
    from execmem_tui.tui.run import Start, run_app

    source = TourRun(
        open_tour(name)
    ).source  # what is wrong with it is said before the screen comes
    start = Start(tour=name)
    return run_app(source, theme=theme or config.theme, keymap=config.keys, start=start)


def _demo(args: argparse.Namespace) -> int:
    """Show a tour or a scenario so that the same keys give the same bytes.

    No setting of the user's is asked: it would be seen.
    """
    others = (args.source, args.scenario, args.arch, args.kernel, args.variant, args.set)
    if (
        any(others)
        or args.against
        or args.step is not None
        or args.at is not None
        or args.lens is not None
        or args.plain
        or args.empty
        or args.do
    ):
        raise UsageError("--demo takes a tour or a scenario and --theme, nothing else")
    if not has_terminal():
        raise UsageError(
            "--demo needs a terminal", hint="tour NAME --record FILE.cast writes one without"
        )
    leave_out_tls()
    from execmem_tui.tui.demo import COLUMNS, ROWS, run_demo

    size = get_terminal_size()
    if size.columns < COLUMNS or size.lines < ROWS:
        raise UsageError(
            f"a demo needs {COLUMNS} columns and {ROWS} rows",
            hint=f"this terminal has {size.columns} and {size.lines}",
        )
    source, start = _demonstrated(args.demo)
    return run_demo(source, printable(args.demo, 40), theme=args.theme, start=start)


def _demonstrated(name: str) -> "tuple[Source, Start | None]":
    """Return a tour at its first stop, or a scenario before its first event.

    Raises:
        UsageError: there is neither of that name.
    """
    from execmem_tui.scenarios.reader import library as scenarios
    from execmem_tui.sources.scenario_play import play_scenario
    from execmem_tui.tours.reader import open_tour
    from execmem_tui.tours.run import TourRun
    from execmem_tui.tui.run import Start

    if name in scenarios():
        play = play_scenario(name)
        play.history.seek(0)
        return play, None
    return TourRun(open_tour(name)).source, Start(tour=name)


def _fill_in(args: argparse.Namespace, config: Config) -> None:
    """Start with what `config` says, where the command line says nothing of what to start with."""
    named = (args.source, args.scenario, args.arch, args.kernel, args.variant, args.kaslr)
    if not any(named) and args.cpus is None and not args.empty and not args.set:
        for name, value in config.start.items():
            setattr(args, name, value)
    args.kaslr = args.kaslr or "off"
