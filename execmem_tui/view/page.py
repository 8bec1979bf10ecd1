"""The map as one HTML page that needs nothing else: the picture, and the same as text under it."""

from html import escape
from typing import Final

from execmem_tui.model.snapshots import Snapshot
from execmem_tui.view.plain import heading, plain_map
from execmem_tui.view.svg import colours, svg_map

_WIDTH: Final = 120
"""Columns of the text."""
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 1em; background: {background}; color: {foreground} }}
svg {{ max-width: 100%; height: auto }}
pre {{ overflow-x: auto }}
</style>
</head>
<body>
{picture}
<pre>
{text}
</pre>
</body>
</html>
"""


def html_page(snapshot: Snapshot, title: str, *, theme: str = "execmem-light") -> str:
    """Return the map as a page: no script, nothing to be loaded.

    Args:
        snapshot: what to draw.
        title: printable; what is being looked at.
        theme: whose colours to take.

    Raises:
        UsageError: there is no such theme.
    """
    palette = colours(theme)
    return _PAGE.format(
        title=escape(f"{title} · {heading(snapshot.layout)}"),
        background=palette["background"],
        foreground=palette["foreground"],
        picture=svg_map(snapshot, title, theme=theme),
        text=escape("\n".join(plain_map(snapshot, title, width=_WIDTH))),
    )
