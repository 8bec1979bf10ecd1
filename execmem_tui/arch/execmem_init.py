"""The part of execmem that is the same everywhere: inherit, validate, resolve.

mm/execmem.c: execmem_init.
"""

from collections.abc import Iterator, Mapping

from attrs import evolve

from execmem_tui.arch.base import NOBODY, Architecture
from execmem_tui.arch.boot import Boot, Given
from execmem_tui.arch.callers import caller
from execmem_tui.model.capability import Capability
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance

_INHERIT = "mm/execmem.c: execmem_init_missing"


def _alignment(boot: Boot, macro: str) -> int:
    """MODULE_ALIGN (include/linux/execmem.h).

    A page, or eight with generic KASAN that has no KASAN_VMALLOC.
    """
    if macro == "MODULE_ALIGN":
        return boot.variant.page_size << boot.config("KASAN_SHADOW_SCALE_SHIFT")
    if macro == "PAGE_SIZE":
        return boot.variant.page_size
    return int(macro)


def _resolved(
    boot: Boot, kind: ExecmemType, given: Given, users: dict[ExecmemType, str], *, inherited: bool
) -> ExecmemRange:
    window = (boot.macros.get("VMALLOC_START"), boot.macros.get("VMALLOC_END"))
    return ExecmemRange(
        start=given.start,
        end=given.end,
        fallback_start=given.fallback_start,
        fallback_end=given.fallback_end,
        pgprot="PAGE_KERNEL" if inherited and kind is ExecmemType.MODULE_DATA else given.pgprot,
        alignment=_alignment(boot, given.alignment),
        alignment_macro=given.alignment,
        flags=given.flags,
        inherited=inherited,
        pool_eligible=boot.rules.vmap_nodes
        and boot.variant.word_bits == 64
        and (given.start, given.end) == window,
        used=kind in users,
        used_by=users.get(kind, NOBODY),
    )


def _types(
    arch: Architecture,
    boot: Boot,
    given: Mapping[ExecmemType, Given],
    default: Given,
    capability: Capability,
) -> Iterator[tuple[ExecmemType, ExecmemRange]]:
    """Yield the range of each type and note how it came about: execmem_init_missing()."""
    users = dict(arch.used_by(boot))
    for kind in ExecmemType:
        own = given.get(kind)
        entry = _resolved(boot, kind, own or default, users, inherited=own is None)
        asked = caller(kind, boot.rules, capability, arch.overrides_of(boot.variant))
        if asked is not None:
            entry = evolve(entry, function=asked.function, decided_by=asked.decided_by)
        where = f"{arch.boot_source.split(';')[0]}: execmem_arch_setup"
        if own is None:
            formula = "copied from MODULE_TEXT" if given else "not read: unknown"
            how: tuple[str, ...] = (formula,) * 4
            where = _INHERIT
        else:
            how = own.how
        if not boot.rules.execmem:
            where = entry.decided_by or "nobody asks"
        ends = {"start": entry.start, "end": entry.end}
        if entry.fallback_start:
            ends |= {"fallback_start": entry.fallback_start, "fallback_end": entry.fallback_end}
        boot.steps += [
            (f"{kind.name}.{end}", ends[end], formula, where)
            for end, formula in zip(ends, how, strict=False)
        ]
        yield kind, entry


def execmem_init(arch: Architecture, boot: Boot, kaslr: str) -> Layout:
    """Run one boot.

    Place the image and the windows, ask the architecture, fill in what it left out.
    """
    arch.place(boot)
    given = dict(arch.execmem_arch_setup(boot))
    default = given[ExecmemType.MODULE_TEXT]
    told = arch.windows_known(boot.variant, boot.rules)
    if not told:
        given = {}
        default = Given(start=0, end=0, pgprot="unknown")
        boot.notes.append("the ranges of this architecture before execmem were not read: unknown")
    elif boot.rules.execmem and (default.start == 0 or default.end == 0):
        boot.notes.append(
            "execmem_validate() refuses this layout: MODULE_TEXT has no range, no module can be"
            " loaded"
        )
    capability = arch.capability(boot.variant, boot.rules)
    types = dict(_types(arch, boot, given, default, capability))
    if not told:
        unknown = Provenance.UNKNOWN
        types = {kind: evolve(entry, provenance=unknown) for kind, entry in types.items()}
    early = arch.early_areas(boot)
    boot.check_overrides()
    variant, macros = boot.variant, boot.macros
    return Layout(
        id=f"{boot.kernel}/{arch.name}/{variant.name}/{kaslr}",
        kernel=boot.kernel,
        arch=arch.name,
        variant=variant.name,
        kaslr=kaslr,
        word_bits=variant.word_bits,
        page_size=variant.page_size,
        pmd_size=variant.pmd_size,
        vmalloc_start=macros["VMALLOC_START"],
        vmalloc_end=macros["VMALLOC_END"],
        modules_vaddr=macros.get("MODULES_VADDR"),
        modules_end=macros.get("MODULES_END"),
        symbols=boot.symbols,
        macros={**macros, "PAGE_SIZE": variant.page_size, "PMD_SIZE": variant.pmd_size},
        types=types,
        early_areas=early,
        reach=arch.reach(variant),
        plt=arch.plt(variant),
        capability=capability,
        set_memory_purges=arch.set_memory_purges,
        rules=boot.rules,
        jit_space=arch.bpf_jit_alloc_exec_limit(boot),
        notes=(*variant.notes, *boot.notes),
    )
