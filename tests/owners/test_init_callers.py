"""Sections tell where init memory was; the caller of an area tells whether it still is."""

from pathlib import Path

import pytest

from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.opening import open_path

CASE = Path(__file__).parents[1] / "data" / "replay-cases" / "4-stack-is-no-module"


@pytest.mark.parametrize("state", ["Live", "Loading"])
@pytest.mark.parametrize(
    ("caller", "states"),
    [
        ("load_module+0x88c/0x2690", ("Live", "Loading")),
        ("execmem_alloc+0x1/0x2", ("Live", "Loading")),
        # a return probe on the loader, or on whoever has the place now
        ("arch_rethook_trampoline+0x0/0x54", ("Loading",)),
        ("__kretprobe_trampoline+0x0/0x54", ("Loading",)),
        ("kernel_clone+0xb8/0x3e8", ()),  # a stack that has its place now
        ("bpf_prog_alloc_no_stats+0x1/0x2", ()),
    ],
)
def test_init_memory_is_a_modules_only_where_the_loader_asked(
    tmp_path: Path, caller: str, states: tuple[str, ...], state: str
) -> None:
    area = _area(tmp_path, caller, state)
    assert area.owner == ("one" if state in states else None)
    assert area.type is (ExecmemType.MODULE_DATA if state in states else None)


@pytest.mark.parametrize(("state", "owner"), [("Live", None), ("Loading", "one")])
def test_where_several_modules_init_sections_were_a_live_one_is_over(
    tmp_path: Path, state: str, owner: str | None
) -> None:
    area = _area(tmp_path, "load_module+0x88c/0x2690", state, "two .init.text 0xf0ce5100\n")
    assert area.owner == owner


def _area(place: Path, caller: str, state: str, sections: str = "") -> Area:
    phase = place / "p"
    phase.mkdir()
    for file in (CASE / "p").iterdir():
        text = file.read_text()
        if file.name == "vmallocinfo":
            head, last = text.strip().rsplit("\n", 1)
            text = f"{head}\n{last.replace('kernel_clone+0xb8/0x3e8', caller)}\n"
        elif file.name == "modules":
            text = text.replace("Live", state)
        elif file.name == "sections":
            text += sections
        (phase / file.name).write_text(text)
    (place / "meta.toml").write_text((CASE / "meta.toml").read_text())
    area = open_path(str(place)).history.snapshot().area_at(0xF0CE4000)
    assert area is not None
    return area
