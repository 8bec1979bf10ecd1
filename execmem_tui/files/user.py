"""Where the user's own files lie, and the shipped themes."""

from pathlib import Path
from typing import Final

MAX_THEME: Final = 1 << 16
"""Bytes of a theme's file."""


def config_root() -> Path:
    """Return the folder of config.toml and of the user's themes.

    ``$XDG_CONFIG_HOME/execmem-tui`` or ``~/.config/execmem-tui``; elsewhere than on Linux the
    system's own place.
    """
    from platformdirs import user_config_path

    return user_config_path("execmem-tui", appauthor=False)


def user_theme_root() -> Path:
    """Return the folder of the user's own themes."""
    return config_root() / "themes"


def theme_root() -> Path:
    """Return the folder of the shipped themes.

    Inside the package in a wheel, at the top of a checkout.
    """
    inside = Path(__file__).parents[1] / "themes"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / "themes"
