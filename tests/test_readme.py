"""The README and the pages of the manual stay true and short."""

import re
import shlex
from pathlib import Path

import pytest

from execmem_tui.cli.commands import APPLICATION, COMMANDS, parser_of
from execmem_tui.help import page, pages
from tests.regenerate import README as README_FILE
from tests.regenerate import ROOT, generated

README = README_FILE.read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120
    assert len(README.split()) <= 900


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generated()[path], "python -m tests.regenerate"


def test_every_command_is_listed() -> None:
    for command in COMMANDS:
        assert f"`execmem-tui {command}" in README, command


def test_every_page_is_linked_and_begins_with_its_title() -> None:
    linked = re.findall(r"\((execmem_tui/help/[^)]*)\)", README)
    assert [f"execmem_tui/help/{name}.md" for name in pages()] == linked
    for name in pages():
        assert page(name).startswith("# "), name


def test_the_package_map_equals_the_tree() -> None:
    package = ROOT / "execmem_tui"
    tree = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
    tree |= {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    listed = re.findall(r"^      (\w+(?:\.py)?)/? ", page("architecture"), re.MULTILINE)
    assert sorted(listed) == sorted(tree)


def test_there_are_two_set_up_commands() -> None:
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/execmem-tui")
    assert commands[1].endswith("pytest -n auto")


def test_pictures_and_files_that_are_linked_exist() -> None:
    linked = re.findall(r"\]\(([^)]*)\)", README)
    assert any(name.startswith("screenshots/") for name in linked)
    for name in linked:
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("text", [README, *map(page, pages())], ids=["README", *pages()])
def test_every_command_line_that_is_shown_is_one(text: str) -> None:
    """Its command exists and takes these options; what it names need not be there."""
    shown = re.findall(
        r"^    (?:sudo |[\w.]+ \| |eval \"\$\()?execmem-tui ([^\n>)]+)", text, re.MULTILINE
    )
    for line in shown:
        words = shlex.split(line)
        name = words.pop(0) if words[0] in COMMANDS else APPLICATION
        parser_of(name).parse_args(words)
        if name == APPLICATION and words and not words[0].startswith("-"):
            assert words[0] == "live" or any(mark in words[0] for mark in "./"), line
    assert shown or "    execmem-tui" not in text
