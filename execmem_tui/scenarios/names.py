"""Every name that `expect` understands, with its meaning.

The vocabulary of expectations in one table.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Final

from execmem_tui.consumers.load_sequence import HOTPATCH, INITS
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.scenarios.expressions import Value
from execmem_tui.scenarios.meters import FreePieces
from execmem_tui.scenarios.settings import RANGE_KEYS
from execmem_tui.scenarios.state import State

Reading = Callable[[State], Value]

_METERS: Final = {
    "used": "bytes of live areas of the type, guards included, wherever they lie",
    "lazy": "bytes freed and not yet purged in the type's windows",
    "free": "free bytes in the type's windows",
    "largest_hole": "longest free run inside one of its windows, bytes",
}
_COUNTERS: Final = {
    "allocations": "requests that got memory",
    "frees": "areas given back",
    "failures": "requests that got none, after every window and purge",
    "fallbacks": "requests that the fallback window served",
    "purges": "purges that moved something",
}


_Named = Iterator[tuple[str, str, Reading]]


def _modules() -> _Named:
    yield "loaded", "modules loaded now", lambda s: len(s.modules.loaded)
    yield (
        "modules.core",
        "page-aligned bytes of their core sections, as /proc/modules adds up",
        _core,
    )
    yield (
        "plt.reserved",
        "PLT entries that the modules loaded now reserve",
        lambda s: s.modules.plt_reserved,
    )
    yield (
        "plt.needed",
        "of these, entries of modules that cannot call all of the kernel directly",
        lambda s: s.modules.plt_needed,
    )
    yield "failed_loads", "module loads that failed", lambda s: s.failed_loads
    yield "wasted", "address space that duplicate loads took, bytes", lambda s: s.wasted


def _consumers() -> _Named:
    yield "peak", "most address space that was held at once, bytes", lambda s: s.counts.peak
    yield "packs", "BPF program packs", lambda s: len(s.kernel.bpf.packs.packs)
    yield "bpf.programs", "BPF programs JITed now", lambda s: len(s.kernel.bpf.programs)
    yield "bpf.charged", "bytes charged against bpf_jit_limit", lambda s: s.kernel.bpf.charged
    yield "bpf.limit", "bpf_jit_limit, bytes", lambda s: s.kernel.bpf.limit
    yield "insn_pages", "kprobe instruction pages", lambda s: len(s.kernel.kprobes.insn.pages)
    yield "optinsn_pages", "pages of optimised kprobes", _optinsn
    yield "trampolines", "ftrace trampoline pages", lambda s: len(s.kernel.ftrace.pages)


def _cache() -> _Named:
    yield "rox.blocks", "blocks of the ROX cache", lambda s: len(s.counts.blocks)
    yield (
        "rox.free",
        "free bytes inside the ROX cache",
        lambda s: sum(e - b for b, e in s.machine.execmem.cache.free()),
    )
    yield (
        "rox.used",
        "busy bytes inside the ROX cache",
        lambda s: sum(end - start for start, end in s.machine.execmem.cache.busy.items()),
    )
    yield (
        "set_memory",
        "calls of set_memory_*(), each of which flushes the TLB of every CPU",
        lambda s: s.machine.execmem.set_memory_calls,
    )


def _vmalloc() -> _Named:
    yield "areas.total", "live areas, other vmalloc users included", lambda s: len(s.counts.held)
    yield (
        "lazy",
        "bytes freed and not yet purged, anywhere",
        lambda s: s.machine.execmem.vmalloc.nr_lazy * _page(s),
    )
    yield "areas.vmalloc", "live areas of other vmalloc users", lambda s: _areas(s, None)
    yield (
        "vmalloc.used",
        "bytes of live areas of other vmalloc users, guards included",
        lambda s: _bytes(s, None),
    )
    yield "vmalloc.free", "free bytes of the vmalloc window", lambda s: sum(_vmalloc_holes(s))
    yield (
        "vmalloc.largest_hole",
        "longest free run of the vmalloc window",
        lambda s: max(_vmalloc_holes(s), default=0),
    )
    yield "vmalloc.holes", "free runs of the vmalloc window", lambda s: len(_vmalloc_holes(s))
    yield (
        "vmalloc.size",
        "bytes of the vmalloc window",
        lambda s: s.machine.layout.vmalloc_end - s.machine.layout.vmalloc_start,
    )
    yield "page_size", "bytes of a page", _page
    yield "image.size", "bytes of the kernel image", _image


def _newest() -> _Named:
    yield "last.failed", "whether the newest request got no memory", lambda s: s.counts.last.failed
    yield (
        "last.start",
        "address that the newest request got, or none",
        lambda s: s.counts.last.start,
    )
    yield "last.size", "bytes of the newest request", lambda s: s.counts.last.size
    yield "last.window", "'preferred', 'fallback' or none", lambda s: _word(s.counts.last.window)
    yield "last.count", "requests of the newest step that succeeded", lambda s: s.count
    yield "last.errno", "error of the newest BPF load, 0 for none", lambda s: s.errno
    yield "last.distance", "reach: target minus origin, bytes", lambda s: s.distance
    yield (
        "last.past",
        "reach: bytes beyond what the relocation can name, 0 inside",
        lambda s: s.past,
    )
    yield "last.verdict", "reach: 'direct', 'plt' or 'unreachable'", lambda s: s.verdict


def _typed() -> _Named:
    for kind in ExecmemType:
        name = kind.name
        for key, meaning in _METERS.items():
            yield f"meters.{name}.{key}", meaning, partial(_meter, kind=kind, key=key)
        yield f"areas.{name}", "live areas of the type", partial(_areas, kind=kind)
        yield (
            f"fallback.{name}",
            "live areas of the type in its fallback window",
            partial(_fallback, kind=kind),
        )
        yield f"holes.{name}", "free runs in its windows", partial(_holes, kind=kind)
        for key in RANGE_KEYS:
            meaning = f"{key.replace('_', ' ')} of the type's range"
            yield f"range.{name}.{key}", meaning, partial(_range, kind=kind, key=key)
        yield f"range.{name}.size", "bytes of the preferred window", partial(_size, kind=kind)


@lru_cache(maxsize=1)
def known() -> Mapping[str, tuple[str, Reading]]:
    """Return every name with its meaning and how it is read."""
    found: dict[str, tuple[str, Reading]] = {}
    for name, meaning in _COUNTERS.items():
        found[f"counters.{name}"] = (meaning, partial(_counter, key=name))
        found[name] = (f"short for counters.{name}", partial(_counter, key=name))
    for group in (_modules, _consumers, _cache, _vmalloc, _newest, _typed):
        for name, meaning, reading in group():
            found[name] = (meaning, reading)
    return found


def read(state: State, name: str) -> Value:
    """Return the value of a known name now."""
    return known()[name][1](state)


def _counter(state: State, key: str) -> int:
    return int(getattr(state.counts.counters, key))


def _meter(state: State, kind: ExecmemType, key: str) -> int:
    return int(getattr(state.meter(kind), key))


def _range(state: State, kind: ExecmemType, key: str) -> int:
    return int(getattr(state.machine.layout.range_of(kind), key))


def _word(window: Window | None) -> str | None:
    return None if window is None else window.value


def _areas(state: State, kind: ExecmemType | None) -> int:
    return sum(held.kind is kind for held in state.counts.held.values())


def _bytes(state: State, kind: ExecmemType | None) -> int:
    return sum(held.footprint for held in state.counts.held.values() if held.kind is kind)


def _fallback(state: State, kind: ExecmemType) -> int:
    return sum(
        held.kind is kind and held.window is Window.FALLBACK for held in state.counts.held.values()
    )


def _pieces(state: State, start: int, end: int) -> list[int]:
    return list(FreePieces(state.machine).within(start, end))


def _holes(state: State, kind: ExecmemType) -> int:
    return sum(len(_pieces(state, *pair)) for pair in state.machine.layout.range_of(kind).windows)


def _vmalloc_holes(state: State) -> list[int]:
    layout = state.machine.layout
    return _pieces(state, layout.vmalloc_start, layout.vmalloc_end)


def _size(state: State, kind: ExecmemType) -> int:
    entry = state.machine.layout.range_of(kind)
    return entry.end - entry.start


def _image(state: State) -> int:
    image = state.machine.layout.image
    return 0 if image is None else image[1] - image[0]


def _optinsn(state: State) -> int:
    cache = state.kernel.kprobes.optinsn
    return 0 if cache is None else len(cache.pages)


def _page(state: State) -> int:
    return state.machine.layout.page_size


def _core(state: State) -> int:
    return sum(
        size
        for each in state.modules.loaded.values()
        for region, size in each.sizes.items()
        if region in each.starts and region not in INITS and region != HOTPATCH
    )
