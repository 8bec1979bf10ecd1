"""Every row of the oracle, field by field, and the rows on reach, PLTs and capabilities."""

from typing import Any

import pytest

from execmem_tui import arch
from execmem_tui.arch.boot import Variant
from execmem_tui.model.reach import ReachKind
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
    modern = entry["kernel"] == "7.1.8"
    exact = (
        "have_kprobes",
        "insn_slots",
        "insn_page_override",
        "bpf_jit",
        "execmem_late",
        "source",
        "optprobes",
    )
    for variant in _variants(entry["arch"]):
        if entry["kernel"] not in variant.kernels:
            continue
        mine = arch.architecture(entry["arch"]).capability(variant, modern=modern)
        told = {name: entry[name] for name in exact if "arch dependent" not in str(entry[name])}
        assert {name: getattr(mine, name) for name in told} == told
        for name in ("bpf_alloc", "bpf_trampoline"):
            assert getattr(mine, name) in entry[name] or getattr(mine, name) == "none"
        for name in ("ftrace_execmem", "execmem_rox", "data_in_vmalloc"):
            assert getattr(mine, name) in (entry[name], False)
