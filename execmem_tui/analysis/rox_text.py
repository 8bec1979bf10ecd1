"""The ROX cache during a trace (7.x, x86-64): where each module's text must lie, and when a block must be taken.

The trace shows only blocks that are populated. Texts are carved from the model just before the first purge that follows
them, and compared with /proc/modules of the next snapshot. Pages of kprobes and ftrace come from the same cache unseen;
where a snapshot's kallsyms shows others than the one before, nothing is claimed in between and the model takes over what
the snapshot shows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Final

from attrs import define, frozen

from execmem_tui.mm.rox_cache import RoxCache

TEXT_BASE: Final = "ROX text base"
BLOCK: Final = "ROX block"
_PENDING: Final = 4096
"""Operations that wait for their turn; more, and the oldest are applied."""
_BEHIND: Final = 20_000
"""Lines that a load may take: operations older than this can have no predecessor that is still unknown."""


@frozen(kw_only=True)
class Truth:
    """What a snapshot tells of the cache."""

    bases: Mapping[str, int]
    """Module -> text base."""
    pages: frozenset[int]
    """Pages of kprobes and ftrace."""
    blocks: tuple[tuple[int, int], ...]
    """(start, end) of the cache's blocks, without guard."""


@frozen(kw_only=True)
class RoxMiss:
    """A wrong prediction."""

    line: int
    name: str
    kind: str
    expected: str
    found: str
    cause: str


@define(eq=False)
class CachedText:
    """Text and init text of one load. Bytes, page aligned; 0 where there is none."""

    name: str
    line: int
    text: int
    init_text: int
    begun: int = 0
    raced: bool = False
    base: int | None = None
    init_base: int | None = None
    verified: bool = False


