"""``config.toml``: theme, keys and what to start with, of one user."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field

from execmem_tui.files.regular import user_path
from execmem_tui.model.records import frozen

NAME: Final = "config.toml"


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


def user_config(named: str | None) -> Config:
    """Return the settings of the file that is named, or of the user's own where there is one."""
    if named is not None:
        return _read(user_path(named))
    from execmem_tui.files.user import config_root  # platformdirs, for the application only

    path = config_root() / NAME
    return _read(path) if path.is_file() else Config()


def _read(path: Path) -> Config:
    from execmem_tui.cli.config_file import read_config  # most users have none

    return read_config(path)
