"""The SOURCE argument and the options of the simulator, for every command that reads one."""

import argparse
from typing import TYPE_CHECKING

from execmem_tui.model.errors import UsageError

if TYPE_CHECKING:
    from execmem_tui.sources.base import Source  # 10 ms that `ranges` does not need

DEFAULT_ARCH = "arm64"
DEFAULT_KERNEL = "7.1"
LENSES = ("kind", "reach", "permission", "age", "owner")
"""What `--lens` takes: the map's own, without the one that needs something to compare with."""


def add_layout_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --arch, --kernel, --variant, --kaslr and --set."""
    parser.add_argument(
        "--arch",
        help=(
            f"architecture, also by a distribution's name (amd64, aarch64, …); {DEFAULT_ARCH} if"
            " left out"
        ),
    )
    parser.add_argument(
        "--kernel", help=f"kernel version: 6.12 or 7.1; {DEFAULT_KERNEL} if left out"
    )
    parser.add_argument(
        "--variant",
        help="configuration of the architecture: va48-4k, x86_64-4level, … (see ranges --all)",
    )
    parser.add_argument(
        "--kaslr",
        default="off",
        metavar="off|example|SEED",
        help="draw of the random base; a SEED is reproducible",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fix a symbol or a draw: _end=ffff800083000000",
    )


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and everything that says what to simulate when there is none."""
    parser.add_argument(
        "source",
        nargs="*",
        metavar="SOURCE",
        help=(
            "a capture (folder or bundle), a trace or a /proc/vmallocinfo; live: the running"
            " kernel; none: simulate"
        ),
    )
    add_layout_arguments(parser)
    parser.add_argument(
        "--cpus",
        type=int,
        help="possible CPUs of the simulated kernel (vmap nodes); 2 if left out, 8 after boot",
    )
    parser.add_argument(
        "--scenario",
        metavar="NAME",
        help="play this scenario, a name of the library or a TOML file",
    )
    parser.add_argument("--phase", help="open this phase of a capture alone")


def parse_overrides(pairs: list[str]) -> dict[str, int]:
    """Read NAME=VALUE pairs.

    Values are decimal, or hexadecimal with 0x or with a hexadecimal digit in them.

    Raises:
        UsageError: a pair has no name, no ``=`` or no number.
    """
    overrides: dict[str, int] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        try:
            value = int(text, 0)
        except ValueError:
            try:
                value = int(text, 16)
            except ValueError:
                value = -1
        if not separator or not name or not 0 <= value < 1 << 64:
            raise UsageError(
                f"not NAME=VALUE: {pair!r}",
                hint="for example --set _end=0xffff800083000000 or --set offset_pages=17",
            )
        overrides[name] = value
    return overrides


def open_source(
    args: argparse.Namespace, *, follow: bool = False, booted: bool = False
) -> "Source":
    """Open what the command line names.

    Args:
        args: what `add_source_arguments` parsed.
        follow: also take the running kernel's events, where root allows it.
        booted: where nothing is named, simulate a machine after boot and not an empty one.

    Raises:
        ExecmemTuiError: it cannot be opened.
    """
    if args.scenario is not None:
        if args.source:
            raise UsageError("a scenario and a SOURCE do not go together")
        from execmem_tui.sources.scenario_play import play_scenario

        return play_scenario(args.scenario)
    if not args.source:
        return _simulated(args, booted=booted)
    from execmem_tui.sources.opening import open_path

    return open_path(args.source, phase=args.phase, arch=args.arch, follow=follow)


def _simulated(args: argparse.Namespace, *, booted: bool) -> "Source":
    arch, kernel = args.arch or DEFAULT_ARCH, args.kernel or DEFAULT_KERNEL
    overrides = parse_overrides(args.set)
    if booted:
        from execmem_tui.sources.booted import open_booted

        return open_booted(
            arch, kernel, args.variant, args.kaslr, overrides=overrides, cpus=args.cpus
        )
    from execmem_tui.sources.simulation import open_simulation

    cpus = 2 if args.cpus is None else args.cpus
    return open_simulation(arch, kernel, args.variant, args.kaslr, overrides=overrides, cpus=cpus)
