"""Which rule holds from when: the record and its gaps."""

import pytest

from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rule_differences import differences, differing, rules_sentence
from execmem_tui.model.rules import (
    MODELS,
    READ,
    FailedStart,
    JitMemory,
    PurgeOrder,
    Writable,
    canonical,
    rules,
    rules_of,
    rules_told,
)
from execmem_tui.model.versions import parse_version

TEXT, KPROBES, FTRACE, BPF = list(ExecmemType)[:4]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("6.12", (6, 12, 0)),
        ("6.12.107+deb13-amd64", (6, 12, 107)),
        ("6.1.0-50-686-pae", (6, 1, 0)),
        ("7.3-rc7", (7, 3, 0)),
        ("7.3-powerpc64le", (7, 3, 0)),
    ],
)
def test_a_release_begins_with_its_version(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "six", "7", "7.", ".1", "v7.1", "99999.1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UnknownLayoutError):
        parse_version(text)
    assert rules_told(text).kernel == MODELS[-1]


def test_a_bare_series_is_the_release_that_was_read() -> None:
    assert [canonical(text) for text in ("6.12", "7.1", "7.3", "6.1")] == [
        "6.12.107",
        "7.1.8",
        "7.3.4",
        "6.1.187",
    ]
    assert canonical("6.6") == "6.6"
    assert canonical("7.1.13") == "7.1.13"


@pytest.mark.parametrize(
    ("kernel", "types"),
    [
        ("6.12.107", set()),
        ("6.13.5", set()),
        ("6.14.11", set()),
        ("6.15.0", {TEXT}),
        ("6.16.12", {TEXT}),
        ("6.17.0", {TEXT, KPROBES, FTRACE}),
        ("7.2.13", {TEXT, KPROBES, FTRACE}),
        ("7.3-rc7", {TEXT, KPROBES, FTRACE, BPF}),
    ],
)
def test_the_types_in_the_rox_cache(kernel: str, types: set[ExecmemType]) -> None:
    assert rules_of(kernel).rox_types == types


@pytest.mark.parametrize(
    ("name", "before", "begins", "value"),
    [
        ("execmem", "6.9.12", "6.10", True),
        ("split_modules", "6.3.13", "6.4", True),
        ("vmap_nodes", "6.8.12", "6.9", True),
        ("deferred_cleanup", "6.18.99", "6.19", True),
        ("nonblocking_vmalloc", "6.18.99", "6.19", True),
        ("rox_always_aligned", "6.14.99", "6.15", True),
        ("rox_always_aligned", "6.17.99", "6.18", False),
        ("rox_exact_retry", "6.16.99", "6.17", True),
        ("rox_free_purges", "6.16.99", "6.17", 3),
        ("alloc_rw", "6.14.99", "6.15", Writable.CACHED),
        ("alloc_rw", "6.16.99", "6.17", Writable.EVERY),
        ("rox_carves_at_once", "7.0.99", "7.1", True),
        ("kprobes_rox", "6.16.99", "6.17", True),
        ("loongarch_bpf", "6.19.99", "7.0", JitMemory.PACK),
        ("loongarch_data_window", "7.1.99", "7.2", True),
        ("shared_fprobe_ops", "6.18.99", "6.19", True),
        ("optimizer_thread", "6.19.99", "7.0", True),
        ("rox_cleans_whole_areas", "7.3.3", "7.3.4", True),
        ("riscv_kprobes_strict", "7.2.99", "7.3", True),
    ],
)
def test_a_rule_begins_with_its_version(name: str, before: str, begins: str, value: object) -> None:
    assert getattr(rules_of(begins), name) == value
    assert getattr(rules_of(before), name) != value
    assert name not in rules_of(begins).unknown | rules_of(before).unknown


def test_between_two_kernels_that_were_read_a_rule_is_unknown_and_the_later_one_s() -> None:
    assert rules_of("6.12.200").decay_empties_short
    assert "decay_empties_short" not in rules_of("6.12.200").unknown
    for kernel in ("6.13", "6.14.3", "6.15.9"):
        between = rules_of(kernel)
        assert not between.decay_empties_short
        assert between.failed_start is FailedStart.ERRNO
        assert {"decay_empties_short", "failed_start"} <= between.unknown
    assert "decay_empties_short" not in rules_of("6.16").unknown


def test_what_precedes_the_first_kernel_that_tells_is_unknown() -> None:
    assert "failed_start" in rules_of("6.1.187").unknown
    assert "failed_start" not in rules_of("6.12").unknown


def test_purges_give_back_in_three_orders() -> None:
    orders = [rules_of(kernel).purge_order for kernel in ("5.10.262", "6.1.187", "6.12.107")]
    assert orders == list(PurgeOrder)


def test_the_models_and_what_was_read_follow_known_rules() -> None:
    assert set(MODELS) <= set(READ)
    assert [parse_version(each) for each in READ] == sorted(parse_version(each) for each in READ)
    for kernel in MODELS:
        assert rules_sentence(rules_of(kernel)) == ""
        assert differing(rules_of(kernel)) == ()


def test_every_rule_states_its_source_and_begins_in_order() -> None:
    for rule in rules():
        assert rule.what
        assert rule.source
        versions = [parse_version(step.since) for step in rule.steps if step.since]
        assert versions == sorted(versions), rule.name
        assert [step.since for step in rule.steps[1:]] == [
            step.since for step in rule.steps[1:] if step.since
        ]


def test_a_rule_concerns_its_architectures() -> None:
    assert "rox_types" in {rule.name for rule in differing(rules_of("7.3.4"), "x86")}
    assert "rox_types" not in {rule.name for rule in differing(rules_of("7.3.4"), "arm64")}


def test_the_sentence_says_what_differs_what_is_unknown_and_what_is_too_new() -> None:
    assert rules_sentence(rules_of("7.3.4"), "x86").startswith("rules of 7.1.8; 7.3.4 differs in ")
    assert "types in the ROX cache" in rules_sentence(rules_of("7.3.4"), "x86")
    assert "Not known for 6.14.0: decay empties" in rules_sentence(rules_of("6.14.0"), "x86")
    assert rules_sentence(rules_of("6.14.0"), "x86").endswith(" more (execmem-tui kernels 6.14.0)")
    assert "(execmem-tui kernels --diff 7.1.8 7.3.4)" in rules_sentence(
        rules_of("7.3.4-rc1"), "x86"
    )
    assert rules_sentence(rules_of("7.5")).endswith(f"Nothing newer than {READ[-1]} was read")
    assert rules_sentence(rules_of("6.12.63")) == "rules of 6.12.107"
    assert "Nothing newer" not in rules_sentence(rules_of("7.3.99"))


def test_differences_are_named_with_both_values() -> None:
    found = {rule.name: (old, new) for rule, old, new in differences(*map(rules_of, MODELS))}
    assert found["decay_empties_short"] == (True, False)
    assert found["alloc_rw"] == (Writable.NONE, Writable.EVERY)
    assert "execmem" not in found
