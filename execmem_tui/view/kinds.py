"""Letters, names and theme variables of everything a cell can show.

One table for screen, legend and plain text.
"""

from attrs import frozen

from execmem_tui.model.areas import AreaKind


@frozen
class Look:
    """How one kind looks."""

    name: str
    """Key of the theme variable ``$execmem-<name>`` and of the component class."""
    letter: str
    label: str
    short: str
    """For a narrow legend."""


LOOKS: dict[str, Look] = {
    look.name: look
    for look in (
        Look(AreaKind.KERNEL.value, "K", "kernel", "kernel"),
        Look(AreaKind.MODULE.value, "M", "module text", "text"),
        Look(AreaKind.DATA.value, "D", "module data", "data"),
        Look(AreaKind.KPROBES.value, "P", "kprobes", "kprobes"),
        Look(AreaKind.FTRACE.value, "F", "ftrace", "ftrace"),
        Look(AreaKind.BPF.value, "B", "bpf", "bpf"),
        Look(AreaKind.ROX.value, "R", "ROX cache", "ROX"),
        Look(AreaKind.LAZY.value, "Z", "lazy free", "lazy"),
        Look(AreaKind.POOLED.value, "Q", "pooled", "pool"),
        Look(AreaKind.OTHER.value, "O", "other vmalloc", "other"),
        Look("guard", "|", "guard", "guard"),
        Look("fallback", "X", "fallback", "fallback"),
        Look("free", ".", "free", "free"),
    )
}

FREE = "free"
GUARD = "guard"
FALLBACK = "fallback"
LEGEND = tuple(
    LOOKS[name]
    for name in (
        "kernel", "module", "data", "kprobes", "ftrace", "bpf", FALLBACK, "rox", "lazy", GUARD, "pooled", "other", FREE,
    )
)  # fmt: skip
"""In the order that a narrow legend may cut."""
EIGHTHS = " ▁▂▃▄▅▆▇█"


def letter(kind: str, eighths: int) -> str:
    """Return the letter of a cell: ``.`` free, lower case below half full, upper case above."""
    look = LOOKS[kind].letter
    return look if eighths >= 4 or kind in (FREE, GUARD) else look.lower()
