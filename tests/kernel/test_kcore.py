"""The ranges in a kernel's memory."""

import struct
from pathlib import Path

from execmem_tui.kernel.kcore import read_ranges
from execmem_tui.model.ranges import ExecmemType


def test_ranges_are_read_from_kcore(tmp_path: Path) -> None:
    """struct execmem_info at 0x2000 behind the pointer at 0x1000, in an ELF core with one segment."""
    low = 0xFFFF_0000_0000_0000
    ranges = b"".join(
        struct.pack("<5Q2I", low + kind * 0x10000, low + kind * 0x10000 + 0x8000, 0, 0, 0x163, 1, 2)
        for kind in range(len(ExecmemType))
    )
    memory = bytearray(0x4000)
    memory[0x1000:0x1008] = struct.pack("<Q", low + 0x2000)
    memory[0x2008 : 0x2008 + len(ranges)] = ranges
    head = struct.pack(
        "<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 7, 120, low, 0, len(memory), len(memory), 4096)
    kcore = tmp_path / "kcore"
    kcore.write_bytes(head + segment + bytes(memory))
    found = read_ranges(kcore, low + 0x1000)
    assert found[ExecmemType.BPF] == (low + 0x30000, low + 0x38000, 0, 0)
    assert read_ranges(kcore, low + 0x3000) == {}
    assert read_ranges(tmp_path / "missing", low) == {}
    kcore.write_bytes(b"\x7fELF\x02\x01" + b"\x00" * 30)
    assert read_ranges(kcore, low + 0x1000) == {}
