"""The library as one browses it: what to learn from, what machines load, what went wrong."""

from typing import Final

from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.steps import Say

LEARN, MACHINES, FAILURES = "learn", "machines", "failures"
GROUPS: Final = (LEARN, MACHINES, FAILURES)

_MACHINES: Final = ("laptop", "server", "cloud", "k8s")
"""The profiles: what machines of a kind load, at the end of their boot."""


def group_of(scenario: Scenario) -> str:
    """Return the group: a failure is a scenario that expects a request to fail."""
    if scenario.name.startswith(_MACHINES):
        return MACHINES
    fails = any(
        "failures" in text and "failures == 0" not in text for text in scenario.expectations()
    )
    return FAILURES if fails else LEARN


def about(scenario: Scenario) -> list[str]:
    """Return what there is to say before one plays it, a paragraph a line."""
    settings = scenario.settings
    steps = [step for step in scenario.steps if not isinstance(step, Say)]
    return [
        scenario.title,
        "",
        " ".join(scenario.text.split()),
        "",
        f"{group_of(scenario)} · {settings.arch} {settings.kernel} · {len(steps)} steps",
        f"from: {' '.join(scenario.source.split())}",
    ]
