"""Finds ``config.toml``, the one that is named or the user's own."""

from pathlib import Path
from typing import Final

from execmem_tui.cli.config import Config
from execmem_tui.files.regular import user_path

NAME: Final = "config.toml"


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
