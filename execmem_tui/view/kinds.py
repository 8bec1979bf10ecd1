"""Letters, names and theme variables of everything a cell can show.

One table for screen, legend and plain text.
"""

from typing import NamedTuple

from execmem_tui.model.areas import AreaKind


class Look(NamedTuple):
    """How one kind looks."""

    name: str
    """Key of the theme variable ``$execmem-<name>`` and of the component class."""
    letter: str
    label: str
    short: str
    """For a narrow legend."""
    like: str = ""
    """Drawn in the colour of this kind or of this variable of Textual's; "" has one of its own."""


GONE = "gone"
"""What is not there any more: a ghost."""
SAME = "same"
"""What a comparison has nothing to say of."""
WRITABLE_CODE = "permission-rwx"
"""What may be written and run at once: an alarm."""
PREVIEWED = "previewed"
PREVIEWED_FAR = "previewed-far"
"""What is not there yet: a preview."""

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
        Look("unseen", "?", "not seen: used or free", "not seen", like="guard"),
        Look("forbidden", "/", "not for this type", "forbidden", like="guard"),
    )
}
LENS_LOOKS: dict[str, Look] = {
    look.name: look
    for look in (
        # no letters: the bar of the side panel stands beside a map of kinds, which has them all
        Look("reaches-direct", "=", "direct", "direct", like="success"),
        Look("reaches-plt", "%", "through a PLT", "PLT", like="warning"),
        Look("reaches-unreachable", "!", "out of reach", "out", like="error"),
        Look("owner-0a", "1", "owner", "owner", like="module"),
        Look("owner-0b", "2", "owner", "owner", like="data"),
        Look("owner-1a", "3", "owner", "owner", like="bpf"),
        Look("owner-1b", "4", "owner", "owner", like="lazy"),
        Look("owner-2a", "5", "owner", "owner", like="rox"),
        Look("owner-2b", "6", "owner", "owner", like="ftrace"),
        Look("owner-3a", "7", "owner", "owner", like="kprobes"),
        Look("owner-3b", "8", "owner", "owner", like="other"),
        Look("permission-rx", "X", "runs, read-only", "RX", like="module"),
        Look("permission-ro", "R", "read-only", "RO", like="bpf"),
        Look("permission-rw", "W", "writable", "RW", like="data"),
        Look(WRITABLE_CODE, "!", "writable and runs", "W+X", like="error"),
        Look("permission-unknown", "?", "permissions unknown", "unknown", like="other"),
        Look("age-1s", "1", "last second", "1 s", like="kprobes"),
        Look("age-10s", "2", "last 10 s", "10 s", like="bpf"),
        Look("age-100s", "3", "last 100 s", "100 s", like="module"),
        Look("age-10", "1", "last 10 events", "10 events", like="kprobes"),
        Look("age-100", "2", "last 100 events", "100", like="bpf"),
        Look("age-1000", "3", "last 1,000 events", "1,000", like="module"),
        Look("age-older", "4", "older", "older", like="lazy"),
        Look("age-before", "5", "before the first event", "before", like="other"),
        Look("age-unknown", "?", "age unknown: no events", "unknown", like="other"),
        Look(GONE, "A", "only A", "only A", like="kprobes"),
        Look("only-a", "A", "only A", "only A", like="kprobes"),
        Look("only-b", "B", "only B", "only B", like="bpf"),
        Look("moved", "M", "moved", "moved", like="ftrace"),
        Look("grown", "G", "grown", "grown", like="data"),
        Look(SAME, "=", "same", "same", like="guard"),
        Look(PREVIEWED, "?", "would lie here", "would lie", like="accent"),
        Look(PREVIEWED_FAR, "!", "would spill here", "would spill", like="fallback"),
    )
}
"""What lenses other than the kinds show."""

FREE = "free"
FORBIDDEN = "forbidden"
UNSEEN = "unseen"
"""What may be free, or an area whose address is hidden."""
GUARD = "guard"
FALLBACK = "fallback"
LEGEND = tuple(
    LOOKS[name]
    for name in (
        "kernel", "module", "data", "kprobes", "ftrace", "bpf", FALLBACK, "rox", "lazy", GUARD,
        "pooled", "other", FREE,
    )
)  # fmt: skip
"""In the order that a narrow legend may cut."""
EIGHTHS = " ▁▂▃▄▅▆▇█"


def letter(kind: str, eighths: int) -> str:
    """Return the letter of a cell: ``.`` free, lower case below half full, upper case above."""
    shown = look(kind).letter
    return shown if eighths >= 4 or kind in (FREE, GUARD) else shown.lower()


def look(name: str) -> Look:
    """Return how a kind, or a word of a lens, looks."""
    return LOOKS.get(name) or LENS_LOOKS[name]
