"""Events of a trace, and what is made of them.

Of a long one by a second process where there is a CPU for it.
"""

import marshal
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeVar

from execmem_tui.files.packed import read_texts
from execmem_tui.formats.trace import TraceReader
from execmem_tui.formats.trace_event import Event
from execmem_tui.model.errors import InputError

_LONG: Final = 16 << 20
"""Bytes of a trace that is worth a process."""
_PACKED: Final = 10
"""How much smaller a packed trace is, about."""
_PIPE: Final = 1 << 20
"""Bytes that the pipe between the processes holds: what any user may ask for."""
_COUNT: Final = 4
"""Bytes of the length before each message."""
_T = TypeVar("_T")


class Watcher(Protocol):
    """Sees the events first, in the process that reads them."""

    def see(self, events: Sequence[Event]) -> None:
        """Look at the next events."""

    def results(self) -> object:
        """Return what was found, after the last event; pickle can take it to another process."""

    def adopt(self, results: Any) -> None:
        """Take what the other process found."""


class _NoWatcher:
    def see(self, events: Sequence[Event]) -> None:
        """Nothing is looked for."""

    def results(self) -> object:
        return None

    def adopt(self, results: object) -> None:
        """Nothing was found."""


def read_events(path: Path, watcher: Watcher | None = None) -> Iterator[Event]:
    """Yield the events of a trace; when all were taken, `watcher` has its results.

    Raises:
        InputError: it is no trace, or broken.
        OSError: it cannot be read.
    """
    watcher = watcher or _NoWatcher()
    return chain.from_iterable(made_aside(path, partial(_seen_batches, path, watcher), watcher))


def made_aside(
    path: Path, make: Callable[[], Iterator[_T]], watcher: Watcher | None = None
) -> Iterator[_T]:
    """Yield what `make` makes of a trace: of a long one in a second process.

    Args:
        path: the trace.
        make: gives what marshal can take, never None, and each time the same, errors too.
        watcher: has its results when all was taken.
    """
    watcher = watcher or _NoWatcher()
    size = path.stat().st_size * (1 if path.suffix == ".txt" else _PACKED)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if size > _LONG and cpus > 1 and threading.active_count() == 1:  # a fork with threads may hang
        return _piped(make, watcher)
    return _made_here(make, watcher)


def file_events(path: Path) -> Iterator[Event]:
    """Yield the events of a trace, read by this process; raise as `read_events`."""
    return chain.from_iterable(_batches(path))


def _batches(path: Path) -> Iterator[list[Event]]:
    """Yield the events of some lines at a time; those before an error, then the error."""
    reader, number = TraceReader(str(path)), 1
    for text in read_texts(path):
        events: list[Event] = []
        try:
            number += reader.read(number, text, events)
        except InputError:
            yield events
            raise
        if events:
            yield events


def _seen_batches(path: Path, watcher: Watcher) -> Iterator[list[Event]]:
    for batch in _batches(path):
        watcher.see(batch)
        yield batch


def _made_here(make: Callable[[], Iterator[_T]], watcher: Watcher) -> Iterator[_T]:
    yield from make()
    watcher.adopt(watcher.results())


def _piped(make: Callable[[], Iterator[_T]], watcher: Watcher) -> Iterator[_T]:
    """Yield what a second process makes.

    Wherever that one stops early, this one makes all from the beginning and yields what is still
    missing. It never outlives this one: a write into a pipe that nobody reads kills it.
    """
    reader, writer = os.pipe()
    _widen(writer)
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _send(make, watcher, writer)
        finally:
            os._exit(0)
    os.close(writer)
    got = 0
    try:
        with os.fdopen(reader, "rb") as pipe:
            while data := _receive(pipe):
                made = marshal.loads(data)  # noqa: S302 - the same program wrote it
                if made is None:
                    results = _receive(pipe)
                    if results is not None:
                        watcher.adopt(pickle.loads(results))  # noqa: S301 - as above
                        return
                    break
                got += 1
                yield made
    finally:
        os.waitpid(child, 0)
    yield from islice(_made_here(make, watcher), got, None)


def _widen(pipe: int) -> None:
    """Let a pipe hold several batches, so that neither process waits for the other's slow ones."""
    # fcntl is not everywhere where this is imported, and the size only on Linux
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # more than a user may have in pipes: it stays as it is
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _send(make: Callable[[], Iterator[Any]], watcher: Watcher, writer: int) -> None:
    """Write all that is made, None at last, then the results."""
    with os.fdopen(writer, "wb") as pipe:
        for made in chain(make(), (None,)):
            data = marshal.dumps(made)
            pipe.write(len(data).to_bytes(_COUNT, "little") + data)
        data = pickle.dumps(watcher.results())
        pipe.write(len(data).to_bytes(_COUNT, "little") + data)


def _receive(pipe: BinaryIO) -> bytes | None:
    """Return one message, or None where the other process ended too early."""
    size = int.from_bytes(pipe.read(_COUNT), "little")
    data = pipe.read(size)
    return data if size and len(data) == size else None
