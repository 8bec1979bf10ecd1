"""What a load asks for and gives back on one kernel, as a trace shows it."""

from collections.abc import Collection
from typing import Final

from attrs import frozen

from execmem_tui.consumers.catalogue import Module
from execmem_tui.consumers.load_sequence import (
    INITS,
    TEXTS,
    areas_of,
    formation,
    free_order,
    page_array,
)

COMPANION: Final = "page array"
"""Label of the area that vmalloc takes for the page pointers of a big one."""


@frozen(kw_only=True)
class LoaderRules:
    """The sequences of one kernel; sizes in bytes."""

    page_size: int
    word_bits: int
    window: tuple[int, int]
    """The vmalloc window."""
    separate: bool
    """Modules have windows of their own."""
    purges: bool
    """set_memory_*() purges."""
    cached: bool
    """Text comes from the ROX cache."""
    text_calls: int
    """set_memory calls that make a text executable."""

    def requests(self, module: Module) -> tuple[list[str], list[int]]:
        """Return the labels and the traced sizes of a load's areas."""
        labels, sizes = [], []
        for region, size in areas_of(module, self.page_size).items():
            if self.cached and region in TEXTS:
                continue
            labels.append(region)
            sizes.append(size + self.page_size)
            array = page_array(size, self.page_size, self.word_bits)
            if array:
                labels.append(COMPANION)
                sizes.append(array + self.page_size)
        return labels, sizes

    def steps(self, module: Module) -> str:
        """Return the letters of a load that needs neither a block nor the fallback."""
        regions = areas_of(module, self.page_size)
        if not self.purges:
            return "A" * len(regions)
        changes = "p" * len(formation(regions, self.text_calls))
        if not self.cached:
            return "A" * len(regions) + changes
        return "".join("pp" if region in TEXTS else "App" for region in regions) + changes

    def freed_after_init(self, regions: Collection[str]) -> list[str]:
        """Return what the deferred work frees, in order."""
        return [region for region in INITS if region in regions]

    def freed_at_last(self, regions: Collection[str]) -> list[str]:
        """Return what an unload or a failed load frees, in order."""
        return free_order(regions)
