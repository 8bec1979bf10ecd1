"""Kernel logs.

The grammar of failures through the ages, behind every head that tools put before it.
"""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.formats.dmesg import (
    Banner,
    CommandLine,
    ExecmemError,
    Message,
    NoSpace,
    RelocationError,
    VmallocError,
    findings,
    parse_dmesg,
)

HEADS = {
    "bare": ("", None),
    "dmesg": ("[   12.345678] ", 12.345678),
    "thread": ("[   12.345678][  T123] ", 12.345678),
    "level": ("<4>[   12.345678] ", 12.345678),
    "decoded": ("kern  :warn  : [   12.345678] ", 12.345678),
    "ctime": ("[Tue Nov 24 19:17:37 2026] ", None),
    "journalctl": ("Nov 24 19:17:37 somehost kernel: ", None),
    "syslog": ("2026-11-24T19:17:37.123456+00:00 somehost kernel: [   12.345678] ", 12.345678),
    "kmsg": ("4,711,12345678,-;", 12.345678),
}


def parse(*lines: str) -> list[Message]:
    return list(parse_dmesg(enumerate(lines, 1)))


MESSAGES = (
    "Linux version 6.12.107+deb13-arm64 (x@y) (aarch64-linux-gnu-gcc-14) #1 SMP",
    "Kernel command line: console=ttyS0 nokaslr",
    "vmap allocation for size 839680 failed: use vmalloc=<size> to increase size",
    (
        "vmalloc_node_range for size 839680 failed: Address range restricted to 0xf1000000 -"
        " 0xf5110000"
    ),
    "warn_alloc: 3 callbacks suppressed",
    (
        "modprobe: vmalloc error: size 832096, vm_struct allocation failed,"
        " mode:0xcc0(GFP_KERNEL), nodemask=(null)"
    ),
    "insmod: vmalloc: allocation failure: 426014 bytes, mode:0x14000c0",
    "execmem: unable to allocate memory",
    "execmem_alloc: 1110 callbacks suppressed",
    "hid: section 3 reloc 0 sym '': relocation 28 out of range (0xbf0000bc -> 0xc101c154)",
    "nf_tables: overflow in relocation type R_X86_64_PC32 val ffffffffc0000010",
    (
        "openvswitch: target ffffffe000033720 can not be addressed by the 32-bit offset from"
        " PC = 000000007f123456"
    ),
    "usb 1-1: new device",
)


@pytest.mark.parametrize("head", HEADS)
def test_all_messages_behind_all_heads(head: str) -> None:
    before, time = HEADS[head]
    found = parse(*(before + text for text in MESSAGES))
    assert [type(each) for each in found] == [
        Banner, CommandLine, NoSpace, NoSpace, VmallocError, VmallocError, ExecmemError,
        ExecmemError, RelocationError, RelocationError, RelocationError,
    ]  # fmt: skip
    assert {each.time for each in found} == {time}
    assert found[0] == Banner(
        line=1,
        time=time,
        release="6.12.107+deb13-arm64",
        rest="(x@y) (aarch64-linux-gnu-gcc-14) #1 SMP",
    )
    assert found[1] == CommandLine(line=2, time=time, text="console=ttyS0 nokaslr")
    assert found[2:4] == [
        NoSpace(line=3, time=time, size=839680),
        NoSpace(line=4, time=time, size=839680, start=0xF1000000, end=0xF5110000),
    ]
    assert found[4] == VmallocError(
        line=6, time=time, size=832096, task="modprobe", why="vm_struct allocation failed"
    )
    assert found[5] == VmallocError(
        line=7, time=time, size=426014, task="insmod", why="allocation failure"
    )
    assert found[7] == ExecmemError(line=9, time=time, count=1110)
    assert found[8] == RelocationError(
        line=10, time=time, module="hid", relocation="28", origin=0xBF0000BC, target=0xC101C154
    )
    assert [each.module for each in found if isinstance(each, RelocationError)] == [
        "hid",
        "nf_tables",
        "openvswitch",
    ]


def test_failures_are_summed_up() -> None:
    fail = "vmap allocation for size 8192 failed: use vmalloc=<size> to increase size"
    wide = (
        "vmalloc_node_range for size 839680 failed: Address range restricted to 0xf1000000 -"
        " 0xf5110000"
    )
    far = "hid: section 3 reloc 0 sym '': relocation 28 out of range (0xbf0000bc -> 0xc101c154)"
    assert findings(
        parse(
            fail,
            wide,
            fail,
            far,
            "execmem: unable to allocate memory",
            "execmem_vmap: 2 callbacks suppressed",
        )
    ) == [
        "dmesg says: execmem: unable to allocate memory, 3 times (rate limited: a lower bound)",
        (
            "dmesg says: no room found, 3 times; the biggest request 839,680 B (820K) with guard,"
            " in f1000000-f5110000"
        ),
        "dmesg says: relocation out of reach, 1 time: hid",
    ]
    assert findings(parse("nothing")) == []


@given(
    st.lists(
        st.sampled_from(
            [
                "execmem: unable",
                "vmalloc error: size 9",
                "\x1b[31m",
                "Linux version ",
                ": ",
                "\x9b",
                "7",
            ]
        )
    )
)
def test_pieces_of_messages_do_no_harm(pieces: list[str]) -> None:
    with suppress(StopIteration):
        for message in parse("".join(pieces)):
            assert all(char.isprintable() for char in str(message))


def test_virtual_kernel_memory_layout() -> None:
    text = """\
[    0.000000] Virtual kernel memory layout:
[    0.000000]     vector  : 0xffff0000 - 0xffff1000   (   4 kB)
[    0.000000]     vmalloc : 0xf0800000 - 0xff800000   ( 240 MB)
[    0.000000]     modules : 0xbf000000 - 0xbfe00000   (  14 MB)
[    0.000000]       .text : 0xc0008000 - 0xc0a00000   (10208 kB)
"""
    found = list(parse_dmesg(enumerate(text.splitlines(), 1)))
    assert [(type(each).__name__, getattr(each, "name", "")) for each in found] == [
        ("MemoryRange", "vmalloc"),
        ("MemoryRange", "modules"),
    ]
