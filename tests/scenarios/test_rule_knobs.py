"""Knobs that change a rule of the kernel:
blocks of another size, purged at once, without a second try."""

import pytest

from execmem_tui.consumers.machine import Machine
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.scenarios.settings import Settings

MIB = 1 << 20
TEXT = ExecmemType.MODULE_TEXT


def machine(**changes: str) -> Machine:
    return Machine(Settings(arch="x86").changed(changes).layout(), cpus=1)


def test_a_block_has_the_size_asked_for() -> None:
    small = machine(rox_block="512K")
    start = small.exec_alloc(TEXT, 4096, owner="text")
    assert start is not None
    assert start % (512 << 10) == 0
    assert small.execmem.cache.free() == [(start + 4096, start + (512 << 10))]
    small.exec_free(start)
    small.run_deferred()
    assert small.execmem.cache.free() == []


@pytest.mark.parametrize("size", ["1000", "3M", "2K"])
def test_a_block_is_a_power_of_two_of_whole_pages(size: str) -> None:
    with pytest.raises(UsageError, match="power of two"):
        machine(rox_block=size)


def test_a_flushed_block_s_place_is_reusable_at_once() -> None:
    places = {}
    for flush in ("off", "on"):
        each = machine(rox_flush=flush)
        first = each.exec_alloc(TEXT, 4096, owner="one")
        assert first is not None
        each.release(first)
        places[flush] = each.exec_alloc(TEXT, 4096, owner="two") == first
    assert places == {"off": False, "on": True}


def test_without_the_exact_retry_a_full_window_fails() -> None:
    for retry, found in (("on", True), ("off", False)):
        each = machine(rox_exact_retry=retry, MODULES_END=hex(0xFFFFFFFFC0000000 + 2 * MIB))
        assert (each.exec_alloc(TEXT, 4096, owner="text") is not None) is found


def test_one_load_at_a_time_is_a_rule_of_the_kernel_unless_turned() -> None:
    assert Settings(arch="x86", kernel="6.5").layout().rules.idempotent_load
    assert not Settings(arch="x86", kernel="6.4").layout().rules.idempotent_load
    turned = Settings(arch="x86", kernel="6.4").changed({"idempotent_load": "on"})
    assert turned.layout().rules.idempotent_load


def test_what_no_kernel_does_is_called_hypothetical() -> None:
    plain = Settings(arch="x86")
    assert plain.hypothetical() == ()
    turned = plain.changed({"rox_block": "1M", "rox_flush": "on", "rox_exact_retry": "off"})
    assert [each.partition(":")[0] for each in turned.hypothetical()] == ["hypothetical"] * 3
    assert plain.changed({"rox_block": "2M"}).hypothetical() == ()
    older = Settings(arch="x86", kernel="6.16").changed({"rox_exact_retry": "off"})
    assert older.hypothetical() == ()
