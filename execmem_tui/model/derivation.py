"""How a number of a layout came to be: what ``ranges --explain`` prints."""

from execmem_tui.model.records import frozen


@frozen(kw_only=True)
class Derivation:
    """One step of how a number came to be, for ``ranges --explain``."""

    name: str
    """The macro, symbol or field."""
    value: int
    formula: str
    """In the source's own terms: ``_end - SZ_128M``."""
    source: str
    """file: symbol, and the version where versions differ."""
