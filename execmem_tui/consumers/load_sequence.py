"""What the module loader does to memory, in order.

Regions, permission changes, what is freed when (kernel/module/main.c).
"""

from collections.abc import Collection
from functools import cache, lru_cache
from typing import Final

from execmem_tui.consumers.catalogue import REGIONS, Module
from execmem_tui.model.units import Bytes, align_up

TEXTS: Final = ("MOD_TEXT", "MOD_INIT_TEXT")
"""EXECMEM_MODULE_TEXT; all others are EXECMEM_MODULE_DATA."""
INITS: Final = ("MOD_INIT_TEXT", "MOD_INIT_DATA", "MOD_INIT_RODATA")
"""Freed after init, in this order (do_free_init)."""
AFTER_INIT: Final = "MOD_RO_AFTER_INIT"
"""Made read-only when init is over (module_enable_rodata_ro_after_init)."""
HOTPATCH: Final = "FTRACE_HOTPATCH"
"""s390: the EXECMEM_FTRACE area of one module (module_alloc_ftrace_hotpatch_trampolines)."""


_ONE_AREA: Final = {"MOD_TEXT": "core", "MOD_INIT_TEXT": "init"}
"""What the two areas of a module before 6.4 are called (struct module: core_layout,
init_layout)."""


def area_name(region: str, *, split: bool) -> str:
    """Return what the area that begins with `region` is called.

    The region, or core or init before 6.4.
    """
    return region if split else _ONE_AREA.get(region, region)


def areas_of(module: Module, page_size: Bytes, *, split: bool = True) -> dict[str, Bytes]:
    """Return region -> bytes as move_module() asks for them, in its order.

    The hotpatch area of s390 comes last.

    Args:
        module: whose.
        page_size: bytes.
        split: False before 6.4: two areas by the name of their first region, core and init, in
            which every region is padded to a page (layout_sections under STRICT_MODULE_RWX).
    """
    sizes = {region: align_up(size, page_size) for region, size in module.sizes.items()}
    if not split:
        init = sum(size for region, size in sizes.items() if region in INITS)
        core = sum(sizes.values()) - init
        areas = {"MOD_TEXT": core, "MOD_INIT_TEXT": init}
        sizes = {region: size for region, size in areas.items() if size}
    if module.ftrace_tramp:
        sizes[HOTPATCH] = align_up(module.ftrace_tramp, page_size)
    return sizes


def free_order(regions: Collection[str]) -> list[str]:
    """Return `regions` as free_module() frees them.

    DATA last, for it holds struct module (free_mod_mem); on s390 the hotpatch area before all
    (module_arch_cleanup).
    """
    order = (HOTPATCH, *(region for region in REGIONS if region != "MOD_DATA"), "MOD_DATA")
    return [region for region in order if region in regions]


def formation(regions: Collection[str], text_calls: int) -> tuple[tuple[str, str], ...]:
    """Return the permission changes of complete_formation() as (region, permission).

    First what becomes ro, then nx, then executable.

    Args:
        regions: those that the module has.
        text_calls: set_memory calls per text region.
    """
    return _formation(tuple(regions), text_calls)


@cache  # a handful of answers; a sweep asks half a million times
def _formation(regions: tuple[str, ...], text_calls: int) -> tuple[tuple[str, str], ...]:
    read_only = (
        (region, "ro") for region in ("MOD_RODATA", "MOD_INIT_RODATA") if region in regions
    )
    data = ((region, "nx") for region in REGIONS if region in regions and region not in TEXTS)
    text = ("rox",) if text_calls == 1 else ("ro", "x")
    return (
        *read_only,
        *data,
        *((region, each) for region in TEXTS if region in regions for each in text),
    )


@lru_cache(maxsize=1 << 12)
def page_array(size: Bytes, page_size: Bytes, word_bits: int) -> Bytes:
    """Return the bytes of the array of page pointers that vmalloc takes from its own space.

    0 where slab holds it. Larger than a page means a second vmalloc area (mm/vmalloc.c:
    __vmalloc_area_node).
    """
    array = align_up(size, page_size) // page_size * (word_bits // 8)
    return align_up(array, page_size) if array > page_size else 0
