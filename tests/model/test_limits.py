"""Files with far more lines than any machine prints: refused where they pass the limit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.formats.pasted import sort_pasted
from execmem_tui.formats.procfiles import parse_kallsyms, parse_modules, parse_sections
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.model.errors import InputError
from execmem_tui.model.limits import LIFTED, most
from execmem_tui.sources.opening import open_path

LINES: dict[str, tuple[Callable[..., object], Callable[[int], str]]] = {
    "areas": (
        parse_vmallocinfo,
        lambda at: f"0x{at * 0x3000 + 4096:016x}-0x{at * 0x3000 + 0x3000:016x} 8192 f pages=1",
    ),
    "lines of /proc/kallsyms": (parse_kallsyms, lambda at: f"{at:016x} t f{at}"),
    "lines of /proc/modules": (parse_modules, lambda at: f"m{at} 4096 0 - Live 0x{at:x}"),
    "lines of module sections": (parse_sections, lambda at: f"m{at} .text 0x{at:x}"),
}


@pytest.fixture(autouse=True)
def ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIFTED, "10")


@pytest.mark.parametrize("what", LINES)
def test_the_line_beyond_a_limit_is_refused_with_the_way_out(what: str) -> None:
    parse, line = LINES[what]
    assert parse("f", [(at, line(at)) for at in range(1, 11)])
    with pytest.raises(InputError) as error:
        parse("f", ((at, line(at)) for at in range(1, 12)))
    assert (error.value.line, error.value.message) == (11, f"more than 10 {what}")
    assert LIFTED in error.value.hint
    with pytest.raises(InputError, match="more than 10 "):
        sort_pasted("f", ((at, line(at)) for at in range(1, 12)))


def test_a_number_lifts_it_and_anything_else_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most(5) == 10
    for word in ("", "-1", "x", "1e9", "\u0663", "9" * 30):
        monkeypatch.setenv(LIFTED, word)
        assert most(5) == 5


def test_all_snapshots_of_a_run_together_have_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, line = LINES["areas"]
    for phase in range(4):
        folder = tmp_path / "run" / f"{phase}-x"
        folder.mkdir(parents=True)
        (folder / "vmallocinfo").write_text("".join(line(at) + "\n" for at in range(3)))
    assert main(["map", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "2-x: more than 10 areas in the snapshots up to here" in error
    assert LIFTED in error
    monkeypatch.setenv(LIFTED, "12")
    assert open_path(str(tmp_path / "run")).history.steps == 4
