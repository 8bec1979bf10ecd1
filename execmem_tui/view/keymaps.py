"""Keys for other habits: presets, over which a user's own keys are laid."""

from collections.abc import Mapping
from typing import Final

KEYMAPS: Final[Mapping[str, Mapping[str, str]]] = {
    "default": {},
    "vim": {
        "page_down": "pagedown,ctrl+f,ctrl+d",
        "page_up": "pageup,ctrl+b,ctrl+u",
        "last": "ctrl+end,G",
        "free": "f,x",
        "explain": "X",
    },
    "less": {
        "page_down": "pagedown,space,ctrl+f,ctrl+v",
        "page_up": "pageup,b,ctrl+b",
        "previous_area": "comma",
        "previous_difference": "apostrophe",
        "play": "p",
        "purge": "Z",
        "last": "ctrl+end,G",
    },
}
"""Name -> action -> keys, in the registry's spelling; hjkl, / and n are everybody's already."""
