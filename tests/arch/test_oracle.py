"""Every row of the oracle, field by field, and the rows on reach, PLTs and capabilities."""

from typing import Any

import pytest

from execmem_tui import arch
from execmem_tui.arch.boot import Variant
from execmem_tui.model.capability import FtraceMemory
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.rules import JitMemory, rules_of
from tests.arch.oracle import check, ids, oracle

KNOWN = arch.architectures()


def _of_known(table: str) -> list[Any]:
    return [entry for entry in oracle()[table] if entry["arch"].partition("-")[0] in KNOWN]


@pytest.mark.parametrize(
    "layout_id", [name for known in arch.architectures() for name in ids(known)]
)
def test_layout_equals_the_oracle(layout_id: str) -> None:
    check(arch.resolve_id(layout_id))


def test_every_listed_layout_is_in_the_oracle() -> None:
    known = {name for entry in arch.architectures() for name in ids(entry)}
    assert set(arch.layout_ids()) == known


def _variants(name: str) -> list[Variant]:
    return list(arch.architecture(name).variants)


@pytest.mark.parametrize(
    "entry", _of_known("reach"), ids=lambda entry: f"{entry['arch']}-{entry['instruction']}"
)
def test_reach_equals_the_oracle(entry: dict[str, Any]) -> None:
    found = [
        reach
        for variant in _variants(entry["arch"])
        for reach in arch.architecture(entry["arch"]).reach(variant)
        if reach.instruction == entry["instruction"]
    ]
    assert found, entry["instruction"]
    for reach in found:
        assert (reach.kind, reach.low, reach.high) == (
            ReachKind(entry["kind"]),
            int(entry["low"], 16),
            int(entry["high"], 16),
        )
        assert ", ".join(reach.relocations) == entry["relocations"]
        assert (reach.note, reach.source) == (entry["note"], entry["source"])


@pytest.mark.parametrize("entry", _of_known("plt"), ids=lambda entry: entry["arch"])
def test_plt_equals_the_oracle(entry: dict[str, Any]) -> None:
    name, _, bits = entry["arch"].partition("-")
    variants = [
        variant for variant in _variants(name) if not bits or variant.word_bits == int(bits)
    ]
    found = [
        plt for variant in variants if (plt := arch.architecture(name).plt(variant)) is not None
    ]
    if entry["entry_bytes"] == 0:
        assert not found
        return
    assert found
    for plt in found:
        assert (plt.entry_bytes, plt.extra_bytes) == (entry["entry_bytes"], entry["extra_bytes"])
        assert (plt.extends_to, plt.cost, plt.source) == (
            entry["extends_to"],
            entry["cost"],
            entry["source"],
        )


@pytest.mark.parametrize(
    "entry", _of_known("capability"), ids=lambda entry: f"{entry['arch']}-{entry['kernel']}"
)
def test_capability_equals_the_oracle(entry: dict[str, Any]) -> None:
    found = arch.architecture(entry["arch"])
    for variant in found.variants:
        if entry["kernel"] not in variant.kernels:
            continue
        mine = found.capability(variant, rules_of(entry["kernel"]))
        slot = mine.kprobe_slot
        told = {
            "have_kprobes": mine.have_kprobes,
            "insn_slots": slot is not None,
            "bpf_jit": mine.bpf_alloc is not JitMemory.NONE,
        }
        assert {
            name: value for name, value in told.items() if "dependent" not in str(entry[name])
        } == {name: entry[name] for name in told if "dependent" not in str(entry[name])}
        assert (mine.insn_page_override, mine.source) == (
            entry["insn_page_override"],
            entry["source"],
        )
        optimised = slot is not None and slot.optinsn_size is not None
        thumb = "thumb2" in variant.name
        assert optimised == (entry["optprobes"].startswith("execmem") and not thumb)
        for name in ("bpf_alloc", "bpf_trampoline"):
            assert getattr(mine, name) in entry[name] or getattr(mine, name) is JitMemory.NONE
        assert mine.execmem_rox in (entry["execmem_rox"], False)
        uses_ftrace = mine.ftrace in (FtraceMemory.TRAMPOLINES, FtraceMemory.HOTPATCH)
        assert uses_ftrace in (entry["ftrace_execmem"], False)


def test_the_capability_of_64_bit_x86_is_the_oracle_s() -> None:
    entries = [each for each in oracle()["capability"] if each["arch"] == "x86"]
    for entry in entries:
        mine = arch.resolve("x86", entry["kernel"]).capability
        assert mine.execmem_rox is entry["execmem_rox"]
        assert mine.ftrace is FtraceMemory.TRAMPOLINES
        assert mine.bpf_alloc is mine.bpf_trampoline is JitMemory.PACK
