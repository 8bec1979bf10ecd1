"""Where the user's own files lie."""

from pathlib import Path


def config_root() -> Path:
    """Return the folder of config.toml and of the user's themes.

    ``$XDG_CONFIG_HOME/execmem-tui`` or ``~/.config/execmem-tui``; elsewhere than on Linux the
    system's own place.
    """
    from platformdirs import user_config_path

    return user_config_path("execmem-tui", appauthor=False)
