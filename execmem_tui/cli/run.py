"""``execmem-tui run``: a scenario without a screen.

Compared under two settings, or swept over draws.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict

from execmem_tui.analysis.documents import CountersDocument, MeterDocument
from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.model.documents import ABSENT, Absent, Added, Keywords, Scalar, TypeName, document
from execmem_tui.model.errors import UsageError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.work import RUN_LIMIT, SWEEP_LIMIT

if TYPE_CHECKING:
    from execmem_tui.scenarios.runner import Outcome
    from execmem_tui.scenarios.scenario import Scenario
    from execmem_tui.scenarios.settings import Settings

HELP = "a scenario without a screen: final state, failures, fallbacks"


@document
class ExpectationDocument:
    """One expectation and what came of it."""

    text: str
    passed: bool
    got: Scalar
    line: Annotated[int, Keywords(minimum=1)] | Absent


@document
class OneRunDocument:
    """One run; sizes are bytes."""

    scenario: str
    settings: str
    passed: bool
    expectations: Sequence[ExpectationDocument]
    counters: CountersDocument
    meters: Mapping[TypeName, MeterDocument]
    values: Annotated[
        Added[Mapping[str, Scalar]],
        Keywords(description="more named values, see execmem-tui scenarios --names"),
    ]


@document
class ChangeDocument:
    """What differs between two runs."""

    name: str
    before: int
    after: int
    change: int
    size: Annotated[bool, Keywords(description="bytes, not a count")]


@document
class RunDocument(OneRunDocument):
    """A run, and with ``--against`` the run under other settings and the differences."""

    settings: Annotated[
        Added[str], Keywords(description="the simulated kernel and the knobs that are turned")
    ]
    against: OneRunDocument | Absent = ABSENT
    differences: Sequence[ChangeDocument] | Absent = ABSENT
    labels: (
        Annotated[Sequence[str], Keywords(description="what of the two settings no kernel does")]
        | Absent
    ) = ABSENT


@document
class SeedsDocument:
    """Both included."""

    first: int
    last: int


@document
class DrawDocument:
    """One seed of a sweep; the largest hole is of MODULE_TEXT, in bytes."""

    seed: int
    passed: bool
    fallbacks: int
    failures: int
    largest_hole: int


@document
class DistributionDocument:
    """How a measure spreads over the draws: ascending pairs of value and draws."""

    least: int
    median: int
    most: int
    mean: float
    counts: Sequence[tuple[int, int]]


@document
class SweepDocument:
    """With ``--seeds``: the draws, and how the measures spread over them."""

    scenario: str
    passed: bool
    seeds: SeedsDocument
    draws: Sequence[DrawDocument]
    measures: Annotated[
        Mapping[str, DistributionDocument],
        Keywords(required=["fallbacks", "failures", "largest_hole"]),
    ]


DOCUMENTS = (RunDocument, SweepDocument)


def run_keys(outcome: "Outcome") -> dict[str, Any]:
    """Return the keys of a run's document, for it and for documents that are more."""
    return {
        "scenario": outcome.scenario,
        "settings": outcome.settings.describe(),
        "passed": outcome.passed,
        "expectations": [
            ExpectationDocument(**asdict(each, recurse=False)) for each in outcome.expectations
        ],
        "counters": CountersDocument(**asdict(outcome.counters, recurse=False)),
        "meters": {
            name: MeterDocument(
                used=each["used"],
                lazy=each["lazy"],
                free=each["free"],
                largest_hole=each["largest_hole"],
            )
            for name, each in outcome.meters.items()
        },
        "values": outcome.values,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SCENARIO and the ways to run it."""
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        help="a TOML file, or a name that `execmem-tui scenarios` lists",
    )
    parser.add_argument(
        "--with",
        dest="changes",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="turn knobs before the run: kaslr=5, cpus=8, kernel=6.12, rox_cache=off, _end=0x…",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help=(
            "run again with these knobs turned and show the differences: rox_cache, rox_block,"
            " rox_flush, rox_exact_retry, packs, huge_pages, module_growth, idempotent_load,"
            " init_frees, bpf_jit_limit, fail_nth, force_fallback, fill, variant, kernel, kaslr,"
            " cpus, _end, …"
        ),
    )
    _add_sweep_arguments(parser)
    parser.add_argument(
        "--limit",
        type=_limit,
        metavar="N",
        help=(
            "how much may be done: steps, what the allocator does for them, and what expectations"
            f" look at; default {RUN_LIMIT:,} for a run and {SWEEP_LIMIT:,} for all draws of a"
            " sweep"
        ),
    )
    parser.add_argument(
        "--map", action="store_true", help="also the plain map at the end; with --against, both"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def _add_sweep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds", metavar="A..B", help="one run per draw: the distribution over KASLR"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=-1,
        metavar="N",
        help="processes of a sweep; default: one per core",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=(
            "run a sweep on the Dask cluster of this scheduler. Only one that you trust: a"
            " scheduler can run code of its choice here, as Dask works by sending code"
        ),
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the cluster to answer, and for each next result; default 60",
    )


def _limit(text: str) -> int:
    found = decimal(text)
    if not found:
        raise argparse.ArgumentTypeError("a whole number from 1 is wanted")
    return found


def _seconds(text: str) -> float:
    found = float(text)
    if not 0 < found <= 86_400:
        raise argparse.ArgumentTypeError("seconds are wanted, up to a day")
    return found


def run(args: argparse.Namespace) -> int:
    """Run it; 1 when an expectation fails."""
    from execmem_tui.scenarios.compare import parse_changes
    from execmem_tui.scenarios.reader import open_scenario

    if args.seeds and (args.against or args.map):
        raise UsageError("--seeds goes with neither --against nor --map")
    if args.cluster and not args.seeds:
        raise UsageError("--cluster needs --seeds")
    scenario = open_scenario(args.scenario)
    settings = scenario.settings
    if args.changes:
        settings = settings.changed(parse_changes(",".join(args.changes)))
    if args.seeds:
        return _sweep(args, scenario, settings)
    if args.against:
        return _against(args, scenario, settings)
    from execmem_tui.scenarios.runner import Runner, limited_work
    from execmem_tui.view.scenario_text import run_lines

    outcome = Runner(scenario, settings, with_map=False, work=limited_work(args.limit)).run()
    if args.json:
        write_json(RunDocument(**run_keys(outcome)))
    else:
        write_lines(run_lines(scenario, outcome))
        if args.map:
            _print_map(scenario, settings, args.limit)
    return 0 if outcome.passed else 1


def _print_map(scenario: "Scenario", settings: "Settings", limit: int | None) -> None:
    """Print the map at the end of a run that keeps one."""
    from execmem_tui.scenarios.runner import limited_work
    from execmem_tui.sources.scenario_play import ScenarioPlay
    from execmem_tui.view.plain import plain_map

    play = ScenarioPlay(scenario, settings, limited_work(limit, with_map=True))
    play.play_all()
    write_lines(["", *plain_map(play.history.snapshot(), settings.describe(), width=100)])


def _against(args: argparse.Namespace, scenario: "Scenario", settings: "Settings") -> int:
    from execmem_tui.scenarios.compare import compare, parse_changes
    from execmem_tui.view.scenario_text import comparison_lines

    changes = parse_changes(",".join(args.against))
    found = compare(scenario, changes, settings, limit=args.limit)
    if args.json:
        write_json(
            RunDocument(
                **run_keys(found.before),
                against=OneRunDocument(**run_keys(found.after)),
                differences=[
                    ChangeDocument(**asdict(row, recurse=False), change=row.change)
                    for row in found.rows
                ],
                labels=found.labels,
            )
        )
    else:
        write_lines(comparison_lines(scenario, found))
        if args.map:
            _print_map(scenario, settings, args.limit)
            _print_map(scenario, settings.changed(changes), args.limit)
    return 0 if found.before.passed else 1


def _sweep(args: argparse.Namespace, scenario: "Scenario", settings: "Settings") -> int:
    from execmem_tui.scenarios.sweep import MEASURES, parse_seeds, sweep
    from execmem_tui.view.scenario_text import sweep_lines

    progress = _progress if sys.stderr.isatty() else None
    seeds = parse_seeds(args.seeds)
    found = sweep(
        scenario,
        settings,
        seeds,
        jobs=args.jobs,
        cluster=args.cluster,
        progress=progress,
        timeout=args.timeout,
        limit=args.limit,
    )
    if args.json:
        write_json(
            SweepDocument(
                scenario=found.scenario,
                passed=found.passed,
                seeds=SeedsDocument(first=seeds[0], last=seeds[-1]),
                draws=[DrawDocument(**asdict(draw, recurse=False)) for draw in found.draws],
                measures={
                    measure: DistributionDocument(
                        **asdict(found.distribution(measure), recurse=False)
                    )
                    for measure in MEASURES
                },
            )
        )
    else:
        write_lines(sweep_lines(found))
    return 0 if found.passed else 1


def _progress(done: int, total: int) -> None:
    """Draw a line on the terminal and return to its start; the last one ends it."""
    filled = 30 * done // total
    sys.stderr.write(
        f"\r[{'#' * filled}{'.' * (30 - filled)}] {done:,}/{total:,} draws"
        + ("\n" if done == total else "")
    )
    sys.stderr.flush()