class RoxText:
    """Follows the cache through operations that come out of order.

    Args:
        page_size: bytes.
        window: of module text.
        marks: (line of its begin, name) of each snapshot.
        truth: reads what a snapshot tells, None where it does not.
        size_of: bytes of a module's text, page aligned, None where it is not known.
        from_boot: the cache is empty at the start.
        cache: its rules.
    """

    def __init__(
        self,
        *,
        page_size: int,
        window: tuple[int, int],
        marks: Iterable[tuple[int, str]],
        truth: Callable[[str], Truth | None],
        size_of: Callable[[str], int | None],
        from_boot: bool,
        cache: type[RoxCache] = RoxCache,
    ) -> None:
        self.checked: Counter[str] = Counter()
        self.exact: Counter[str] = Counter()
        self.unclaimed: Counter[str] = Counter()
        self.misses: list[RoxMiss] = []
        self._page_size = page_size
        self._windows = (window,)
        self._truth = truth
        self._size_of = size_of
        self._new_cache = cache
        self._cache = cache()
        self._blocks: dict[int, int] = {}
        self._seen_blocks: set[int] = set()
        self._pages: frozenset[int] = frozenset()
        self._whole = from_boot
        """All blocks are known."""
        self._blind = "" if from_boot else "state of the ROX cache unknown"
        self._claims: list[tuple[int, str, str, str, str, bool]] = []
        self._texts: dict[str, CachedText] = {}
        self._live: dict[str, CachedText] = {}
        self._last: CachedText | None = None
        self._pending: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        for line, name in marks:
            self._push(line, partial(self._snapshot, name))

    def block(self, line: int, start: int, size: int) -> None:
        """A block was populated: [start, start + size)."""
        self._seen_blocks.add(start)
        self._push(line, lambda: self._add_block(start, start + size))

    def free(self, line: int, start: int) -> None:
        """An area was freed; the cache's own only if the cleaner dropped a block."""
        if start in self._seen_blocks:
            self._seen_blocks.discard(start)
            self._push(line, lambda: self._drop_block(line, start))

    def load(self, text: CachedText, at: int, init_at: int, *, block: bool, init_block: bool) -> None:
        """A module took its text at line `at` and its init text at `init_at`; with `block` it had to populate one first."""
        text.begun = at
        last = self._last
        if last is not None and at < last.line:
            text.raced = last.raced = True
        if last is None or last.line < text.line:
            self._last = text
        self._texts[text.name] = text
        if text.text:
            self._push(at, lambda: self._carve(text, at, text.text, init=False, populated=block))
        if text.init_text:
            self._push(init_at, lambda: self._carve(text, init_at, text.init_text, init=True, populated=init_block))
        self._push(text.line, lambda: self._live.__setitem__(text.name, text))

    def free_init(self, name: str, line: int) -> None:
        """Init text went back at `line`."""
        text = self._texts.get(name)
        if text is not None:
            self._push(line, lambda: self._return_init(text))

    def unload(self, name: str, line: int) -> None:
        """All text went back at `line`."""
        text = self._texts.pop(name, None)
        if text is not None:
            self._push(line, lambda: self._return(text))

    def stranger(self, line: int) -> None:
        """A module of unknown size was loaded."""
        self._push(line, self._lose_sight)

    def finish(self) -> None:
        """Apply what waits; claims that no later snapshot can confirm are dropped."""
        self._drain(0)
        for _, kind, *_ in self._claims:
            self.unclaimed[f"{kind}: no snapshot after it"] += 1
        self._claims.clear()

    def _push(self, line: int, action: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._pending, (line, self._number, action))
        if len(self._pending) > _PENDING:
            self._drain(_PENDING // 2, line - _BEHIND)

    def _drain(self, keep: int, before: int | None = None) -> None:
        while len(self._pending) > keep and (before is None or self._pending[0][0] < before):
            heappop(self._pending)[2]()

    def _add_block(self, start: int, end: int) -> None:
        self._blocks[start] = end
        self._cache.add(start, end)

    def _drop_block(self, line: int, start: int) -> None:
        end = self._blocks.pop(start, None)
        if end is None:
            return
        whole = self._cache.free_ends.get(start) == end
        self._claims.append((line, BLOCK, "cleaner", "whole and free", "whole and free" if whole else "in use", whole))
        if whole:
            self._cache.remove(start)
        else:
            self._forget_inside(start, end)

    def _forget_inside(self, start: int, end: int) -> None:
        """Take a block out of a model that was wrong about it."""
        for low in [low for low in self._cache.free_starts if start <= low < end]:
            self._cache.remove(low)
        for low in [low for low in self._cache.busy if start <= low < end]:
            del self._cache.busy[low]

    def _carve(self, text: CachedText, line: int, size: int, *, init: bool, populated: bool) -> None:
        pieces = [low for low, high in self._cache.free() if high - low >= size and self._inside(low, size)]
        fresh = [low for low in pieces if self._cache.free_ends[low] == self._blocks.get(low)]
        needs = not pieces or (populated and len(pieces) == len(fresh) == 1)
        if populated or needs:
            good = populated and needs
            said = ("no hole" if needs else "a hole", "populated" if populated else "not populated")
            self._claims.append((line, BLOCK, text.name, said[1], said[0], good))
        start = self._cache.alloc(size, self._windows, None)
        if init:
            text.init_base = start
        else:
            text.base = start

    def _inside(self, start: int, size: int) -> bool:
        return any(low <= start and start + size < high for low, high in self._windows)

    def _give_back(self, start: int | None) -> None:
        if start is not None and start in self._cache.busy:
            self._cache.add(start, self._cache.busy.pop(start))

    def _return_init(self, text: CachedText) -> None:
        self._give_back(text.init_base)
        text.init_base = None

    def _return(self, text: CachedText) -> None:
        if self._live.get(text.name) is text:
            del self._live[text.name]
        self._give_back(text.base)
        self._return_init(text)
        text.base = None

    def _lose_sight(self) -> None:
        self._blind = "a module that is not in the catalogue was loaded"

    def _snapshot(self, name: str) -> None:
        truth = self._truth(name)
        if truth is None:
            return
        claims, self._claims = self._claims, []
        for text in self._live.values():
            base = truth.bases.get(text.name, 0)
            if text.text and base and not text.verified:
                text.verified = True
                found = "none" if text.base is None else f"{text.base:x}"
                claims.append((text.line, TEXT_BASE, text.name, f"{base:x}", found, text.base == base))
        why = self._blind
        if not why and truth.pages != self._pages:
            why = "pages of kprobes or ftrace were taken or given back unseen"
        wrong = any(not good for *_, good in claims)
        for line, kind, owner, expected, found, good in claims:
            if why:
                self.unclaimed[f"{kind}: {why}"] += 1
                continue
            self.checked[kind] += 1
            self.exact[kind] += good
            if not good:
                cause = "loads raced on several CPUs" if self._raced() else ""
                self.misses.append(
                    RoxMiss(line=line, name=owner, kind=kind, expected=expected, found=found, cause=cause)
                )
        if why or wrong:
            self._take_over(truth)
        self._pages = truth.pages

    def _raced(self) -> bool:
        return any(text.raced for text in self._live.values())

    def _take_over(self, truth: Truth) -> None:
        """Make the model what the snapshot shows."""
        if not self._meet(truth):
            self._blind = "a module of unknown text size is loaded"
            return
        self._blind = ""
        busy: dict[int, int] = {page: page + self._page_size for page in truth.pages}
        for text in self._live.values():
            text.base = (truth.bases.get(text.name, 0) or None) if text.text else None
            if text.base is not None:
                busy[text.base] = text.base + text.text
            if text.init_base is not None:
                busy[text.init_base] = text.init_base + text.init_text
        if not self._whole:
            self._blocks = dict(truth.blocks)
            self._seen_blocks.update(self._blocks)
            self._whole = True
        self._cache = self._new_cache()
        for start, end in self._blocks.items():
            at = start
            for low in sorted(low for low in busy if start <= low < end):
                self._cache.busy[low] = busy[low]
                if at < low:
                    self._cache.add(at, low)
                at = max(at, busy[low])
            if at < end:
                self._cache.add(at, end)

    def _meet(self, truth: Truth) -> bool:
        """Note modules that were there before the trace; False if one's size is unknown."""
        for name, base in truth.bases.items():
            if base and name not in self._live:
                size = self._size_of(name)
                if size is None:
                    return False
                self._texts[name] = self._live[name] = CachedText(name, 0, size, 0, verified=True)
        return True
