"""Tells terminals with a speaker's notes where the tour is."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final

from execmem_tui.tours.speaker_notes import TourPosition, socket_path

_BEHIND: Final = 1 << 16
"""Bytes that nobody reads, after which a listener is dropped."""


class NotesServer:
    """The socket of the tour that is being taken; nothing before the first one begins."""

    def __init__(self) -> None:
        self._name = ""
        self._line = b""
        self._path: Path | None = None
        self._number: int | None = None
        """Inode of our socket: another process may have given its own that name."""
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._listeners: set[asyncio.StreamWriter] = set()

    def tell(self, name: str, standing: TourPosition) -> None:
        """Tell where a tour is, from the event loop.

        Another tour ends what was told of the last.
        """
        if name != self._name:
            self.close()
            self._name = name
            self._opening = asyncio.get_running_loop().create_task(self._open(name))
        line = standing.line()
        if line == self._line:
            return
        self._line = line
        for writer in list(self._listeners):
            if writer.transport.get_write_buffer_size() > _BEHIND:
                writer.transport.abort()
            else:
                writer.write(line)

    async def _open(self, name: str) -> None:
        try:
            path = socket_path(name)
            # its name comes last: who finds it finds somebody that answers, and only this user can
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self._serve, fresh)
            fresh.chmod(0o600)
            self._number = fresh.stat().st_ino
            fresh.replace(path)
        except (OSError, AttributeError, NotImplementedError):
            return  # a tour is taken without notes where there is no place for a socket
        self._server, self._path = server, path

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners.add(writer)
        writer.write(self._line)
        with contextlib.suppress(ConnectionError):
            await reader.read(1)  # nothing is said to us: it ends when the listener does
        self._listeners.discard(writer)
        writer.close()

    def close(self) -> None:
        """End what is told; nothing stays behind."""
        self._name, self._line = "", b""
        if self._opening is not None:
            self._opening.cancel()
        if self._server is not None:
            self._server.close()
        for writer in list(self._listeners):
            writer.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                if self._path.lstat().st_ino == self._number:
                    self._path.unlink()
        self._server = self._path = self._opening = None
