"""/proc/kallsyms, modules, sections, version, uname, config, meminfo.

What kernels of all ages and word sizes print.
"""

import pytest

from execmem_tui.formats.procfiles import (
    ModuleLine,
    Symbol,
    parse_config,
    parse_kallsyms,
    parse_meminfo,
    parse_modules,
    parse_sections,
    parse_uname,
    parse_version,
)
from execmem_tui.formats.vmallocinfo import Pointers, parse_vmallocinfo
from execmem_tui.model.errors import InputError


def lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), 1))


def test_kallsyms_of_both_word_sizes() -> None:
    text = (
        "ffffffff81000000 T _text\nc0008000 T stext\nbf000000 t $a\t[xfs]\n"
        "ffffffffc0123000 t bpf_prog_6deef7357e7b4530_sd_fw_ingress\t[bpf]\n"
        "ffffffffc0200000 t kprobe_insn_page\t[__builtin__kprobes]\n"
        "0000000000000000 A fixed_percpu_data\n"
    )
    found = parse_kallsyms("k", lines(text))
    assert len(found) == 6
    assert found[2] == Symbol(address=0xBF000000, kind="t", name="$a", module="xfs")
    assert [each.module for each in found] == [None, None, "xfs", "bpf", "__builtin__kprobes", None]


# of cls_flower on riscv64, 7.2.13: 98 of 100 symbols of its modules are labels
_LABELS = """\
ffffffff055e8000 t $xrv64i2p1_m2p0_a2p1_c2p0_zicsr2p0_zifencei2p0\t[cls_flower]
ffffffff055e8000 t fl_mask_copy\t[cls_flower]
ffffffff055e8004 t .LVL1\t[cls_flower]
ffffffff055e8010 t .L0 \t[cls_flower]
ffffffff055e9000 t .LBB7\t[cls_flower]
ffffffff055e9008 t .LBE7\t[cls_flower]
ffffffff055e9008 t .LBE7\t[cls_bpf]
"""


def test_of_labels_the_first_in_each_page_of_a_module_is_left() -> None:
    found = [each.name for each in parse_kallsyms("k", lines(_LABELS))]
    assert found[0].startswith("$xrv64")
    assert found[1:] == ["fl_mask_copy", ".LBB7", ".LBE7"]


def test_labels_do_not_use_up_what_is_read_of_a_kallsyms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECMEM_TUI_LIMIT", "4")
    assert len(parse_kallsyms("k", lines(_LABELS))) == 4
    with pytest.raises(InputError, match="more than 4 lines"):
        parse_kallsyms("k", lines(_LABELS + "ffffffff055e8020 t fl_init\t[cls_flower]\n"))


def test_modules_with_taints_without_counts_and_hidden() -> None:
    text = (
        "nvidia 62386176 2146 nvidia_uvm,nvidia_modeset, Live 0xffffffffc1000000 (PO)\n"
        "loop 32768 - - Live 0xbf012000\next4 761856 1 - Live 0x0000000000000000\n"
        "half 16384 1 [permanent], Loading 0xffffffffc0800000 (OE+)\n"
    )
    found = parse_modules("m", lines(text))
    assert found == [
        ModuleLine(name="nvidia", size=62386176, state="Live", base=0xFFFFFFFFC1000000),
        ModuleLine(name="loop", size=32768, state="Live", base=0xBF012000),
        ModuleLine(name="ext4", size=761856, state="Live", base=0),
        ModuleLine(name="half", size=16384, state="Loading", base=0xFFFFFFFFC0800000),
    ]


@pytest.mark.parametrize("parse", [parse_kallsyms, parse_modules, parse_sections])
def test_foreign_files_are_refused_with_file_and_line(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(InputError, match=r"f:51: not a line of"):
        parse("f", lines("\x1b[31mhello\n" * 60))


def test_a_few_foreign_lines_are_passed_over() -> None:
    text = "xfs .text 0xbf000000\n\x1b]0;x\x07\nxfs .data\nxfs .data hidden\nxfs .data 0xbf004000\n"
    assert [each.section for each in parse_sections("s", lines(text))] == [".text", ".data"]


def test_version_and_uname() -> None:
    text = "Linux version 6.1.0-50-686-pae (x@y) (gcc-12) #1 SMP"
    assert parse_version(lines(text)) == ("6.1.0-50-686-pae", "(x@y) (gcc-12) #1 SMP")
    assert parse_version(lines("hello")) is None
    debian = (
        "Linux host 6.12.107+deb13-arm64 #1 SMP Debian 6.12.107-1 (2026-10-01) aarch64 GNU/Linux"
    )
    fedora = (
        "Linux host.example.org 6.11.4-301.fc41.x86_64 #1 SMP PREEMPT_DYNAMIC Sun Oct 20 2024"
        " x86_64 x86_64 x86_64 GNU/Linux"
    )
    assert parse_uname(lines(debian)) == ("6.12.107+deb13-arm64", "aarch64")
    assert parse_uname(lines(fedora)) == ("6.11.4-301.fc41.x86_64", "x86_64")
    assert parse_uname(lines("Linux")) is None


def test_config_and_meminfo() -> None:
    assert parse_config(lines('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\nhello\n')) == {
        "CONFIG_A": "y",
        "CONFIG_B": "n",
        "CONFIG_C": "x",
    }
    assert parse_meminfo(lines("VmallocTotal:   245760 kB\nHugePages_Total:       0\n")) == {
        "VmallocTotal": 245760 << 10
    }
    assert parse_meminfo(lines(f"VmallocTotal: {(1 << 54) - 1} kB\n")) == {
        "VmallocTotal": (1 << 64) - 1024
    }
    for size in (1 << 54, "9" * 3000):  # no machine has so much
        assert parse_meminfo(lines(f"VmallocTotal: {size} kB\n")) == {}


def test_vmallocinfo_of_old_kernels() -> None:
    text = (
        "0xf8002000-0xf8004000    8192 acpi_os_map_memory+0x13/0x1c phys=7fef0000"
        " ioremap\n0xffffc900000ec000-0xffffc900000ef000   12288 alloc_large_system_hash+0x1/0x2"
        " pages=2 vmalloc N0=2\n0xffffc90000100000-0xffffc90000200000 1048576"
        " vm_map_ram\n0xffffc90000200000-0xffffc90000202000    8192 vmap_stack+0x1/0x2 pages=1 vmap"
        " user sparse dma-coherent N0=1\n"
    )
    info = parse_vmallocinfo("v", lines(text))
    assert info.pointers is Pointers.REAL
    assert not info.skipped
    assert info.entries[0].phys == 0x7FEF0000
    assert info.entries[2].caller == "vm_map_ram"
    assert info.entries[3].flags == ("vmap", "user", "sparse", "dma-coherent")


def test_lines_that_ran_into_each_other_are_counted() -> None:
    good = "0xffffc90000200000-0xffffc90000202000    8192 f+0x1/0x2 pages=1 vmalloc"
    both = "0xffffc90000200000-0xffffc90xffffc90000200000-0xffffc90000202000    8192 f+0x1/0x2"
    assert parse_vmallocinfo("v", lines(f"{good}\n{both}\n{good}\n")).skipped == (2,)
