"""Sections tell where init memory was; the caller of an area tells whether it still is."""

from pathlib import Path

import pytest

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.opening import open_path

CASE = Path(__file__).parents[1] / "data" / "replay-cases" / "4-stack-is-no-module"


@pytest.mark.parametrize(
    ("caller", "owner"),
    [
        ("load_module+0x88c/0x2690", "one"),
        ("execmem_alloc+0x1/0x2", "one"),
        ("arch_rethook_trampoline+0x0/0x54", "one"),  # a return probe on the loader
        ("__kretprobe_trampoline+0x0/0x54", "one"),
        ("kernel_clone+0xb8/0x3e8", None),  # a stack that has its place now
        ("bpf_prog_alloc_no_stats+0x1/0x2", None),
    ],
)
def test_init_memory_is_a_modules_only_where_the_loader_asked(
    tmp_path: Path, caller: str, owner: str | None
) -> None:
    phase = tmp_path / "p"
    phase.mkdir()
    for file in (CASE / "p").iterdir():
        text = file.read_text()
        if file.name == "vmallocinfo":
            head, last = text.strip().rsplit("\n", 1)
            text = f"{head}\n{last.replace('kernel_clone+0xb8/0x3e8', caller)}\n"
        (phase / file.name).write_text(text)
    (tmp_path / "meta.toml").write_text((CASE / "meta.toml").read_text())
    area = open_path(str(tmp_path)).history.snapshot().area_at(0xF0CE4000)
    assert area is not None
    assert area.owner == owner
    assert area.type is (None if owner is None else ExecmemType.MODULE_DATA)
