"""``execmem-tui --plain``: lines in, lines out, no screen."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.cli.main import main


def converse(
    lines: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["--plain", "--empty"]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    return streams.out.splitlines()


def test_a_conversation_ends_with_q_or_with_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = converse("i xfs\nq\n2\n", monkeypatch, capsys)
    assert said[0].startswith("simulated arm64")
    assert said[-2] == "Step 22 of 22."
    assert said[-1].startswith("ffff80007b394000; xfs.ro_after_init; ")
    assert converse("i xfs", monkeypatch, capsys) == said


@pytest.mark.parametrize("more", [["-"], ["--step", "1"], ["--at", "ffff"], ["--lens", "age"]])
def test_what_does_not_go_together_is_refused(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--plain", *more]) == 2
    assert "--plain takes its keys from standard input" in capsys.readouterr().err


def test_a_users_keys_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[keys]\nallocate = 'ctrl+y'\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("ctrl+y\n"))
    assert main(["--plain", "--empty", "--config", str(config)]) == 0
    assert "Pane 1, MODULE: 1 area " in capsys.readouterr().out


def test_no_screen_is_loaded_for_it() -> None:
    code = (
        "import sys; from execmem_tui.cli.main import main; main(['--plain', '--empty']);"
        "print([name for name in sys.modules if name in ('textual', 'rich')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input="a\n", capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_line_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n" + "\0" * 70_000 + end + "q\n"))
    assert main(["--plain", "--empty"]) == 2
    assert capsys.readouterr().err == "execmem-tui: stdin:2: line too long\n"
