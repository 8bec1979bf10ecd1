"""The command line that shows again what is shown now."""

import os
import shlex
from collections.abc import Iterable, Sequence

from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, hex_address
from execmem_tui.sources.base import SourceKind
from execmem_tui.view.paint import LensName


def command_line(
    kind: SourceKind,
    opened: Sequence[str],
    snapshot: Snapshot,
    cursor: Address | None = None,
    lens: LensName = LensName.KIND,
    *,
    inside: bool = False,
) -> str:
    """Return a command line for a shell.

    Args:
        kind: of the source.
        opened: the words after ``execmem-tui`` that opened it.
        snapshot: the step that is shown.
        cursor: the address under the cursor; None names none.
        lens: what colour tells; the difference needs what is compared with, which no word names.
        inside: the step of a simulation lies between the events of one command.
    """
    words = ["execmem-tui", *opened]
    if inside or kind not in (SourceKind.SIMULATE, SourceKind.LIVE):
        words += ["--step", str(snapshot.step)]
    if cursor is not None:
        words += ["--at", hex_address(cursor, snapshot.layout.word_bits)]
    if lens not in (LensName.KIND, LensName.DIFFERENCE):
        words += ["--lens", lens.value]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Return a word as a shell reads it, in printable characters only.

    A name out of a stranger's archive may hold any: what is copied is pasted into a terminal.
    """
    if word.isprintable():
        return shlex.quote(word)
    said = "".join(
        f"\\{char}" if char in "\\'" else char if char.isprintable() else _bytes(char)
        for char in word
    )
    return f"$'{said}'"


def _bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


def simulated_words(snapshot: Snapshot, *, empty: bool, acts: Iterable[str] = ()) -> list[str]:
    """Return the options that simulate a snapshot's machine.

    Args:
        snapshot: of it.
        empty: it was not booted.
        acts: what was done by hand since, in the words of ``--do``; "" for what has none.
    """
    layout = snapshot.layout
    kaslr = layout.kaslr.removeprefix("seed-").replace("on-example", "example")
    words = ["--arch", layout.arch, "--kernel", layout.kernel.rpartition(".")[0] or layout.kernel]
    words += ["--variant", layout.variant]
    if kaslr not in ("off", "n/a", "unknown"):
        words += ["--kaslr", kaslr]
    if empty:
        words.append("--empty")
    return words + [word for act in acts if act for word in ("--do", act)]
