"""The ranges in a kernel's memory."""

import os
import struct
from pathlib import Path

import pytest

from execmem_tui.kernel.kcore import read_ranges
from execmem_tui.model.ranges import ExecmemType

LOW = 0xFFFF_0000_0000_0000
SECOND = LOW + 0x3800
"""A symbol of the same name that is something else."""


def core(memory: bytes, *, offset: int = 120, count: int = 1) -> bytes:
    """Return an ELF core with one segment at `LOW`."""
    head = struct.pack(
        "<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 4, 62, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 7, offset, LOW, 0, len(memory), len(memory), 4096)
    return head + segment + memory


def table() -> bytes:
    return b"".join(
        struct.pack("<5Q2I", LOW + kind * 0x10000, LOW + kind * 0x10000 + 0x8000, 0, 0, 0x163, 1, 2)
        for kind in range(len(ExecmemType))
    )


def memory() -> bytes:
    """Return struct execmem_info at 0x2000, its ranges behind a function pointer;
    a pointer to it at 0x1000."""
    found = bytearray(0x4000)
    found[0x1000:0x1008] = struct.pack("<Q", LOW + 0x2000)
    found[0x2008 : 0x2008 + len(table())] = table()
    return bytes(found)


def test_ranges_are_read_from_kcore(tmp_path: Path) -> None:
    kcore = tmp_path / "kcore"
    kcore.write_bytes(core(memory()))
    found = read_ranges(kcore, [LOW + 0x1000])
    assert found.ranges[ExecmemType.BPF] == (LOW + 0x30000, LOW + 0x38000, 0, 0)
    assert found.why == ""


def test_every_symbol_of_the_name_is_tried(tmp_path: Path) -> None:
    """x86 has two: the pointer of mm/execmem.c and the struct of arch/x86/mm/init.c."""
    kcore = tmp_path / "kcore"
    kcore.write_bytes(core(memory()))
    right = read_ranges(kcore, [LOW + 0x1000])
    assert read_ranges(kcore, [SECOND, LOW + 0x1000]) == right
    assert read_ranges(kcore, [LOW + 0x2000]) == right  # the struct itself
    assert read_ranges(kcore, [0, SECOND]).ranges == {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no core"),
        (b"\x7fELF\x02\x01" + b"\x00" * 30, "no core"),
        (core(memory())[:64], "program headers make no sense"),
        (core(memory(), count=65535), "program headers make no sense"),
        (core(memory(), offset=(1 << 64) - 1), "holds no ranges"),
        (core(memory(), offset=1 << 62), "Invalid argument"),
        (core(bytes(0x4000)), "holds no ranges"),
    ],
    ids=["empty", "cut", "no headers", "too many headers", "offset ends", "offset far", "nothing"],
)
def test_a_core_that_lies_is_said(tmp_path: Path, data: bytes, why: str) -> None:
    kcore = tmp_path / "kcore"
    kcore.write_bytes(data)
    found = read_ranges(kcore, [LOW + 0x1000])
    assert found.ranges == {}
    assert why in found.why


def test_why_there_are_no_ranges(tmp_path: Path) -> None:
    assert "not known" in read_ranges(tmp_path / "kcore", []).why
    assert read_ranges(tmp_path / "kcore", [LOW]).why == "kcore: it is not there"
    os.mkfifo(tmp_path / "fifo")
    assert "a FIFO" in read_ranges(tmp_path / "fifo", [LOW]).why
