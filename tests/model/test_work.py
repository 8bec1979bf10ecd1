"""Work that is counted, limited and stopped."""

import threading

import pytest

from execmem_tui.model.work import CancelledError, LimitError, Work


def test_a_limit_is_what_may_be_done() -> None:
    work = Work(3, what="steps", hint="do less")
    work.spend(2)
    work.spend()
    with pytest.raises(LimitError, match=r"more than 3 steps \(do less\)"):
        work.spend()
    assert work.done == 4


def test_no_limit() -> None:
    work = Work()
    work.spend(10**12)
    assert not work.cancelled


def test_another_thread_ends_it() -> None:
    work = Work()
    ended = threading.Event()

    def endless() -> None:
        try:
            while True:
                work.spend()
        except CancelledError:
            ended.set()

    thread = threading.Thread(target=endless)
    thread.start()
    work.cancel()
    work.cancel()
    thread.join(10)
    assert ended.is_set()
    assert work.cancelled
