"""``execmem-tui run``: a scenario without a screen.

Compared under two settings, or swept over draws.
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from attrs import asdict

from execmem_tui.cli.output import write_json, write_lines
from execmem_tui.model.errors import UsageError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.work import RUN_LIMIT, SWEEP_LIMIT

if TYPE_CHECKING:
    from execmem_tui.scenarios.scenario import Scenario
    from execmem_tui.scenarios.settings import Settings

HELP = "a scenario without a screen: final state, failures, fallbacks"


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
            "run again with these knobs turned and show the differences: rox_cache, packs,"
            " huge_pages, module_growth, idempotent_load, init_frees, bpf_jit_limit, fail_nth,"
            " force_fallback, fill, variant, kernel, kaslr, cpus, _end, …"
        ),
    )
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
            "run a sweep on the Dask cluster of this scheduler. Only one that you trust: a scheduler"
            " can run code of its choice here, as Dask works by sending code"
        ),
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the cluster to answer, and for each next result; default 60",
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        metavar="N",
        help=(
            "how much may be done: steps, what the allocator does for them, and what expectations"
            f" look at; default {RUN_LIMIT:,} for a run and {SWEEP_LIMIT:,} for all draws of a sweep"
        ),
    )
    parser.add_argument(
        "--map", action="store_true", help="also the plain map at the end; with --against, both"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


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
    from execmem_tui.scenarios.runner import Runner, document, limited_work
    from execmem_tui.view.scenario_text import run_lines

    outcome = Runner(scenario, settings, recording=False, work=limited_work(args.limit)).run()
    if args.json:
        write_json(document(outcome))
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

    play = ScenarioPlay(scenario, settings, limited_work(limit, recording=True))
    play.play_all()
    write_lines(["", *plain_map(play.history.snapshot(), settings.describe(), width=100)])


def _against(args: argparse.Namespace, scenario: "Scenario", settings: "Settings") -> int:
    from execmem_tui.scenarios.compare import compare, parse_changes
    from execmem_tui.scenarios.runner import document
    from execmem_tui.view.scenario_text import comparison_lines

    changes = parse_changes(",".join(args.against))
    found = compare(scenario, changes, settings, limit=args.limit)
    if args.json:
        differences = [{**asdict(row), "change": row.change} for row in found.rows]
        document_: dict[str, Any] = {
            **document(found.before),
            "against": document(found.after),
            "differences": differences,
            "labels": list(found.labels),
        }
        write_json(document_)
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
        measures = {measure: asdict(found.distribution(measure)) for measure in MEASURES}
        write_json(
            {
                "scenario": found.scenario,
                "passed": found.passed,
                "seeds": {"first": seeds[0], "last": seeds[-1]},
                "draws": [asdict(draw) for draw in found.draws],
                "measures": measures,
            }
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
