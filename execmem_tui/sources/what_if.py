"""A simulated kernel that goes on from a moment of a trace, a capture or a live kernel."""

from attrs import evolve

from execmem_tui.model.areas import Area
from execmem_tui.model.errors import UsageError
from execmem_tui.model.hidden import NOTHING_HIDDEN, Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.simulation import Simulation

IMAGE = "kernel image"


def why_not_what_if(layout: Layout, hidden: Hidden = NOTHING_HIDDEN) -> str:
    """Return "" if the simulator can go on from a snapshot of this layout.

    Else a sentence that says why not.

    Args:
        layout: of the snapshot.
        hidden: the areas of the snapshot whose place is not known.
    """
    if hidden:
        return "what is taken is not known where addresses are hidden: no what-if here"
    if any(entry.rox_cached for entry in layout.types.values()):
        return "which pieces belong to which ROX block is not known from outside: no what-if here"
    unknown = all(entry.end <= entry.start for entry in layout.types.values())
    return "where executable memory may lie is not known: no what-if here" if unknown else ""


def what_if(snapshot: Snapshot, title: str) -> Simulation:
    """Return a simulation whose map is that of `snapshot`; every area can be freed on its own.

    Args:
        snapshot: where to go on from; its areas must not overlap.
        title: printable, of the source.

    Raises:
        UsageError: this layout cannot be taken over, or areas overlap or are hidden.
    """
    layout = snapshot.layout
    reason = why_not_what_if(layout, snapshot.hidden)
    if reason:
        raise UsageError(reason)
    areas = list(snapshot.areas)
    image = layout.image
    if image is not None and not any(snapshot.between(*image)):
        areas.append(Area(start=image[0], size=image[1] - image[0], owner=IMAGE))
    simulation = Simulation(evolve(layout, early_areas=()), areas=areas)
    simulation.title = f"what if, from step {snapshot.step:,} of {title}"
    return simulation
