"""Keys that explain. What answers them is read when the first is pressed."""

from execmem_tui.tui.stage import Stage


class WhyActions:
    """Keys that explain."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def action_why(self) -> None:
        """Say why the area under the cursor lies where it lies, or why what just happened failed or spilled."""
        from execmem_tui.tui.asking import Asking  # the simulator: 100 ms

        Asking(self._stage).why()

    def action_findings(self) -> None:
        """List what is remarkable here."""
        from execmem_tui.tui.asking import Asking

        Asking(self._stage).findings()

    def action_next_tenant(self) -> None:
        """Who lies here after what lies here now."""
        from execmem_tui.tui.asking import Asking

        Asking(self._stage).tenant(forward=True)

    def action_previous_tenant(self) -> None:
        """Who lay here before."""
        from execmem_tui.tui.asking import Asking

        Asking(self._stage).tenant(forward=False)

    def tenant(self, number: int) -> None:
        """Go to one of those who lay here, from 1.

        Raises:
            UsageError: there were fewer.
        """
        from execmem_tui.tui.asking import Asking

        Asking(self._stage).tenant_number(number)
