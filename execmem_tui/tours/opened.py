"""What a tour shows that is not simulated step by step.

Something opened, a scenario, a machine after boot.
"""

import os
from pathlib import Path

from execmem_tui.sources.base import Source
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tours.tour import Tour


def open_source(tour: Tour) -> Source:
    """Open it, all of it.

    Raises:
        UsageError, InputError, OSError: it cannot be opened.
    """
    if tour.scenario:
        return play_scenario(tour.scenario)
    if tour.settings is not None:
        kernel = tour.settings
        return open_booted(kernel.arch, kernel.kernel, kernel.variant, kernel.kaslr)
    return open_path([_found(name, tour.path) for name in tour.open], phase=tour.phase)


def _found(name: str, tour: str) -> str:
    """Return a path, or that of a file of its name beside the tour.

    Both may have been sent to somebody.
    """
    beside = Path(tour).parent / Path(name).name
    return str(beside) if not os.path.lexists(name) and os.path.lexists(beside) else name
