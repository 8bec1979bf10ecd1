"""Versions of the kernel, and the history of a rule.

The value it takes, and the version that begins it.
"""

import re
from functools import cache
from typing import Any, Final

from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable

Version = tuple[int, int, int]

_NUMBER: Final = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,5}))?(?![\d])")


def _match(text: str) -> re.Match[str]:
    found = _NUMBER.match(text)
    if found is None:
        raise UnknownLayoutError(
            f"not a kernel version: {printable(text)!r}",
            hint="for example 6.12 or 7.1",
            key="kernel",
        )
    return found


def parse_version(text: str) -> Version:
    """Return the numbers of a version or release; a patch level that is not told is 0.

    Raises:
        UnknownLayoutError: it does not begin with a version number.
    """
    found = _match(text)
    return int(found[1]), int(found[2]), int(found[3] or 0)


def number_of(text: str) -> str:
    """Return the version that a release begins with: 7.2.13 of 7.2.13+deb14-amd64.

    Raises:
        UnknownLayoutError: it does not begin with a version number.
    """
    return _match(text)[0]


@cache
def parsed(version: str) -> Version:
    """Return the numbers of a version of the record, computed once."""
    return parse_version(version)


@frozen
class Step:
    """One value of a rule and the version that begins it."""

    since: str
    """The first version that is known to follow it; "" is from the oldest on."""
    value: Any
    after: str = ""
    """The last series known not to follow it, where that is not the one right before `since`."""

    @property
    def begins(self) -> str:
        """Say which version begins it.

        "6.17", or "after 6.12, by 6.16" where only that is known.
        """
        if self.after:
            return f"after {self.after}, by {self.since}"
        return self.since


@frozen
class Rule:
    """The history of one field of `Rules`."""

    name: str
    what: str
    """In a few words, for a table."""
    steps: tuple[Step, ...]
    """Ascending."""
    source: str
    """file: symbol, and how it is known where it was not read."""
    scope: tuple[str, ...] = ()
    """The architectures it concerns; () is all."""

    def concerns(self, arch: str | None) -> bool:
        """Whether it can make a difference on an architecture; None asks for all."""
        return arch is None or not self.scope or arch in self.scope

    def at(self, version: Version) -> tuple[Any, bool]:
        """Return the value for a version, and whether it is known and not just the next one's."""
        current = self.steps[0]
        if current.since and version < parsed(current.since):
            return current.value, False
        for step in self.steps[1:]:
            if version >= parsed(step.since):
                current = step
            elif step.after and version[:2] > parsed(step.after)[:2]:
                return step.value, False
            else:
                break
        return current.value, True


def since(version: str, *, after: str = "") -> tuple[Step, Step]:
    """A rule that is off, and on from a version."""
    return Step("", False), Step(version, True, after)


def until(version: str, *, after: str = "", first: str = "") -> tuple[Step, Step]:
    """A rule that is on, and off from a version."""
    return Step(first, True), Step(version, False, after)
