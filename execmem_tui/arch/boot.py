"""One boot being computed: its inputs, its macros and symbols, and how each came to be."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from attrs import field

from execmem_tui.model.errors import UsageError
from execmem_tui.model.records import define, frozen
from execmem_tui.model.rules import MODELS, Rules
from execmem_tui.model.units import Address, Bytes

if TYPE_CHECKING:
    from random import Random

    from execmem_tui.model.derivation import Derivation

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@frozen(kw_only=True)
class Variant:
    """One configuration of an architecture."""

    name: str
    word_bits: int = 64
    page_size: Bytes = 4 * KIB
    pmd_size: Bytes = 2 * MIB
    config: Mapping[str, int] = field(factory=dict)
    """What the formulas read: CONFIG options, CPU features, sizes in bytes."""
    draws: bool = False
    """Something is drawn at boot that moves an execmem range or the image."""
    example: Mapping[str, int] = field(factory=dict)
    """Inputs of the worked draw ``--kaslr example``."""
    modes: tuple[str, ...] = ("off",)
    """The kaslr words under which it is listed."""
    kernels: tuple[str, ...] = MODELS
    """The models that have it."""
    notes: tuple[str, ...] = ()
    listed: bool = True
    """Among the layouts of ``ranges --all``; others are there for captures of such machines."""


class Given(NamedTuple):
    """One range as execmem_arch_setup() writes it, before execmem_init_missing()."""

    start: Address
    end: Address
    pgprot: str
    alignment: str = "1"
    fallback_start: Address = 0
    fallback_end: Address = 0
    flags: tuple[str, ...] = ()
    how: tuple[str, ...] = ()
    """What the ends are in the source's own terms: start, end, then those of the fallback."""


@define(slots=False)
class Boot:
    """The state of one computation.

    Addresses wrap in the machine's word, as the kernel's unsigned long does.
    """

    variant: Variant
    rules: Rules
    kernel: str
    kaslr: str
    """``off``, ``example`` or ``seed``."""
    seed: str
    """Of what is random in it."""
    overrides: Mapping[str, int]
    symbols: dict[str, Address] = field(factory=dict)
    macros: dict[str, int] = field(factory=dict)
    steps: list[tuple[str, int, str, str]] = field(factory=list)
    used: set[str] = field(factory=set)
    notes: list[str] = field(factory=list)

    @cached_property
    def random(self) -> "Random":
        """What this boot draws from."""
        from random import Random  # few boots draw

        return Random(self.seed)

    @property
    def drawn(self) -> bool:
        """Whether this boot randomises."""
        return self.kaslr != "off"

    def wrap(self, value: int) -> int:
        """Return `value` in the machine's word."""
        return value & ((1 << self.variant.word_bits) - 1)

    def config(self, name: str, default: int = 0) -> int:
        """Return a configuration value; ``--set`` may replace it."""
        self.used.add(name)
        return self.overrides.get(name, self.variant.config.get(name, default))

    def macro(self, name: str, value: int, formula: str, source: str) -> int:
        """Define a macro and remember how."""
        self.used.add(name)
        value = self.overrides.get(name, self.wrap(value))
        self.macros[name] = value
        self.steps.append(
            (name, value, "set by you" if name in self.overrides else formula, source)
        )
        return value

    def between(
        self, low: str, high: str, pgprot: str, alignment: str = "1", flags: tuple[str, ...] = ()
    ) -> Given:
        """Return the range from one macro to another."""
        start, end = self.macros[low], self.macros[high]
        return Given(start, end, pgprot, alignment, flags=flags, how=(low, high))

    def symbol(self, name: str, value: Address, formula: str, source: str = "the image") -> Address:
        """Define a symbol of the image and remember how."""
        self.used.add(name)
        value = self.overrides.get(name, self.wrap(value))
        self.symbols[name] = value
        self.steps.append(
            (name, value, "set by you" if name in self.overrides else formula, source)
        )
        return value

    def draw(self, name: str, low: int, high: int, source: str) -> int:
        """Return a random input within [low, high].

        Set by the user, the worked example's, or from the seed.

        Raises:
            UsageError: the user's value is outside.
        """
        self.used.add(name)
        if name in self.overrides:
            value = self.overrides[name]
            if not low <= value <= high:
                raise UsageError(f"{name}={value} cannot be drawn: {low} to {high}")
        elif self.kaslr == "example":
            value = self.variant.example[name]
        else:
            value = self.random.randint(low, high)
        self.steps.append((name, value, f"drawn at boot from {low} to {high}", source))
        return value

    def image(self, text: Address, offsets: Mapping[str, Bytes], formula: str, source: str) -> None:
        """Define _text, _stext, _etext and _end.

        The latter move with _text unless they are set themselves.
        """
        base = self.symbol("_text", text, formula, source)
        for name, offset in offsets.items():
            self.symbol(name, base + offset, f"_text + {offset:#x}")

    def derivations(self) -> "list[Derivation]":
        """Return every step so far."""
        from execmem_tui.model.derivation import Derivation  # few ask how

        return [
            Derivation(name=name, value=value, formula=formula, source=source)
            for name, value, formula, source in self.steps
        ]

    def check_overrides(self) -> None:
        """Refuse a ``--set`` that nothing read.

        Raises:
            UsageError: it names no input of this layout.
        """
        unknown = sorted(set(self.overrides) - self.used)
        if unknown:
            raise UsageError(
                f"this layout has no input {unknown[0]!r}",
                hint=f"it has: {', '.join(sorted(self.used))}",
            )
