"""Events of a trace; a long one is read by a second process where there is a CPU for it."""

import marshal
import os
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from execmem_tui.formats.reader import read_lines
from execmem_tui.formats.trace import trace_events
from execmem_tui.formats.trace_lines import Event

_LONG: Final = 16 << 20
"""Bytes of a trace that is worth a process."""
_PACKED: Final = 10
"""How much smaller a packed trace is, about."""
_BATCH: Final = 1000
_COUNT: Final = 4
"""Bytes of the length before each batch."""


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a trace.

    Raises:
        InputError: it is no trace, or broken.
        OSError: it cannot be read.
    """
    size = path.stat().st_size * (1 if path.suffix == ".txt" else _PACKED)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if size > _LONG and cpus > 1 and threading.active_count() == 1:  # a fork with threads may hang
        return _piped_events(path)
    return trace_events(str(path), read_lines(path))


def _piped_events(path: Path) -> Iterator[Event]:
    """Yield the events that a second process reads; should it fail, at what ever, the rest is read here.

    It ends with this one: a write into a pipe that nobody reads kills it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _send(path, writer)
        finally:
            os._exit(0)
    os.close(writer)
    got = 0
    try:
        with os.fdopen(reader, "rb") as pipe:
            while batch := _receive(pipe):
                got += len(batch)
                yield from batch
            if batch is not None:
                return
    finally:
        os.waitpid(child, 0)
    yield from islice(trace_events(str(path), read_lines(path)), got, None)


def _send(path: Path, writer: int) -> None:
    """Write the events in batches; an empty one is the last."""
    events = trace_events(str(path), read_lines(path))
    with os.fdopen(writer, "wb") as pipe:
        more = True
        while more:
            batch = list(islice(events, _BATCH))
            more = bool(batch)
            data = marshal.dumps(batch)
            pipe.write(len(data).to_bytes(_COUNT, "little") + data)


def _receive(pipe: BinaryIO) -> list[Event] | None:
    """Return a batch, or None where the other process ended too early."""
    size = int.from_bytes(pipe.read(_COUNT), "little")
    data = pipe.read(size)
    return marshal.loads(data) if size and len(data) == size else None  # noqa: S302 - the same program wrote it
