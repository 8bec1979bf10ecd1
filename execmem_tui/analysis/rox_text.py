"""The ROX cache during a trace (7.x, x86-64).

Where each module's text must lie, and when a block must be taken.

The trace shows only blocks that are populated. Texts are carved from the model just before the
first purge that follows them, compared with /proc/modules of the next snapshot, and taken as they
were. Pages of kprobes and ftrace come from the same cache unseen; where a snapshot's kallsyms shows
others than the one before, nothing is claimed in between and the model takes over what the snapshot
shows. Where loads raced on several CPUs, who came first is not in the trace.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Final

from execmem_tui.mm.rox_cache import RoxCache
from execmem_tui.model.records import define, frozen

TEXT_BASE: Final = "ROX text base"
BLOCK: Final = "ROX block"
_RACED: Final = "loads raced, and their order is not in the trace"
_PENDING: Final = 1 << 15
"""Operations that wait for their turn; more, and the oldest are applied."""
_RECENT: Final = 256
"""Loads that a longer one may have raced with."""
_FOREVER: Final = 1 << 62
_BEHIND: Final = 20_000
"""Lines that a load may take: operations older than this can have no predecessor that is still
unknown."""


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
    truth: str
    predicted: str


@define(eq=False)
class CachedText:
    """Text and init text of one load. Bytes, page aligned; 0 where there is none."""

    name: str
    line: int
    text: int
    init_text: int
    begun: int = 0
    raced: bool = False
    gone: int | None = None
    """Line of its unload."""
    base: int | None = None
    init_base: int | None = None


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
        self._guessed: dict[int, tuple[CachedText, bool]] = {}
        """Start -> whose text, or init text, is only predicted to be there."""
        self._blocks: dict[int, int] = {}
        self.seen_blocks: set[int] = set()
        """Starts of blocks that were not freed so far."""
        self._pages: frozenset[int] = frozenset()
        self._whole = from_boot
        """All blocks are known."""
        self._blind = "" if from_boot else "state of the ROX cache unknown"
        self._claims: list[tuple[int, str, CachedText | None, str, str, bool]] = []
        self._texts: dict[str, CachedText] = {}
        self._live: dict[str, CachedText] = {}
        self._recent: deque[CachedText] = deque(maxlen=_RECENT)
        self._disturbed = -1
        self._pending: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._marks = sorted(marks)
        self.end = self._marks[-1][0] if self._marks else -1
        """The line of the last snapshot: nothing after it can be confirmed."""
        self._truths: dict[str, Truth | None] = {}
        self._seen = 0
        """The last line that was heard of."""
        for line, name in self._marks:
            self._push(line, partial(self._snapshot, name))
        self._seen = 0

    def block(self, line: int, start: int, size: int) -> None:
        """A block was populated: [start, start + size)."""
        self.seen_blocks.add(start)
        self._push(line, lambda: self._add_block(start, start + size))

    def free(self, line: int, start: int) -> None:
        """An area was freed; the cache's own only if the cleaner dropped a block."""
        if start in self.seen_blocks:
            self.seen_blocks.discard(start)
            self._push(line, lambda: self._drop_block(line, start))

    def load(
        self, text: CachedText, at: int, init_at: int, *, block: bool, init_block: bool
    ) -> None:
        """A module took its text at line `at` and its init text at `init_at`.

        With `block` it had to populate one first.
        """
        if min(at, init_at) > self.end:
            return
        text.begun = at
        for other in reversed(self._recent):  # each ended later than the one before it
            if at >= other.line:
                break
            text.raced = other.raced = True
        text.raced = text.raced or at < self._disturbed
        self._recent.append(text)
        self._texts[text.name] = text
        if text.text:
            self._push(at, lambda: self._carve(text, at, text.text, init=False, populated=block))
        if text.init_text:
            self._push(
                init_at,
                lambda: self._carve(text, init_at, text.init_text, init=True, populated=init_block),
            )
        self._push(text.line, lambda: self._live.__setitem__(text.name, text))

    def disturb(self, begun: int, ended: int) -> None:
        """Between two lines something took text and gave it back: a load that failed."""
        self._disturbed = max(self._disturbed, ended)
        for text in reversed(self._recent):
            if begun >= text.line:
                break
            if text.begun < ended:
                text.raced = True

    def free_init(self, name: str, line: int) -> None:
        """Init text went back at `line`."""
        text = self._texts.get(name)
        if text is not None:
            self._push(line, lambda: self._return_init(text))

    def unload(self, name: str, line: int) -> None:
        """All text went back at `line`."""
        text = self._texts.pop(name, None)
        if text is not None:
            text.gone = line
        self._push(line, lambda: self._return(text or self._live.get(name)))

    def stranger(self, line: int) -> None:
        """A module of unknown size was loaded."""
        self._push(line, self._lose_sight)

    def finish(self) -> None:
        """Apply what waits."""
        self._seen = _FOREVER
        self._drain(0)

    def _push(self, line: int, action: Callable[[], None]) -> None:
        if line > self.end:
            return
        self._number += 1
        self._seen = max(self._seen, line)
        heappush(self._pending, (line, self._number, action))
        if len(self._pending) > _PENDING:
            self._drain(_PENDING // 2, line - _BEHIND)

    def _drain(self, keep: int, before: int | None = None) -> None:
        while len(self._pending) > keep and (before is None or self._pending[0][0] < before):
            heappop(self._pending)[2]()

    def _add_block(self, start: int, end: int) -> None:
        self._forget_inside(start, end)
        self._blocks[start] = end
        self._cache.add(start, end)

    def _drop_block(self, line: int, start: int) -> None:
        end = self._blocks.pop(start, None)
        if end is None:
            return
        whole = self._cache.free_end(start) == end
        self._claims.append(
            (line, BLOCK, None, "whole and free", "whole and free" if whole else "in use", whole)
        )
        if whole:
            self._cache.remove(start)
        else:
            self._forget_inside(start, end)

    def _forget_inside(self, start: int, end: int) -> None:
        """Take out what the model has there, free or busy."""
        for low in [low for low, high in self._cache.free() if low < end and start < high]:
            self._cache.remove(low)
        for low in [low for low, high in self._cache.busy.items() if low < end and start < high]:
            del self._cache.busy[low]

    def _carve(
        self, text: CachedText, line: int, size: int, *, init: bool, populated: bool
    ) -> None:
        (first, last), ends = self._windows[0], dict(self._cache.free())
        pieces = [
            low
            for low, high in ends.items()
            if high - low >= size and low >= first and low + size < last
        ]
        fresh = [low for low in pieces if ends[low] == self._blocks.get(low)]
        needs = not pieces or (populated and len(pieces) == len(fresh) == 1)
        if populated or needs:
            good = populated and needs
            said = ("no hole" if needs else "a hole", "populated" if populated else "not populated")
            self._claims.append((line, BLOCK, text, said[1], said[0], good))
        start = self._guess(text, size, init=init)
        truth = None if init else self._truth_of(text)
        if truth:
            found = "none" if start is None else f"{start:x}"
            self._claims.append((text.line, TEXT_BASE, text, f"{truth:x}", found, start == truth))
            if start == truth:
                del self._guessed[start]
            else:
                self._give_back(start)
                text.base = self._put(truth, truth + size)

    def _guess(self, text: CachedText, size: int, *, init: bool) -> int | None:
        start = self._cache.alloc(size, self._windows, None)
        if init:
            text.init_base = start
        else:
            text.base = start
        if start is not None:
            self._guessed[start] = text, init
        return start

    def _put(self, start: int, end: int) -> int | None:
        """Take [start, end) as it was; what was only guessed to be there moves.

        None if something else is there.
        """
        busy = self._cache.busy
        moved = [
            self._guessed[low]
            for low, high in list(busy.items())
            if low < end and start < high and low in self._guessed
        ]
        sizes = []
        for text, init in moved:
            low = text.init_base if init else text.base
            sizes.append(0 if low is None else busy[low] - low)
            self._give_back(low)
        taken = self._take(start, end)
        for (text, init), size in zip(moved, sizes, strict=True):
            self._guess(text, size, init=init)
        return start if taken else None

    def _truth_of(self, text: CachedText) -> int | None:
        """Return where the next snapshot shows a text that is still there then."""
        for line, name in self._marks:
            if line > text.line:
                if line > self._seen or (text.gone is not None and text.gone < line):
                    return None
                truth = self._read(name)
                return None if truth is None else truth.bases.get(text.name)
        return None

    def _read(self, name: str) -> Truth | None:
        if name not in self._truths:
            self._truths[name] = self._truth(name)
        return self._truths[name]

    def _take(self, start: int, end: int) -> bool:
        """Take [start, end) out of the free piece that holds it; False if none does."""
        for low, high in self._cache.free():
            if low <= start and end <= high:
                self._cache.remove(low)
                for left, right in ((low, start), (end, high)):
                    if left < right:
                        self._cache.add(left, right)
                self._cache.busy[start] = end
                return True
        return False

    def _give_back(self, start: int | None) -> None:
        if start is None:
            return
        self._guessed.pop(start, None)
        end = self._cache.busy.pop(start, None)
        if end is not None and not any(
            low < end and start < high for low, high in self._cache.free()
        ):
            self._cache.add(start, end)

    def _return_init(self, text: CachedText) -> None:
        self._give_back(text.init_base)
        text.init_base = None

    def _return(self, text: CachedText | None) -> None:
        if text is None:
            return
        if self._live.get(text.name) is text:
            del self._live[text.name]
        self._give_back(text.base)
        self._return_init(text)
        text.base = None

    def _lose_sight(self) -> None:
        self._blind = "a module that is not in the catalogue was loaded"

    def _snapshot(self, name: str) -> None:
        truth = self._read(name)
        if truth is None:
            return
        claims, self._claims = self._claims, []
        why = self._blind
        if not why and truth.pages != self._pages:
            why = "pages of kprobes or ftrace were taken or given back unseen"
        # one wrong order leaves other holes for all that follow
        raced = any(text is not None and text.raced for _, _, text, *_ in claims)
        wrong = False
        for line, kind, text, actual, predicted, good in claims:
            reason = why or (_RACED if raced and not good else "")
            wrong = wrong or not good
            if reason:
                self.unclaimed[f"{kind}: {reason}"] += 1
                continue
            self.checked[kind] += 1
            self.exact[kind] += good
            if not good:
                owner = "" if text is None else text.name
                self.misses.append(
                    RoxMiss(line=line, name=owner, kind=kind, truth=actual, predicted=predicted)
                )
        if why or wrong:
            self._take_over(truth)
        self._pages = truth.pages

    def _take_over(self, truth: Truth) -> None:
        """Make the model what the snapshot shows."""
        if not self._meet(truth):
            self._blind = "a module of unknown text size is loaded"
            return
        self._blind = ""
        busy = self._busy(truth)
        if not self._whole:
            self._blocks = dict(truth.blocks)
            self.seen_blocks.update(self._blocks)
            self._whole = True
        self._guessed.clear()
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

    def _busy(self, truth: Truth) -> dict[int, int]:
        """Put every text where the snapshot has it; return what is in use as start -> end."""
        busy: dict[int, int] = {page: page + self._page_size for page in truth.pages}
        for text in self._live.values():
            text.base = (truth.bases.get(text.name, 0) or None) if text.text else None
            if text.base is not None:
                busy[text.base] = text.base + text.text
        for text in self._live.values():
            start = text.init_base
            if start is not None:
                end = start + text.init_text
                if any(low < end and start < high for low, high in busy.items()):
                    text.init_base = None
                else:
                    busy[start] = end
        return busy

    def _meet(self, truth: Truth) -> bool:
        """Note modules that were there before the trace; False if one's size is unknown."""
        for name, base in truth.bases.items():
            if base and name not in self._live:
                size = self._size_of(name)
                if size is None:
                    return False
                self._live[name] = CachedText(name, 0, size, 0)
        return True
