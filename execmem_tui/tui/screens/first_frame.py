"""What the first frame needs that Textual does not do by itself."""

from collections.abc import Callable
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


class FirstFrame:
    """Holds painting up until the map knows its size.

    Textual paints what it laid out before any widget hears of its size: a frame without the map,
    and others after it with what the map tells of itself.
    """

    def __init__(self) -> None:
        self.painting = Painting.NONE

    def waits(self, hear: Callable[[], bool]) -> bool:
        """Whether a frame that Textual would paint now is not to be painted.

        Args:
            hear: has the map tell when it has heard of its size.
        """
        if self.painting is Painting.NONE:
            self.painting = Painting.HELD
            hear()
        return self.painting is Painting.HELD

    def heard(self) -> None:
        """Paint the next frame: the map knows its size."""
        self.painting = Painting.FIRST

    def comes(self) -> bool:
        """Whether the frame that is about to be painted is the first; the next one is not."""
        first = self.painting is Painting.FIRST
        self.painting = Painting.ON
        return first


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
