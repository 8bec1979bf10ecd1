"""What if: the same workload under two settings, side by side, and one table of differences."""

from collections.abc import Mapping
from typing import Final

from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.scenarios.runner import Outcome, Runner, limited_work
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.settings import Settings

_COUNTED: Final = ("failures", "fallbacks", "purges", "allocations", "frees")
_VALUES: Final = (
    ("areas", "areas.total"),
    ("PLT entries reserved", "plt.reserved"),
    ("modules loaded", "loaded"),
    ("BPF packs", "packs"),
    ("ROX blocks", "rox.blocks"),
    ("free bytes in the ROX cache", "rox.free"),
    ("set_memory calls", "set_memory"),
    ("failed loads", "failed_loads"),
    ("bytes of failed loads", "wasted"),
    ("most bytes held at once", "peak"),
)
_BYTES: Final = ("used", "free", "largest_hole")


@frozen(kw_only=True)
class Row:
    """One line of the table; bytes or counts."""

    name: str
    before: int
    after: int
    size: bool
    """Bytes, not a count."""

    @property
    def change(self) -> int:
        """After minus before."""
        return self.after - self.before


@frozen(kw_only=True)
class Comparison:
    """Two runs of one scenario."""

    before: Outcome
    after: Outcome
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    """What of the two is hypothetical."""


def parse_changes(text: str) -> dict[str, str]:
    """Read ``knob=value,knob=value``.

    Raises:
        UsageError: a pair has no name or no ``=``.
    """
    changes: dict[str, str] = {}
    for pair in text.split(","):
        name, separator, value = pair.partition("=")
        if not separator or not name.strip() or not value.strip():
            raise UsageError(
                f"not KNOB=VALUE: {printable(pair)!r}",
                hint="for example --against rox_cache=off,cpus=8",
            )
        changes[name.strip()] = value.strip()
    return changes


def compare(
    scenario: Scenario,
    changes: Mapping[str, str],
    settings: Settings | None = None,
    *,
    limit: int | None = None,
) -> Comparison:
    """Run a scenario as it is and with some knobs turned.

    Args:
        scenario: the workload.
        changes: knobs and settings of the second run.
        settings: of the first run; None: the scenario's own.
        limit: work of each run; None: `RUN_LIMIT`.

    Raises:
        UsageError: a change means nothing.
    """
    base = scenario.settings if settings is None else settings
    turned = base.changed(changes)
    before, after = (
        Runner(scenario, each, with_map=False, work=limited_work(limit)).run()
        for each in (base, turned)
    )
    labels = dict.fromkeys((*base.hypothetical(), *turned.hypothetical()))
    return Comparison(
        before=before, after=after, rows=tuple(rows(before, after)), labels=tuple(labels)
    )


def rows(before: Outcome, after: Outcome) -> list[Row]:
    """Return the table: every counter, and the meters of the types that either run used."""
    found = [
        Row(
            name=name,
            before=getattr(before.counters, name),
            after=getattr(after.counters, name),
            size=False,
        )
        for name in _COUNTED
    ]
    for title, name in _VALUES:
        left, right = before.values[name], after.values[name]
        if isinstance(left, int) and isinstance(right, int) and (left or right):
            found.append(Row(name=title, before=left, after=right, size="bytes" in title))
    for kind in ExecmemType:
        left_meter, right_meter = before.meters[kind.name], after.meters[kind.name]
        if not (left_meter["used"] or right_meter["used"]):
            continue
        found += [
            Row(
                name=f"{kind.name} {key.replace('_', ' ')}",
                before=left_meter[key],
                after=right_meter[key],
                size=True,
            )
            for key in _BYTES
        ]
    return found
