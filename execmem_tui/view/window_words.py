"""What a window of executable memory is called in a few letters."""

from typing import Final

from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window

_NAMES: Final = {Window.PREFERRED: "near", Window.FALLBACK: "far"}


def window_word(layout: Layout, kind: ExecmemType, window: Window) -> str:
    """Return what a window is called: near and far where there are two, else just window."""
    return _NAMES[window] if layout.range_of(kind).has_fallback else "window"
