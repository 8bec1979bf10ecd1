"""What arm64 says about its module windows at boot, computed and decoded.

arch/arm64/mm/init.c: module_init_info.
"""

import re
from collections.abc import Iterable
from typing import Final

from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes, format_size

_LINE: Final = re.compile(r"\b(\d{1,9}) pages in range for (non-PLT|PLT) usage")
_FORCED: Final = "2G module region forced by RANDOMIZE_MODULE_REGION_FULL"
DIRECT_WINDOW: Final = 128 << 20
PLT_WINDOW: Final = 2 << 30
_PAGE_SIZES: Final = (4096, 16384, 65536)


@frozen(kw_only=True)
class BootLines:
    """What the two lines tell. Sizes in bytes."""

    direct_pages: int | None
    """None where the log has only the other line."""
    plt_pages: int
    page_size: Bytes
    image_size: Bytes
    full_randomisation: bool | None
    """No direct window: RANDOMIZE_MODULE_REGION_FULL with KASLR, or an image of 128 MiB and
    more."""

    boots: int = 1
    """How often the log says it; the last time counts."""

    @property
    def text(self) -> str:
        """The finding in one line."""
        pages = (
            f"pages of {format_size(self.page_size)}, image of {format_size(self.image_size)}"
            f" ({self.image_size:,} B)"
        )
        before = "" if self.boots == 1 else f"; the last of {self.boots} boots in the log"
        if self.direct_pages is None:
            return f"{pages}: how much of the direct window is left, the log does not tell{before}"
        if self.full_randomisation:
            return (
                f"{pages}: no direct window (full randomisation, or an image of 128M and more);"
                f" every far call takes a PLT entry{before}"
            )
        room = format_size(self.direct_pages * self.page_size)
        return f"{pages}: {room} of the 128M direct window are left for modules{before}"


def lines_of(direct_pages: int, plt_pages: int) -> list[str]:
    """Return the lines as the kernel prints them."""
    return [
        f"Modules: {direct_pages} pages in range for non-PLT usage",
        f"Modules: {plt_pages} pages in range for PLT usage",
    ]


def _page_size(direct: int, plt: int) -> Bytes | None:
    """Return the page size that makes both lines speak of one image."""
    for size in _PAGE_SIZES:
        if direct and plt - direct == (PLT_WINDOW - DIRECT_WINDOW) // size:
            return size
    if direct:
        return None
    return next(
        (size for size in _PAGE_SIZES if PLT_WINDOW // size // 2 < plt < PLT_WINDOW // size), None
    )


def decode(lines: Iterable[str]) -> BootLines | None:
    """Find the pair in a kernel log and decode it; None if it is not there or makes no sense.

    The image's size is 2 GiB less the PLT pages; both windows hold the image, so the two counts
    differ by 2 GiB - 128 MiB in pages (491,520 with 4 KiB pages).
    """
    found: dict[str, int] = {}
    forced = False
    boots = 0
    for line in lines:
        forced = forced or _FORCED in line
        match = _LINE.search(line)
        if match is not None:
            if match[2] in found or not boots:
                boots += 1
                found.clear()
            found[match[2]] = int(match[1])
    if "PLT" not in found:
        return None
    direct, plt = found.get("non-PLT"), found["PLT"]
    size = _page_size(direct or 0, plt)
    if size is None:
        return None
    return BootLines(
        direct_pages=direct,
        plt_pages=plt,
        page_size=size,
        image_size=PLT_WINDOW - plt * size,
        full_randomisation=None if direct is None and not forced else forced or direct == 0,
        boots=boots,
    )
