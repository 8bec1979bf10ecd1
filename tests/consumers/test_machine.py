"""Purges that find nothing: told where they were asked for, left
out where they only belong to a call."""

from execmem_tui.arch import resolve
from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.machine import PACK_SIZE, Machine
from execmem_tui.consumers.observers import Observer
from execmem_tui.mm.journal import PurgeVmapAreaLazy, Record
from execmem_tui.model.areas import AreaState, Part
from execmem_tui.model.events import Freed, Purged
from execmem_tui.model.ranges import ExecmemType


class Listener(Observer):
    """Hears of every purge."""

    def __init__(self) -> None:
        self.purges: list[Record] = []

    def append(self, record: Record, /) -> None:
        if isinstance(record, PurgeVmapAreaLazy):
            self.purges.append(record)


def machine(*more: Observer) -> tuple[Machine, Ledger]:
    layout = resolve("x86", "6.12")
    ledger = Ledger(layout)
    return Machine(layout, observers=(ledger, *more)), ledger


def test_a_purge_that_was_asked_for_is_told_though_it_moves_nothing() -> None:
    started, ledger = machine()
    for kind in ("aliases", "drain", "reclaim"):
        started.purge(kind)
    kinds = [event.kind for event in ledger.take_events() if isinstance(event, Purged)]
    assert kinds == ["aliases", "drain", "reclaim"]


def test_a_purge_of_a_call_is_carried_out_where_somebody_listens_and_the_same_is_told() -> None:
    listener = Listener()
    told = []
    for started, ledger in (machine(), machine(listener)):
        for _ in range(3):
            start = started.exec_alloc(ExecmemType.MODULE_TEXT, 4096, owner="x")
            assert start is not None
            started.set_memory(start, 4096, "rox")
            started.exec_free(start)
            started.set_memory(start, 4096, "nx")
        told.append((ledger.take_events(), sorted(ledger.by_start)))
    assert told[0] == told[1]
    assert any(isinstance(event, Purged) for event in told[0][0])
    assert len(listener.purges) > sum(isinstance(event, Purged) for event in told[0][0])


def test_what_was_given_back_has_no_parts_any_more() -> None:
    started, ledger = machine()
    start = started.request(ExecmemType.BPF, PACK_SIZE)
    assert start is not None
    started.divide(start, (Part(start, 64, "prog"),), "1 program")
    started.exec_free(start)
    (freed,) = (event for event in ledger.take_events() if isinstance(event, Freed))
    (area,) = freed.added
    assert (area.state, area.parts, area.detail) == (AreaState.LAZY, None, "1 program")
