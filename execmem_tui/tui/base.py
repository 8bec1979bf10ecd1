"""What the parts of the application may rely on."""

from typing import TYPE_CHECKING

from execmem_tui.model.units import Address
from execmem_tui.sources.base import Source
from execmem_tui.tui.state import Shown
from execmem_tui.tui.widgets.detail_map import DetailMap

if TYPE_CHECKING:
    from textual.app import App

    Base = App[int]
else:
    Base = object


class AppPart(Base):
    """Typed access to the application's own state, for its mixins."""

    source: Source
    shown: Shown
    pane_number: int
    origin: Address | None

    if TYPE_CHECKING:

        @property
        def map(self) -> DetailMap:
            """The detail map."""

        @property
        def cursor(self) -> Address:
            """The address under the cursor."""

        def show_snapshot(self, *, anew: bool = False) -> None:
            """Show the history's step."""

        def show_frame(self) -> None:
            """Show everything but the cells."""

        def show_source(self, source: Source) -> None:
            """Show another source from here on."""

        def toggle_following(self) -> bool:
            """Follow or do not; False if this source cannot be followed."""

        def change_interval(self, factor: float) -> bool:
            """Read more or less often; False if this source cannot be followed."""

        def follow_source(self) -> None:
            """Begin to follow the source, if it can be followed."""
