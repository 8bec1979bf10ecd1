"""What an address is said to lie in must be believable."""

from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.opening import open_path
from execmem_tui.view.inspect import LONGEST_SYMBOL, distance, inside_at
from execmem_tui.view.panes import pane_models

CAPTURES = Path(__file__).parents[1] / "data" / "captures"


def snapshot_of(
    folder: Path, symbols: str, *, arch: str = "amd64", kernel: str = "6.12.107"
) -> Snapshot:
    phase = folder / "p"
    phase.mkdir(parents=True)
    (folder / "meta.toml").write_text(f'arch = "{arch}"\nkernel = "{kernel}"\npage_size = 4096\n')
    (phase / "kallsyms").write_text(
        "ffffffff81000000 T _text\nffffffff81000000 T _stext\nffffffff82000000 T _etext\n"
        f"ffffffff83000000 B _end\n{symbols}"
    )
    (phase / "modules").write_text("one 2097152 0 - Live 0xffffffffc0400000\n")
    (phase / "vmallocinfo").write_text(
        "0xff3d914e40000000-0xff3d914e40002000    8192 start_kernel+0x1/0x2 pages=1 vmalloc\n"
        "0xffffffffc0400000-0xffffffffc0601000 2101248 load_module+0x1/0x2 pages=512 vmalloc\n"
        "0xffffffffc0800000-0xffffffffc0901000 1052672 bpf_jit_alloc_exec+0x1/0x2 pages=256"
        " vmalloc\n"
    )
    return open_path(str(folder)).history.snapshot()


@pytest.mark.fault(7)
def test_a_symbol_far_below_names_nothing(tmp_path: Path) -> None:
    symbols = "ffffffff81001000 T near_fn\nffffffffc0400000 t one_fn\t[one]\n"
    snapshot = snapshot_of(tmp_path, symbols)
    for start, name in ((0xFFFFFFFF81001000, "near_fn"), (0xFFFFFFFFC0400000, "one_fn")):
        assert inside_at(snapshot, start + LONGEST_SYMBOL - 1) == (start, name)
        assert inside_at(snapshot, start + LONGEST_SYMBOL) is None


@pytest.mark.fault(22)
def test_mapping_symbols_name_nothing(tmp_path: Path) -> None:
    symbols = (
        "ffffffff81001000 T real\nffffffff81001000 t $x\nffffffff81001008 t $d\n"
        "ffffffff81001010 t .L1\nffffffff81001018 t L0\x01\n"
        "ffffffffc0400000 t one_fn\t[one]\nffffffffc0400008 t $d\t[one]\n"
    )
    snapshot = snapshot_of(tmp_path, symbols)
    assert inside_at(snapshot, 0xFFFFFFFF81001020) == (0xFFFFFFFF81001000, "real")
    assert inside_at(snapshot, 0xFFFFFFFFC0400010) == (0xFFFFFFFFC0400000, "one_fn")


def test_a_program_has_no_longest_length(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, "ffffffffc0800000 t bpf_prog_long\t[bpf]\n")
    area = snapshot.area_at(0xFFFFFFFFC0800000)
    assert area is not None
    assert area.type is ExecmemType.BPF
    address = 0xFFFFFFFFC0800000 + 4 * LONGEST_SYMBOL
    assert inside_at(snapshot, address) == (0xFFFFFFFFC0800000, "bpf_prog_long")


def test_the_distance_counts_from_the_last_byte_of_the_image(tmp_path: Path) -> None:
    """`_end` is the first byte behind the image: one byte away, as a branch counts it."""
    layout = snapshot_of(tmp_path, "").layout
    assert distance(layout, 0xFFFFFFFF83000000) == 1
    assert distance(layout, 0xFFFFFFFF82FFFFFF) == 0
    assert distance(layout, 0xFFFFFFFF80FFFFFF) == -1


def test_a_hole_that_pools_may_cut_is_at_most_so_large(capsys: pytest.CaptureFixture[str]) -> None:
    run = CAPTURES / "arm64-7.2.13-nokaslr"
    snapshot = open_path(str(run)).history.snapshot()
    layout = snapshot.layout
    said = {pane.title: "at most" in pane.summary for pane in pane_models(snapshot)}
    # KPROBES and BPF have the vmalloc window, which pools serve; modules have one of their own
    assert said == {"MODULE": False, "KPROBES": True, "FTRACE": False, "BPF": True}
    assert layout.cut_by_pools(ExecmemType.BPF)
    assert not layout.cut_by_pools(ExecmemType.MODULE_TEXT)
    hole = snapshot.areas[-1].start - 1  # below the percpu chunk that ends the window
    main(["whatis", hex(hole), str(run)])
    assert "or in a node's pool: a hole of at most" in capsys.readouterr().out
    old = open_path(str(CAPTURES / "armhf-6.12.107")).history.layout  # 32 bits: one node, no pools
    assert not old.pools_hidden
