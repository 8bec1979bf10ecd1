"""What `LoaderCheck` needs of a run.

The rules of its kernel, its catalogue, and the truth in its snapshots.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final

from execmem_tui.analysis.loader import LoaderCheck
from execmem_tui.analysis.loads import LoaderRules
from execmem_tui.analysis.rox_text import RoxText, Truth
from execmem_tui.arch import resolve
from execmem_tui.bundles.trace_run import TraceRun
from execmem_tui.consumers.catalogue import Catalogue, open_catalogue
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.formats.procfiles import parse_kallsyms, parse_modules
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.mm.rox_cache import RoxCache
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import align_up

_FLAVOURS: Final = {
    "amd64": "amd64",
    "amd64cloud": "cloud-amd64",
    "arm64": "arm64",
    "armhf": "armmp",
    "loong64": "loong64",
    "ppc64el": "powerpc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
"""Catalogue -> how the release of its kernel ends."""
_BUILTIN: Final = ("[__builtin__kprobes]", "[__builtin__ftrace]")


def loader_check(
    run: TraceRun, kind: type[LoaderRules] = LoaderRules, cache: type[RoxCache] = RoxCache
) -> LoaderCheck | None:
    """Return a check for this run, or None where no catalogue is of its version.

    Args:
        run: the trace, its kernel and its snapshots.
        kind: other rules, for wrong models.
        cache: the same for the ROX cache.
    """
    catalogue = _catalogue(run)
    if catalogue is None:
        return None
    layout = resolve(run.arch, run.kernel)
    catalogues = [catalogue]
    if catalogue.has_erratum:
        erratum = open_catalogue(run.arch, run.kernel, erratum_843419=True)
        assert erratum is not None
        catalogues.append(erratum)
    others = [window for window in run.windows if window != run.window]
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    near = _flavour(run.kernel) != _FLAVOURS[catalogue.id.partition("-")[0]]
    rules = kind(
        page_size=run.page_size,
        word_bits=run.word_bits,
        window=run.window,
        separate=run.modules_apart,
        purges=layout.set_memory_purges,
        cached=text.rox_cached,
        text_calls=layout.capability.rox_calls,
    )
    rox = None
    if rules.cached and others and not near:
        rox = RoxText(
            page_size=run.page_size,
            window=max(others, key=itemgetter(1)),
            marks=[(marks["begin"], name) for name, marks in run.marks.items() if "begin" in marks],
            truth=lambda name: _truth(
                run.path.parent / name, run.page_size, blocks=not run.begins.from_boot
            ),
            size_of=lambda name: _text_size(catalogue, name, run.page_size),
            from_boot=run.begins.from_boot,
            cache=cache,
        )
    return LoaderCheck(rules, tuple(catalogues), rox, near=near, whole=run.begins.from_boot)


def _catalogue(run: TraceRun) -> Catalogue | None:
    """Return the catalogue of the same version; its flavour may be another."""
    try:
        catalogue = open_catalogue(run.arch, run.kernel)
    except UnknownLayoutError:
        return None
    if (
        catalogue is None
        or run.kernel.partition("-")[0].partition("+")[0] != catalogue.id.partition("-")[2]
    ):
        return None
    return catalogue


def _flavour(release: str) -> str:
    return release.partition("-")[2]


def _text_size(catalogue: Catalogue, name: str, page_size: int) -> int | None:
    module = catalogue.get(name)
    return None if module is None else align_up(module.sizes.get("MOD_TEXT", 0), page_size)


def _truth(phase: Path, page_size: int, *, blocks: bool) -> Truth | None:
    """Read a snapshot, or None where it lacks the modules or the symbols."""
    modules, kallsyms, areas = (
        find_file(phase, name) for name in ("modules", "kallsyms", "vmallocinfo")
    )
    if modules is None or kallsyms is None:
        return None
    symbols = parse_kallsyms(
        str(kallsyms),
        (
            (number, text)
            for number, text in read_lines(kallsyms)
            if text.rstrip().endswith(_BUILTIN)
        ),
    )
    return Truth(
        bases={
            module.name: module.base for module in parse_modules(str(modules), read_lines(modules))
        },
        pages=frozenset(symbol.address for symbol in symbols),
        blocks=tuple(_blocks(areas, page_size)) if blocks and areas is not None else (),
    )


def _blocks(areas: Path, page_size: int) -> Iterator[tuple[int, int]]:
    """Yield the blocks of the ROX cache among the areas.

    A BPF pack of that size is not aligned to it but by chance.
    """
    pmd_size = page_size * page_size // 8
    for entry in parse_vmallocinfo(str(areas), read_lines(areas)).entries:
        start, end = entry.start, entry.end - page_size
        if (
            not entry.lazy
            and (entry.caller or "").startswith("execmem_alloc+")
            and not (start | end) % pmd_size
        ):
            yield start, end
