"""The command line that shows again what is shown."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.sources.base import SourceKind
from execmem_tui.sources.simulation import Simulation
from execmem_tui.view.repeat import command_line

SNAPSHOT = Simulation(resolve("arm64")).history.snapshot()
NAMES = ["a b", "it's", "x\x1b]52;c;QQ==\x07", "\u202ename", "\udcff", "a\\\x00b", "line\nline", ""]


def line_of(name: str) -> str:
    return command_line(SourceKind.LIVE, [name], SNAPSHOT)


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_in_it_steers_a_terminal(name: str) -> None:
    try:
        assert line_of(name).isprintable()
    except UnicodeEncodeError:  # half a character, which no name of a file is
        assert any("\ud800" <= char <= "\udfff" for char in name)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize("name", [name for name in NAMES if "\x00" not in name])
def test_a_shell_reads_the_name_again(name: str) -> None:
    words = line_of(name).removeprefix("execmem-tui ")
    said = subprocess.run(["bash", "-c", f"printf %s {words}"], capture_output=True, check=True)
    assert said.stdout == name.encode("utf-8", "surrogateescape")
