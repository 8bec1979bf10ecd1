"""What the card of a tour says, and the list of tours; nothing of the engine is read for it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from execmem_tui.model.records import frozen
from execmem_tui.view.finding import Entry

if TYPE_CHECKING:
    from execmem_tui.tours.progress import Reached
    from execmem_tui.tours.tour import Tour

KEYS = "Enter go on · Backspace back · t hint · K skip · Esc leave"
"""Of a tour, as they are by default."""


@frozen(kw_only=True)
class Card:
    """What the card says."""

    title: str
    """The tour, the stop's number, the minutes left."""
    text: str
    """What is said, or what is said to the guess."""
    task: str
    """What the listener does now; "" for going on."""
    hint: str
    """The newest hint, or ""."""
    places: int = 0
    """How many places are lettered, while one is to be guessed."""


def first_left(names: Sequence[str], reached: "Mapping[str, Reached]") -> int:
    """Return the index of the first tour that was not taken to its end; 0 where all were."""
    left = (at for at, name in enumerate(names) if name not in reached or not reached[name].done)
    return next(left, 0)


def entries(tours: "Sequence[Tour]", reached: "Mapping[str, Reached]") -> list[Entry]:
    """Return tours as a list to choose from: name, time, how far each was taken, title."""
    found = []
    for tour in tours:
        before = reached.get(tour.name)
        state = ""
        if before is not None:
            state = "√  " if before.done else f"{before.stop + 1}/{len(tour.stops)}  "
        found.append(Entry(tour.name, f"{state:>5}{tour.minutes:>2} min  {tour.title}"))
    return found
