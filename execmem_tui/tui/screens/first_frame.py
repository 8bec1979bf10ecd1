"""What the first frame needs that Textual does not do by itself."""

from enum import Enum, auto

from textual._compositor import Compositor, ReflowResult
from textual.geometry import Size
from textual.widget import Widget


class Painting(Enum):
    """How far the screen is on its way to the first frame."""

    NONE = auto()
    """Nothing was laid out yet."""
    HELD = auto()
    """The map is being told its size."""
    FIRST = auto()
    """All are told: the next frame is the first."""
    ON = auto()
    """Every change is painted."""


class Laid(Compositor):
    """Knows after a layout where everything is.

    Textual (8.2: _compositor.py, reflow) does not note that, and has all laid out once more when
    the next widget asks for its size.
    """

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay everything out."""
        found = super().reflow(parent, size)
        self._full_map_invalidated = False
        return found
