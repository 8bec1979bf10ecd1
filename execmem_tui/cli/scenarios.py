"""``execmem-tui scenarios``: the library, and the words of its files."""

import argparse
from collections.abc import Mapping, Sequence

from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.cli.terminal import terminal_width
from execmem_tui.model.documents import ABSENT, Absent, Added, document
from execmem_tui.view.tables import columns


@document
class ScenarioDocument:
    """One scenario of the library."""

    name: str
    title: str
    arch: str
    kernel: str
    source: str
    text: Added[str]


@document
class ScenariosDocument:
    """The library, or with --names and --steps the words of its files."""

    scenarios: Sequence[ScenarioDocument]
    vocabulary: Mapping[str, str] | Absent = ABSENT
    """Word -> meaning."""


DOCUMENTS = (ScenariosDocument,)
HELP = "the scenarios that come with the package"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --names, --steps and --json."""
    parser.add_argument("--names", action="store_true", help="list what `expect` can name")
    parser.add_argument("--steps", action="store_true", help="list the steps and their keys")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """List them."""
    if args.names or args.steps:
        return _vocabulary(args)
    from execmem_tui.scenarios.reader import library, open_scenario

    found = [open_scenario(name) for name in library()]
    if args.json:
        rows = [
            ScenarioDocument(
                name=scenario.name,
                title=scenario.title,
                arch=scenario.settings.arch,
                kernel=scenario.settings.kernel,
                source=scenario.source,
                text=scenario.text,
            )
            for scenario in found
        ]
        write_json(ScenariosDocument(scenarios=rows))
        return 0
    table = [
        (scenario.name, scenario.settings.arch, scenario.settings.kernel, scenario.title)
        for scenario in found
    ]
    write_lines(columns(table, ("NAME", "ARCH", "KERNEL", "WHAT"), "<<<", terminal_width()))
    return 0


def _vocabulary(args: argparse.Namespace) -> int:
    if args.names:
        from execmem_tui.scenarios.names import known

        rows = [(name, meaning) for name, (meaning, _) in sorted(known().items())]
    else:
        from execmem_tui.scenarios.scenario import keys_of
        from execmem_tui.scenarios.steps import STEPS

        rows = [
            (f"{verb}: {', '.join(keys_of(step))}", (step.__doc__ or "").split("\n")[0])
            for verb, step in STEPS.items()
        ]
    if args.json:
        write_json(ScenariosDocument(scenarios=[], vocabulary=dict(rows)))
    else:
        write_lines(columns(rows, ("NAME", "MEANING"), "<", terminal_width()))
    return 0
