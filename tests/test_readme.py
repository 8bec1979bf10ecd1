"""The README stays true: keys, commands, package map, the two set-up commands."""

import re
from pathlib import Path

from execmem_tui.cli.main import available_commands
from execmem_tui.view.actions import keys_markdown

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_keys_is_generated() -> None:
    between = re.search(r"<!-- keys: .* -->\n(.*)\n<!-- end of keys -->", README, re.DOTALL)
    assert between is not None
    assert between[1] == keys_markdown()


def test_every_command_is_listed() -> None:
    for command in available_commands():
        assert f"`execmem-tui {command}" in README, command


def test_the_package_map_names_every_package() -> None:
    packages = {
        path.name for path in (ROOT / "execmem_tui").iterdir() if (path / "__init__.py").is_file()
    }
    listed = set(re.findall(r"^      (\w+)/ ", README, re.MULTILINE))
    assert listed == packages


def test_there_are_two_set_up_commands() -> None:
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/execmem-tui")
    assert commands[1].endswith("pytest")


def test_pictures_exist() -> None:
    for name in re.findall(r"\((screenshots/[^)]*)\)", README):
        assert (ROOT / name).is_file(), name
