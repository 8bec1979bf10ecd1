"""Where `g` goes: what a person may type for a place, read."""

import math

from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.model.numbers import decimal
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, hex_address, parse_address, parse_size
from execmem_tui.view.finding import Entry, nearest


@frozen
class Place:
    """An address, a moment, or who lies at an address, by number."""

    address: Address | None = None
    seconds: float | None = None
    tenant: int | None = None
    """From 1, in order of time."""
    step: int | None = None


def parse_place(text: str, snapshot: Snapshot, cursor: Address) -> Place:
    """Read a place: an address, a symbol, a module, ``+1M`` or ``-4K`` from the cursor.

    Or a moment: ``@12.5`` seconds, ``step 4680``, ``#2`` a tenant. A name is looked for among the
    symbols of the kernel, the macros of the layout and the owners of areas; one that is all
    hexadecimal digits is an address.

    Raises:
        UsageError: it is none of these, or no address of this machine.
    """
    word = text.strip()
    if word.startswith("@"):
        return Place(seconds=_seconds(word[1:]))
    if word.startswith("#"):
        number = decimal(word[1:])
        if not number:
            raise UsageError(
                f"no tenant: {printable(word, 40)}", hint="#1 is the first that lay here"
            )
        return Place(tenant=number)
    if word.lower().startswith("step "):  # as the title says it
        number = decimal(word[5:].strip().replace(",", ""))
        if number is None:
            raise UsageError(f"no step: {printable(word[5:], 40)}", hint="for example step 4,680")
        return Place(step=number)
    if word[:1] in ("+", "-") and word[1:]:
        distance = parse_size(word[1:])
        address = cursor + (distance if word[0] == "+" else -distance)
        return Place(_checked(address, snapshot))
    found = _named(word, snapshot)
    if found is not None:
        return Place(found)
    try:
        address = parse_address(word)
    except ExecmemTuiError:
        if not set(word.lower().removeprefix("0x")) - set("0123456789abcdef"):
            raise
        close = nearest(word, [Entry(name) for name in _names(snapshot)])
        hint = (
            f"did you mean {close}?"
            if close
            else "an address, a symbol, a module, +1M, @12.5, step 9, #2"
        )
        raise UsageError(f"no place is called {printable(word, 40)}", hint=hint) from None
    return Place(_checked(address, snapshot))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise UsageError(f"no number of seconds: {printable(text, 40)}", hint="for example @12.5")
    return seconds


def _checked(address: Address, snapshot: Snapshot) -> Address:
    bits = snapshot.layout.word_bits
    if not 0 <= address < 1 << bits:
        raise UsageError(f"no address of {bits} bits", hint=f"0 to {hex_address((1 << bits) - 1)}")
    return address


def _named(word: str, snapshot: Snapshot) -> Address | None:
    layout = snapshot.layout
    for table in (layout.symbols, layout.macros):
        if word in table:
            return table[word]
    for address, name in layout.image_symbols:
        if name == word:
            return address
    texts = [area for area in snapshot.areas if word in (area.owner, area.name)]
    first = next((area for area in texts if area.region == "MOD_TEXT"), None)
    if first is not None or texts:
        return (first or texts[0]).start
    return next(
        (part.start for area in snapshot.areas for part in area.parts or () if part.name == word),
        None,
    )


def _names(snapshot: Snapshot) -> set[str]:
    layout = snapshot.layout
    owners = {area.owner for area in snapshot.areas if area.owner}
    return {*layout.symbols, *layout.macros, *owners}
