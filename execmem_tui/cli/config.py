"""What a user wants to be otherwise: theme, keys and what to start with."""

from collections.abc import Mapping
from typing import Any

from attrs import field

from execmem_tui.model.records import frozen


@frozen(kw_only=True)
class Config:
    """What a user wants to be otherwise."""

    theme: str | None = None
    theme_at: tuple[str, int] | None = None
    """File and line that name the theme: whether there is one is known when the themes are read."""
    keys: Mapping[str, str] = field(factory=dict)
    """Action -> keys, in the registry's spelling."""
    start: Mapping[str, Any] = field(factory=dict)
    """Options of the application, where no SOURCE is named."""
