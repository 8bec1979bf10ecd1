"""Keys that explain. What answers them is read when the first is pressed."""

from collections.abc import Callable

from execmem_tui.model.intervals import Interval
from execmem_tui.tui.app_protocol import AppProtocol


class WhyActions:
    """Keys that explain.

    Args:
        app: what is explained.
        ring: rings a part of the map; with None, no more.
    """

    def __init__(self, app: AppProtocol, ring: Callable[[Interval | None], None]) -> None:
        self._app = app
        self._ring = ring

    def action_why(self) -> None:
        """Say why the area under the cursor lies where it lies.

        Or why what just happened failed or spilled.
        """
        from execmem_tui.tui.asking import Asking  # the simulator: 100 ms

        Asking(self._app, self._ring).why()

    def action_findings(self) -> None:
        """List what is remarkable here."""
        from execmem_tui.tui.asking import Asking

        Asking(self._app, self._ring).findings()

    def action_next_tenant(self) -> None:
        """Who lies here after what lies here now."""
        from execmem_tui.tui.asking import Asking

        Asking(self._app, self._ring).tenant(forward=True)

    def action_previous_tenant(self) -> None:
        """Who lay here before."""
        from execmem_tui.tui.asking import Asking

        Asking(self._app, self._ring).tenant(forward=False)

    def tenant(self, number: int) -> None:
        """Go to one of those who lay here, from 1.

        Raises:
            UsageError: there were fewer.
        """
        from execmem_tui.tui.asking import Asking

        Asking(self._app, self._ring).tenant_number(number)
