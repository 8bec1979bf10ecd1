"""Runs, comparisons and sweeps of scenarios as plain text."""

from collections.abc import Iterator
from typing import Final

from execmem_tui.model.units import format_size
from execmem_tui.scenarios.compare import Comparison, Row
from execmem_tui.scenarios.expressions import Value
from execmem_tui.scenarios.runner import Expectation, Outcome
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.sweep import MEASURES, Distribution, Sweep
from execmem_tui.view.tables import columns

_BAR: Final = 40
"""Cells of the longest bar of a histogram."""


def run_lines(scenario: Scenario, outcome: Outcome) -> Iterator[str]:
    """Yield what a run showed."""
    yield f"{scenario.name}: {scenario.title}"
    yield f"  {outcome.settings.describe()}"
    for found in outcome.expectations:
        yield f"  {expectation_line(found)}" + (
            "" if found.passed else f"  ({scenario.path}:{found.line})"
        )
    counters = outcome.counters
    yield (
        f"  {counters.allocations:,} allocations, {counters.frees:,} frees, {counters.failures:,}"
        f" failures, {counters.fallbacks:,} fallbacks, {counters.purges:,} purges"
    )
    yield from (f"  {line}" for line in _meter_lines(outcome))
    wrong = sum(not found.passed for found in outcome.expectations)
    total = len(outcome.expectations)
    yield f"{total} expectations hold" if not wrong else f"{wrong} of {total} expectations FAIL"


def expectation_line(found: Expectation) -> str:
    """Return one expectation, whether it holds, and what was found."""
    return f"{'holds' if found.passed else 'FAILS'}  {found.text}" + (
        "" if found.passed else f"; it is {_shown(found.got)}"
    )


def _shown(value: Value) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)


def _meter_lines(outcome: Outcome) -> list[str]:
    rows = [
        (name, *(format_size(meter[key]) for key in ("used", "lazy", "free", "largest_hole")))
        for name, meter in outcome.meters.items()
        if meter["used"]
    ]
    return columns(rows, ("TYPE", "USED", "LAZY", "FREE", "LARGEST HOLE"), "<>>>>") if rows else []


def comparison_lines(scenario: Scenario, found: Comparison) -> Iterator[str]:
    """Yield the table of differences between two runs."""
    yield f"{scenario.name}: {scenario.title}"
    yield f"  A  {found.before.settings.describe()}"
    yield f"  B  {found.after.settings.describe()}"
    yield from (f"  {label}" for label in found.labels)
    rows = [
        (row.name, _amount(row, row.before), _amount(row, row.after), _change(row))
        for row in found.rows
    ]
    yield from columns(rows, ("", "A", "B", "B - A"), "<>>>")


def _amount(row: Row, value: int) -> str:
    return format_size(value) if row.size else f"{value:,}"


def _change(row: Row) -> str:
    if not row.change:
        return "="
    sign = "+" if row.change > 0 else ""
    return sign + _amount(row, row.change)


def sweep_lines(found: Sweep) -> Iterator[str]:
    """Yield the distribution of each measure with its histogram."""
    failed = [draw.seed for draw in found.draws if not draw.passed]
    seeds = f"{found.draws[0].seed}..{found.draws[-1].seed}"
    yield (
        f"{found.scenario}: {len(found.draws):,} draws, seeds {seeds}; expectations fail in"
        f" {len(failed):,}"
    )
    if failed:
        yield f"  first failing seeds: {', '.join(str(seed) for seed in failed[:10])}"
    for measure in MEASURES:
        yield from _histogram(measure, found.distribution(measure))


def _histogram(measure: str, found: Distribution) -> Iterator[str]:
    def shown(value: int) -> str:
        return format_size(value) if measure == "largest_hole" else f"{value:,}"

    yield (
        f"{measure.replace('_', ' ')}: least {shown(found.least)}, median {shown(found.median)},"
        f" most {shown(found.most)}, mean"
        f" {shown(int(found.mean)) if measure == 'largest_hole' else f'{found.mean:.2f}'}"
    )
    most = max(count for _, count in found.counts)
    width = max(len(shown(value)) for value, _ in found.counts)
    for value, count in found.counts:
        yield f"  {shown(value):>{width}}  {'#' * max(1, count * _BAR // most)} {count:,}"
