"""A picture as PNG, drawn from its SVG by resvg: no system library, no font of ours."""

from execmem_tui.model.errors import UsageError
from execmem_tui.view.highlight import CIRCLED

_FONT = "DejaVu Sans Mono"
"""It has every block and arrow of the map; where it is not there, another one is taken."""

_PLAIN = str.maketrans({circled: letter for letter, circled in CIRCLED.items()})
"""The font has no circles, and resvg takes no other one for a few characters."""


def require_png() -> None:
    """Refuse where nobody can draw one.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import resvg_py  # noqa: F401 - asked before anything is made
    except ImportError:
        raise UsageError("a PNG needs resvg-py", hint="pip install 'execmem-tui[png]'") from None


def png(svg: str) -> bytes:
    """Return a picture, as large as the SVG says.

    Raises:
        UsageError: the extra is not installed.
    """
    require_png()
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg.translate(_PLAIN), monospace_family=_FONT))
