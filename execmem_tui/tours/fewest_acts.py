"""How few acts lead to a goal, found by doing them on copies of the kernel."""

from collections.abc import Callable, Sequence
from typing import Final

from execmem_tui.commands.by_hand import Command
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.errors import UsageError

_KERNELS: Final = 120
"""Copies that are tried; a goal that needs more is measured by the shown way."""


def fewest(
    kernel: Kernel, commands: Sequence[Command], holds: Callable[[Kernel], bool]
) -> int | None:
    """Return the smallest number of acts after which the goal holds; None: not found in few tries.

    Breadth first, so the first way found is a shortest one.

    Args:
        kernel: to begin with; it is left as it is.
        commands: one for each key that is known.
        holds: whether the goal holds.
    """
    front, tried = [kernel], 0
    for acts in range(1, _KERNELS):
        behind: list[Kernel] = []
        for each in front:
            for command in commands:
                tried += 1
                if tried > _KERNELS:
                    return None
                twin = each.clone()
                try:
                    command(twin)
                except UsageError:
                    continue  # a key that does nothing here is no step on a way
                twin.take_events()
                if holds(twin):
                    return acts
                behind.append(twin)
        front = behind
    return None
