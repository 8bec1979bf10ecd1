"""Completion and the manual page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.arch import architectures
from execmem_tui.cli import man
from execmem_tui.cli.commands import APPLICATION, COMMANDS, parser_of
from execmem_tui.cli.main import main
from execmem_tui.help import pages
from execmem_tui.scenarios.reader import library


def completed(line: str, folder: Path) -> list[str]:
    """Ask as the shell does; return what it may offer."""
    answer = folder / ".answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run([sys.executable, "-m", "execmem_tui"], env=environment, cwd=folder, check=True)
    return [word.strip() for word in answer.read_text(encoding="utf-8").split("\v") if word]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("execmem-tui ran", ["ranges"]),
        ("execmem-tui li", ["live"]),
        ("execmem-tui cap", ["capture", "captured.tar"]),
        ("execmem-tui --ker", ["--kernel"]),
        ("execmem-tui ranges --expl", ["--explain"]),
        ("execmem-tui ranges --explain KP", ["KPROBES"]),
        ("execmem-tui map capt", ["captured.tar"]),
        ("execmem-tui map ra", []),
        ("execmem-tui map li", ["live"]),
        ("execmem-tui diagnose li", ["live"]),
        ("execmem-tui trace.txt ra", []),
        ("execmem-tui --theme execmem-l", ["execmem-light"]),
        ("execmem-tui --kaslr ", ["off", "example"]),
        ("execmem-tui tour hol", ["holes"]),
        ("execmem-tui --demo hol", ["holes"]),
        ("execmem-tui --demo arm64-64", ["arm64-64k-bpf"]),
    ],
)
def test_the_shell_completes(tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "captured.tar").touch()
    assert sorted(completed(line, tmp_path)) == sorted(offered)


def test_names_complete_as_they_are(tmp_path: Path) -> None:
    assert set(completed("execmem-tui run x86-", tmp_path)) == {
        name for name in library() if name.startswith("x86-")
    }
    assert set(completed("execmem-tui map --arch ", tmp_path)) == set(architectures())
    assert set(pages()) <= set(completed("execmem-tui help ", tmp_path))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_code(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "execmem-tui" in code
    if shutil.which(shell):
        subprocess.run([shell, "-c", code], check=True, capture_output=True)


def test_bash_registers_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    code = capsys.readouterr().out
    done = subprocess.run(
        ["bash", "-c", f"{code}\ncomplete -p execmem-tui"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "-F _python_argcomplete" in done.stdout


def test_the_manual_page_names_every_command_and_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["man"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(".TH EXECMEM\\-TUI 1")
    for name in COMMANDS:
        assert f".SS {name}\n" in text
    for name in (APPLICATION, *COMMANDS):
        for action in parser_of(name)._actions:
            for option in action.option_strings:
                assert option.replace("-", r"\-") in text, (name, option)
    assert not [line for line in text.split("\n") if line.startswith("'")]
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert "General Commands Manual" in done.stdout


def test_troff_takes_no_line_for_a_request() -> None:
    assert man._text(".TH a-b\n'x\\y…") == "\\&.TH a\\-b\n\\&'x\\ey\\[u2026]"
