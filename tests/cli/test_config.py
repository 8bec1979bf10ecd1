"""config.toml: what it may say, and that every fault names its file and line."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from execmem_tui.cli import application
from execmem_tui.cli.application import add_arguments
from execmem_tui.cli.config import Config
from execmem_tui.cli.config_file import MAX_BYTES, read_config
from execmem_tui.cli.main import main
from execmem_tui.cli.user_config import user_config
from execmem_tui.files.user import config_root
from execmem_tui.help import page
from execmem_tui.model.errors import InputError
from execmem_tui.sources.base import Source
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.view.actions import ACTIONS, keys_markdown, keysyms, rebound

WHOLE = """\
theme = "execmem-light"

[keys]
allocate = "ctrl+a +"
zoom_in = "i"
insert = "I"

[start]
arch = "x86"
kernel = "6.12"
cpus = 4
empty = true
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the user's own config.toml would lie."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = config_root()
    folder.mkdir(parents=True)
    return folder / "config.toml"


def test_a_whole_file(path: Path) -> None:
    assert user_config(None) == Config()
    path.write_text(WHOLE)
    found = user_config(None)
    assert found.theme == "execmem-light"
    assert found.theme_at == (str(path), 1)
    assert found.keys == {"allocate": "ctrl+a,plus", "zoom_in": "i", "insert": "I"}
    assert found.start == {"arch": "x86", "kernel": "6.12", "cpus": 4, "empty": True}
    assert user_config(str(path)) == found


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\nthem = 'x'", 2, "did you mean theme?"),
        ("theme = 3", 1, "theme is a text"),
        ("keys = 3", 1, "keys is a table"),
        ("[keys]\n\nalocate = 'x'", 3, "did you mean allocate?"),
        ("[keys]\nallocate = ['x']", 2, "allocate is a text"),
        ("[keys]\nallocate = 'q'", 2, "key q is both allocate and quit"),
        ("[keys]\nallocate = 'ctrl+x'\nfree = 'ctrl+x'", 3, "both allocate and free"),
        ("[keys]\nallocate = '+'", 2, "key + is both zoom_in and allocate"),
        ("[start]\ncpus = true", 2, "cpus is a whole number"),
        ("[start]\ncpus = '2'", 2, "cpus is a whole number"),
        ("[start]\nempty = 1", 2, "empty is true or false"),
        ("[start]\nsource = 'x'", 2, "unknown key 'source'"),
        ("theme = 'a'\n[start]\narch = 'z80'", 2, "no architecture"),
        ("theme = 'a'\n[start]\nkernel = 'banana'", 2, "not a kernel version"),
        ("[start]\nkaslr = 'maybe'", 1, "no draw"),
        ("theme = ", 1, ""),
        ("theme = 'a'\ntheme = 'b'", 2, ""),
    ],
)
def test_a_fault_names_file_and_line(path: Path, text: str, line: int, words: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}:{line}")
    assert words in str(caught.value)


def test_a_file_that_is_far_too_big_is_refused(path: Path) -> None:
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="far too big"):
        read_config(path)


def test_the_command_line_names_the_fault(
    path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path.write_text("theme = 1")
    assert main([]) == 2
    assert f"{path}:1: theme is a text" in capsys.readouterr().err
    assert main(["--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: No such file" in capsys.readouterr().err


def test_other_commands_do_not_read_it(path: Path) -> None:
    path.write_text("theme = 1")
    assert main(["ranges"]) == 0


def started(arguments: list[str], text: str, path: Path) -> dict[str, Any]:
    path.write_text(text)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(arguments)
    application._fill_in(args, user_config(None))
    return vars(args)


def test_the_file_says_what_to_start_with_only_where_the_command_line_does_not(path: Path) -> None:
    found = started([], WHOLE, path)
    assert (found["arch"], found["kernel"], found["cpus"], found["empty"]) == (
        "x86",
        "6.12",
        4,
        True,
    )
    assert found["kaslr"] == "off"
    for arguments in (
        ["--arch", "arm"],
        ["trace.txt"],
        ["--scenario", "x"],
        ["--kaslr", "off"],
        ["--cpus", "1"],
        ["--empty"],
        ["--set", "_end=1"],
    ):
        found = started(arguments, WHOLE, path)
        assert found["arch"] == ("arm" if "arm" in arguments else None), arguments
        assert found["kernel"] is None
        assert found["kaslr"] == "off"
    assert started([], "[start]\nkaslr = '5'", path)["kaslr"] == "5"


def test_a_theme_that_does_not_exist_is_told_with_its_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text("\ntheme = 'nothing'")
    monkeypatch.setattr(application, "has_terminal", lambda: True)
    assert main(["--empty"]) == 2
    assert f"{path}:2: no theme 'nothing'" in capsys.readouterr().err
    assert main(["--empty", "--theme", "neither"]) == 2
    told = capsys.readouterr().err
    assert "no theme 'neither'" in told
    assert str(path) not in told


def test_theme_and_keys_reach_the_application(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str | None, object]] = []

    def run_app(_source: Source, *, theme: str | None, keymap: object, start: object) -> int:
        assert start is not None
        given.append((theme, keymap))
        return 0

    path.write_text("theme = 'execmem-light'\n[keys]\nfree = 'ctrl+f'")
    monkeypatch.setattr("execmem_tui.tui.run.run_app", run_app)
    monkeypatch.setattr(application, "has_terminal", lambda: True)
    assert main(["--empty"]) == 0
    assert main(["--empty", "--theme", "execmem-dark"]) == 0
    assert given == [
        ("execmem-light", {"free": "ctrl+f"}),
        ("execmem-dark", {"free": "ctrl+f"}),
    ]


async def test_a_key_of_ones_own_does_the_action_and_the_old_one_does_not() -> None:
    source = open_simulation("arm64", "7.1", None, "off")
    app = ExecmemApp(source, keymap={"allocate": "ctrl+o"})
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("a")
        await pilot.pause()
        assert source.history.snapshot().counters.allocations == 0
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert source.history.snapshot().counters.allocations == 1
        assert ("allocate", "ctrl+o") in [(each.action, each.key) for each in app.main.hints]


def test_keys_are_written_as_they_look_or_by_name() -> None:
    assert keysyms("+ , ctrl+x,left") == "plus,ctrl+x,left"
    assert keysyms("← PgUp >") == "left,pageup,greater_than_sign"
    table = keys_markdown(rebound({"quit": "ctrl+q"}))
    assert "| `ctrl+q` | leave |" in table
    assert "| `q` |" not in table
    assert rebound({}) == ACTIONS


def test_the_example_of_the_manual_holds(path: Path) -> None:
    manual = page("configuration")
    start = manual.index("    theme = ")
    lines = manual[start : manual.index("\n`theme`", start)].splitlines()
    path.write_text("\n".join(line.removeprefix("    ") for line in lines), encoding="utf-8")
    found = user_config(None)
    assert found.theme == "execmem-light"
    assert found.keys["allocate"] == "ctrl+a,plus"
    assert found.start["cpus"] == 4


@pytest.mark.parametrize("driver", ["nowhere:Driver", "os:nothing", "os", ":", " ", ".x:y"])
def test_a_driver_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], driver: str
) -> None:
    monkeypatch.setenv("TEXTUAL_DRIVER", driver)
    assert main([]) == 2
    assert f"TEXTUAL_DRIVER names no driver: {driver!r}" in capsys.readouterr().err


def test_an_empty_driver_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTUAL_DRIVER", "")
    assert main(["--empty"]) == 0
    assert "no terminal to draw on" in capsys.readouterr().err
