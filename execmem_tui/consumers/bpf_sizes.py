"""How much BPF asks for, and how much it may have (kernel/bpf/core.c)."""

from typing import Final

from execmem_tui.consumers.packs import CHUNK
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Bytes, align_up

_HEADER: Final = 8
"""sizeof(struct bpf_binary_header)."""
_PACK_ROOM: Final = 16
"""bpf_jit_binary_pack_alloc: room for a random number of illegal instructions."""
_BINARY_ROOM: Final = 128
"""bpf_jit_binary_alloc: the same."""
_FENTRY: Final = 164
_FENTRY_MORE: Final = 116
"""Bytes of a trampoline with one program, and what each further one adds (fentry and fexit of
bpf_fentry_test1 on 6.12.107, x86-64)."""


def program_length(layout: Layout, code: Bytes, extable: int = 0) -> Bytes:
    """Return the proglen that the JIT asks for.

    Code, its exception table entries, and what the architecture adds (arm64: a PLT target).
    """
    body = align_up(code, 4) + layout.capability.bpf_tail
    return body + 12 * extable


def pack_request(proglen: Bytes) -> Bytes:
    """Return what bpf_jit_binary_pack_alloc() asks the packs for, and charges."""
    return align_up(proglen + _HEADER + _PACK_ROOM, CHUNK)


def binary_request(layout: Layout, proglen: Bytes) -> Bytes:
    """Return what bpf_jit_binary_alloc() asks for, and charges: whole pages."""
    return align_up(proglen + _HEADER + _BINARY_ROOM, layout.page_size)


def jit_limit(layout: Layout) -> Bytes:
    """Return the default of net.core.bpf_jit_limit (bpf_jit_charge_init).

    Half, rounded up to pages, at most LONG_MAX.
    """
    return min(align_up(layout.jit_space >> 1, layout.page_size), (1 << (layout.word_bits - 1)) - 1)


def trampoline_size(programs: int, more: Bytes = 0) -> Bytes:
    """Return a typical arch_bpf_trampoline_size() for a target with that many programs.

    Args:
        programs: attached to it.
        more: bytes that this kernel adds for each (`Rules.trampoline_bytes_more`).
    """
    return _FENTRY + _FENTRY_MORE * (programs - 1) + more * programs
