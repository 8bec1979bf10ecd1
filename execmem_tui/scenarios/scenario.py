"""A scenario: settings, steps, and where it is from."""

from collections.abc import Iterator
from typing import Any

from attrs import fields

from execmem_tui.model.records import frozen
from execmem_tui.scenarios.settings import Settings
from execmem_tui.scenarios.steps import Concurrently, Expect, Repeat, Step


@frozen(kw_only=True)
class Scenario:
    """One scenario, as its file states it."""

    name: str
    """File name without its ending."""
    path: str
    title: str
    text: str
    """What it shows, for people."""
    source: str
    """Where its numbers are from."""
    settings: Settings
    steps: tuple[Step, ...]

    def all_steps(self) -> Iterator[Step]:
        """Yield every step, nested ones included."""
        return _flat(self.steps)

    def expectations(self) -> Iterator[str]:
        """Yield the text of every expectation."""
        for step in self.all_steps():
            if isinstance(step, Expect):
                yield from (comparison.text for comparison in step.expect)


def _flat(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Repeat | Concurrently):
            yield from _flat(step.steps)


def keys_of(step: type[Step]) -> dict[str, Any]:
    """Return the keys of a verb in a file, and their attrs fields."""
    return {entry.name: entry for entry in fields(step) if "read" in entry.metadata}
