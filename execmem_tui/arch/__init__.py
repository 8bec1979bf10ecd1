"""Where each architecture lets executable memory live.

`execmem_arch_setup()` of every one, computed.

One file per architecture; `resolve()` turns a choice into a `Layout`. A file is found by its name:
adding an architecture touches no other file of the package.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from os import listdir
from typing import TYPE_CHECKING, Final

from execmem_tui.arch.base import Architecture
from execmem_tui.arch.boot import Boot, Variant
from execmem_tui.arch.execmem_init import execmem_init
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.rules import canonical, rules_of
from execmem_tui.model.text import printable

if TYPE_CHECKING:
    from execmem_tui.model.derivation import Derivation

SHARED: Final = ("arm64_draws", "base", "boot", "callers", "estimates", "execmem_init")
_EXAMPLE: Final = ("example", "on-example")


@cache
def architectures() -> tuple[str, ...]:
    """Return the names of all architectures, sorted."""
    # pkgutil.iter_modules would import `inspect` for this, a third of the time of `ranges`.
    listed = listdir(__path__[0])  # noqa: PTH208 - the import of pathlib takes as long as all of this
    names = {name.removesuffix(".py") for name in listed if name.endswith(".py")}
    return tuple(sorted(names - {"__init__", *SHARED}))


def architecture(name: str) -> Architecture:
    """Return one architecture by its own name.

    Raises:
        UnknownLayoutError: there is none.
    """
    if name not in architectures():
        raise UnknownLayoutError(
            f"no architecture {printable(name)!r}",
            hint=f"there are: {', '.join(architectures())}",
            key="arch",
        )
    found: Architecture = import_module(f"execmem_tui.arch.{name}").ARCH
    return found


def find(name: str) -> tuple[Architecture, str | None]:
    """Return the architecture that `name` means, and the variant that the name implies or None.

    Raises:
        UnknownLayoutError: nobody calls an architecture that.
    """
    asked = name.lower()
    if asked in architectures():
        return architecture(asked), None
    for known in architectures():
        candidate = architecture(known)
        if asked in candidate.aliases:
            return candidate, candidate.aliases[asked]
    raise UnknownLayoutError(
        f"no architecture {printable(name)!r}",
        hint=f"there are: {', '.join(architectures())}",
        key="arch",
    )


def name_of(machine: str) -> str | None:
    """Return the architecture that a machine's own word for it means.

    None where nobody calls one that.
    """
    try:
        return find(machine)[0].name
    except UnknownLayoutError:
        return None


def machine_named(uname: str) -> str | None:
    """Return the name by which `find` knows the machine that ``uname -m`` calls so, or None."""
    for name in architectures():
        known = architecture(name).machines
        if uname in known:
            return known[uname]
    return None


def _find_variant(arch: Architecture, name: str | None, implied: str | None) -> Variant:
    wanted = name or implied or arch.default_variant
    for variant in arch.variants:
        if variant.name == wanted:
            return variant
    names = ", ".join(variant.name for variant in arch.variants)
    raise UnknownLayoutError(
        f"{arch.name} has no variant {printable(wanted)!r}", hint=f"it has: {names}", key="variant"
    )


def _mode(kaslr: str) -> tuple[str, int]:
    """Return (off, example or seed) and the seed."""
    if kaslr in ("off", "n/a"):
        return "off", 0
    if kaslr in _EXAMPLE:
        return "example", 0
    from execmem_tui.model.numbers import number

    seed = number(kaslr.removeprefix("seed-"))
    if seed is None:
        raise UnknownLayoutError(
            f"no draw {printable(kaslr, 60)!r}",
            hint="off, example, or a number as seed",
            key="kaslr",
        )
    return "seed", seed


def _kaslr_name(variant: Variant, mode: str, seed: int) -> str:
    if not variant.draws:
        return variant.modes[0]
    return {"off": "off", "example": "on-example"}.get(mode, f"seed-{seed}")


def _boot(
    arch: str, kernel: str, variant: str | None, kaslr: str, overrides: Mapping[str, int] | None
) -> tuple[Architecture, Boot, str]:
    found, implied = find(arch)
    chosen = _find_variant(found, variant, implied)
    rules = rules_of(canonical(kernel))
    if rules.model not in chosen.kernels:
        raise UnknownLayoutError(
            f"{chosen.name} does not exist in {rules.model}",
            hint=f"in: {', '.join(chosen.kernels)}",
            key="kernel",
        )
    mode, seed = _mode(kaslr)
    if not chosen.draws:
        mode = "off"
    elif mode == "example" and not chosen.example:
        raise UnknownLayoutError(
            f"{found.name} {chosen.name} has no worked example",
            hint="give a number as seed",
            key="kaslr",
        )
    boot = Boot(
        variant=chosen,
        rules=rules,
        kernel=rules.kernel,
        kaslr=mode,
        seed=f"{found.name}/{chosen.name}/{seed}",
        overrides=dict(overrides or {}),
    )
    return found, boot, _kaslr_name(chosen, mode, seed)


def resolve(
    arch: str,
    kernel: str = "7.1",
    variant: str | None = None,
    kaslr: str = "off",
    overrides: Mapping[str, int] | None = None,
) -> Layout:
    """Compute the layout of one choice.

    Args:
        arch: architecture, also by a distribution's name.
        kernel: version; a bare ``X.Y`` is the release of that series that was read.
        variant: configuration, None for what Debian ships.
        kaslr: ``off``, ``example`` (the worked draw) or a number that seeds a reproducible draw.
        overrides: inputs to fix: symbols, draws, RAM and other sizes.

    Raises:
        UnknownLayoutError: there is no such choice.
        UsageError: an override names nothing, or a draw that cannot happen.
    """
    found, boot, kaslr_name = _boot(arch, kernel, variant, kaslr, overrides)
    return execmem_init(found, boot, kaslr_name)


def explain(
    arch: str,
    kernel: str = "7.1",
    variant: str | None = None,
    kaslr: str = "off",
    overrides: Mapping[str, int] | None = None,
) -> "list[Derivation]":
    """Return every step of the same computation as `resolve`, in order, ranges last."""
    found, boot, kaslr_name = _boot(arch, kernel, variant, kaslr, overrides)
    execmem_init(found, boot, kaslr_name)
    return boot.derivations()


def layout_ids(kernel: str | None = None) -> list[str]:
    """Return ``kernel/arch/variant/kaslr`` of every listed layout: of the models, or of one kernel.

    Raises:
        UnknownLayoutError: it is not a kernel version.
    """
    if kernel is not None:
        rules = rules_of(canonical(kernel))
        return [
            f"{rules.kernel}/{name}/{variant.name}/{mode}"
            for name in architectures()
            for variant in architecture(name).variants
            for mode in variant.modes
            if variant.listed and rules.model in variant.kernels
        ]
    return [
        f"{kernel}/{name}/{variant.name}/{mode}"
        for name in architectures()
        for variant in architecture(name).variants
        if variant.listed
        for mode in variant.modes
        for kernel in variant.kernels
    ]


def resolve_id(layout_id: str, overrides: Mapping[str, int] | None = None) -> Layout:
    """Compute the layout that an id of `layout_ids` names.

    Raises:
        UnknownLayoutError: no such id.
    """
    parts = layout_id.split("/", 3)
    if len(parts) != 4:
        raise UnknownLayoutError(
            f"not a layout: {printable(layout_id)!r}", hint="kernel/arch/variant/kaslr"
        )
    kernel, arch, variant, kaslr = parts
    return resolve(arch, kernel, variant, kaslr, overrides)
