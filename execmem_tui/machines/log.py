"""Which machine a kernel log comes from: its banner, its oopses, and the ranges that it prints."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Final

from execmem_tui.arch import architecture, architectures, find, resolve
from execmem_tui.formats.batches import batched, places
from execmem_tui.formats.procfiles import parse_version
from execmem_tui.machines.recognise import machine_name
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes

_BANNER: Final = "Linux version "


@frozen(kw_only=True)
class LogMachine:
    """What a log tells of its machine; None where it does not."""

    arch: str | None = None
    kernel: str | None = None


class LogWitness:
    """Watches the lines of a log for its banner, its command line and register dumps."""

    def __init__(self) -> None:
        self._marks = [
            (name, word, re.compile(pattern))
            for name in architectures()
            for word, pattern in architecture(name).log_marks
        ]
        self._words = {_BANNER, *(word for _, word, _ in self._marks)}
        self._seen: dict[str, None] = {}
        self._version: tuple[str, str] | None = None

    def watch(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Take each line, and pass it on."""
        for batch in batched(lines):
            for place in sorted(places(self._words, [text for _, text in batch])):
                self._look(*batch[place])
            yield from batch

    def _look(self, number: int, text: str) -> None:
        if _BANNER in text:
            self._version = parse_version([(number, text)]) or self._version
        for name, word, mark in self._marks:
            if name not in self._seen and word in text and mark.search(text):
                self._seen[name] = None

    def machine(self) -> LogMachine:
        """Return the machine that the lines so far tell of.

        The last banner counts: a log of two boots ends in the newer one.
        """
        version, arch = self._version, None
        if version is not None:
            named = machine_name(Facts(release=version[0], compiler=version[1]))
            arch = None if named is None else find(named)[0].name
        if arch is None and len(self._seen) == 1:
            (arch,) = self._seen
        return LogMachine(arch=arch, kernel=None if version is None else version[0])


def layouts_with(
    start: Address, end: Address, page_size: Bytes | None, arch: str | None
) -> list[Layout]:
    """Return the standard layouts, without KASLR, whose module or vmalloc area is [start, end).

    Where none is exactly that, those of the page size given whose vmalloc area holds it.
    """
    exact: list[Layout] = []
    around: list[Layout] = []
    for name in (arch,) if arch is not None else architectures():
        for layout in standard_layouts(name):
            if name_of(layout, start, end) is not None:
                exact.append(layout)
            elif (
                page_size == layout.page_size
                and layout.vmalloc_start <= start
                and end <= layout.vmalloc_end
            ):
                around.append(layout)
    return exact or around


@cache  # a log may tell of thousands of failures
def standard_layouts(arch: str) -> tuple[Layout, ...]:
    """Return the layouts of all variants of an architecture, without KASLR."""
    found: list[Layout] = []
    for variant in architecture(arch).variants:
        with suppress(UnknownLayoutError):  # a variant without a layout of its own for that draw
            found.append(resolve(arch, variant.kernels[-1], variant.name, "off"))
    return tuple(found)


@cache
def usual_layout(arch: str) -> Layout:
    """Return the layout of an architecture's usual variant and newest kernel, without KASLR."""
    return resolve(arch)


def name_of(layout: Layout, start: Address, end: Address) -> str | None:
    """Return the name of the layout's area [start, end), or None if it has none of that extent."""
    named = areas_of(layout)
    # x86 names the last byte of its vmalloc area VMALLOC_END, others the first byte after it
    return named.get((start, end)) or named.get((start, end - 1))


def areas_of(layout: Layout) -> dict[tuple[Address, Address], str]:
    """Return the named areas of a layout: [start, end) to its name."""
    named = {(layout.vmalloc_start, layout.vmalloc_end): "vmalloc area"}
    if layout.modules_vaddr is not None and layout.modules_end is not None:
        named[layout.modules_vaddr, layout.modules_end] = "module area"
    return named
