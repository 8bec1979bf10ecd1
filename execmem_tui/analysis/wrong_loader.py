"""Rules of the module loader that are wrong on purpose, for `verify --self-test`."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from execmem_tui.analysis.loader import LoaderCheck
from execmem_tui.analysis.loader_setup import loader_check
from execmem_tui.analysis.loads import LoaderRules, Step
from execmem_tui.bundles.trace_run import TraceRun
from execmem_tui.consumers.catalogue import REGIONS, Module
from execmem_tui.formats.trace_event import TraceLine
from execmem_tui.mm.journal import Journal
from execmem_tui.mm.rbtree import Link
from execmem_tui.mm.rox_cache import RoxCache
from execmem_tui.model.records import frozen


@frozen(kw_only=True)
class _LastFirst(LoaderRules):
    """Wrong on purpose: the regions in the reverse order."""

    def requests(self, module: Module) -> tuple[list[str], list[int]]:
        labels, sizes = super().requests(module)
        return labels[::-1], sizes[::-1]


@frozen(kw_only=True)
class _NoGuards(LoaderRules):
    """Wrong on purpose: areas without guard pages."""

    def requests(self, module: Module) -> tuple[list[str], list[int]]:
        labels, sizes = super().requests(module)
        return labels, [size - self.page_size for size in sizes]


@frozen(kw_only=True)
class _FewerPurges(LoaderRules):
    """Wrong on purpose: one permission change less."""

    def steps(self, module: Module) -> list[Step]:
        return super().steps(module)[:-1]


@frozen(kw_only=True)
class _NothingAfterInit(LoaderRules):
    """Wrong on purpose: what is read-only after init stays writable."""

    def after_init(self, module: Module) -> int:
        del module
        return 0


@frozen(kw_only=True)
class _InitDataFirst(LoaderRules):
    """Wrong on purpose: init data is freed before init text, and the last region first."""

    def freed_after_init(self, regions: Collection[str]) -> list[str]:
        return super().freed_after_init(regions)[::-1]


@frozen(kw_only=True)
class _DataInItsTurn(LoaderRules):
    """Wrong on purpose: an unload frees data second, not last."""

    def freed_at_last(self, regions: Collection[str]) -> list[str]:
        return [region for region in REGIONS if region in regions]


class _HighestPiece(RoxCache):
    """Wrong on purpose: the highest piece that is long enough."""

    def alloc(
        self, size: int, windows: tuple[tuple[int, int], ...], journal: Journal | None
    ) -> int | None:
        del windows, journal
        for start, end in reversed(self.free()):
            if end - start >= size:
                self.remove(start)
                self.busy[start] = start + size
                if start + size < end:
                    self.add(start + size, end)
                return start
        return None


class _GuardedPieces(RoxCache):
    """Wrong on purpose: texts in a block have a guard page."""

    def alloc(
        self, size: int, windows: tuple[tuple[int, int], ...], journal: Journal | None
    ) -> int | None:
        return super().alloc(size + 4096, windows, journal)


class _NeverJoined(RoxCache):
    """Wrong on purpose: free pieces do not join."""

    def add(self, start: int, end: int) -> None:
        self.pieces.tree.insert(start, end, self._leaf_for(start))

    def free_end(self, start: int) -> int | None:
        node = self._leaf_for(start)
        return None if node is None or node.start != start else node.end

    def remove(self, start: int) -> None:
        node = self._leaf_for(start)
        assert node is not None
        self.pieces.tree.erase(node)

    def _leaf_for(self, start: int) -> Link:
        """Return the piece that starts at `start`, else the one that a new one would hang from."""
        node, parent = self.pieces.tree.root, None
        while node is not None:
            parent = node
            if node.start == start:
                break
            node = node.left if start < node.start else node.right
        return parent


WRONG_LOADER: Final[tuple[tuple[str, type[LoaderRules], type[RoxCache]], ...]] = (
    ("loader: regions from last to first", _LastFirst, RoxCache),
    ("loader: no guard pages", _NoGuards, RoxCache),
    ("loader: one permission change less", _FewerPurges, RoxCache),
    ("loader: no permission change after init", _NothingAfterInit, RoxCache),
    ("loader: init data is freed first", _InitDataFirst, RoxCache),
    ("loader: data is freed in its turn", _DataInItsTurn, RoxCache),
    ("ROX cache: the highest piece", LoaderRules, _HighestPiece),
    ("ROX cache: guard pages", LoaderRules, _GuardedPieces),
    ("ROX cache: pieces never join", LoaderRules, _NeverJoined),
)


def wrong_loads(
    run: TraceRun, lines: Iterable[TraceLine]
) -> list[tuple[str, Counter[str], Counter[str]]]:
    """Return what each wrong rule misses that this run can tell.

    (rule, its misses by class, the model's misses by class).
    """
    model = loader_check(run)
    if model is None:
        return []
    checks: list[tuple[str, LoaderCheck]] = [("", model)]
    for name, rules, cache in WRONG_LOADER:
        check = loader_check(run, rules, cache)
        if check is not None and (cache is RoxCache or check.rox is not None):
            checks.append((name, check))
    for _, check in checks:
        lines = check.watch(lines)
    for _ in lines:
        pass
    misses = {}
    for name, check in checks:
        check.finish()
        misses[name] = Counter(miss.kind for miss in check.misses)
    return [(name, misses[name], misses[""]) for name, _ in checks if name]
