"""The allocator against a slow, obvious model: a set of pages per state."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from execmem_tui.mm.execmem import Execmem, TypeRange
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.model.rules import MODELS, rules_of
from tests.mm.invariants import check_space, shape

PAGE = 4096
START = 0x1000_0000
END = START + 400 * PAGE
WINDOWS = [
    (START, END),
    (START + 40 * PAGE, START + 120 * PAGE),
    (START + 64 * PAGE, START + 512 * PAGE),
]


class VmallocMachine(RuleBasedStateMachine):
    """Page-aligned requests must get the lowest address at which no page is busy, lazy or
    pooled."""

    @initialize(kernel=st.sampled_from(MODELS), cpus=st.integers(1, 4))
    def boot(self, kernel: str, cpus: int) -> None:
        self.vmalloc = Vmalloc(
            rules=rules_of(kernel),
            page_size=PAGE,
            vmalloc_start=START,
            vmalloc_end=END,
            possible_cpus=cpus,
        )
        self.live: dict[int, int] = {}

    def taken(self) -> set[int]:
        pages: set[int] = set()
        pieces = [(area.start, area.end) for area in self.vmalloc.lazy()] + list(
            self.vmalloc.pooled()
        )
        for start, end in [*pieces, *self.live.items()]:
            span = set(range(start // PAGE, end // PAGE))
            assert not span & pages
            pages |= span
        return pages

    @rule(pages=st.integers(1, 24), window=st.integers(1, 2))
    def allocate(self, pages: int, window: int) -> None:
        start, end = WINDOWS[window]
        taken = self.taken()
        area = self.vmalloc.alloc_vmap_area(pages * PAGE, 1, start, end)
        fits = [
            page
            for page in range(start // PAGE, end // PAGE - pages + 1)
            if not taken & set(range(page, page + pages))
        ]
        if area is not None:
            if fits:
                assert area.start == fits[0] * PAGE
            assert area.start >= start
            assert area.end <= end
            self.live[area.start] = area.end
        else:
            held = {
                page
                for first, last in self.live.items()
                for page in range(first // PAGE, last // PAGE)
            }
            assert not [
                page
                for page in range(start // PAGE, end // PAGE - pages + 1)
                if not held & set(range(page, page + pages))
            ], "failed although a purge would have made room"

    @rule(pages=st.integers(1, 40), shift=st.integers(0, 6), cpu=st.integers(0, 3))
    def allocate_aligned(self, pages: int, shift: int, cpu: int) -> None:
        self.vmalloc.cpu = cpu
        area = self.vmalloc.alloc_vmap_area(pages * PAGE, PAGE << shift, START, END)
        if area is not None:
            assert area.start % (PAGE << shift) == 0
            assert area.start >= START
            assert area.end <= END
            self.live[area.start] = area.end

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        start = data.draw(st.sampled_from(sorted(self.live)))
        self.vmalloc.release(self.vmalloc.busy[start])
        del self.live[start]

    @rule(kind=st.sampled_from(list(Purge)))
    def purge(self, kind: Purge) -> None:
        lazy = len(list(self.vmalloc.lazy()))
        assert self.vmalloc.purge(kind) == (0 if kind is Purge.SHRINK else lazy)
        if kind is not Purge.SHRINK:
            assert self.vmalloc.nr_lazy == 0
        if kind in (Purge.RECLAIM, Purge.SHRINK):
            assert not list(self.vmalloc.pooled())

    @rule()
    def clone(self) -> None:
        twin = self.vmalloc.clone()
        assert shape(twin.space.tree.root) == shape(self.vmalloc.space.tree.root)
        before = shape(self.vmalloc.space.tree.root)
        for start in sorted(self.live)[:3]:
            twin.release(twin.busy[start])
        twin.purge(Purge.RECLAIM)
        assert shape(self.vmalloc.space.tree.root) == before
        check_space(twin)

    @invariant()
    def whole(self) -> None:
        if hasattr(self, "vmalloc"):
            assert {start: area.end for start, area in self.vmalloc.busy.items()} == self.live
            check_space(self.vmalloc)


class RoxMachine(RuleBasedStateMachine):
    """Cached allocations never overlap, and every block is busy, free or gone."""

    @initialize(purges=st.booleans())
    def boot(self, purges: bool) -> None:
        vmalloc = Vmalloc(
            rules=rules_of("7.1.8"), page_size=PAGE, vmalloc_start=START, vmalloc_end=END
        )
        window = TypeRange(1 << 32, (1 << 32) + (64 << 20), 0, 0, PAGE, rox_cache=True)
        self.execmem = Execmem(
            vmalloc, {0: window, 3: TypeRange(1 << 32, (1 << 32) + (64 << 20), 0, 0, PAGE, False)}
        )
        self.execmem.set_memory_purges = purges
        self.live: dict[int, int] = {}

    @rule(kind=st.sampled_from([0, 3]), size=st.integers(1, 3 << 20), writable=st.booleans())
    def allocate(self, kind: int, size: int, writable: bool) -> None:
        start = self.execmem.alloc_rw(kind, size) if writable else self.execmem.alloc(kind, size)
        if start is None:
            return
        end = start + (size + PAGE - 1) // PAGE * PAGE
        for other, other_end in self.live.items():
            assert end <= other or other_end <= start
        self.live[start] = end

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        start = data.draw(st.sampled_from(sorted(self.live)))
        del self.live[start]
        self.execmem.free(start)

    @rule(fails=st.booleans())
    def break_set_memory(self, fails: bool) -> None:
        self.execmem.set_memory_fails = fails

    @rule()
    def work(self) -> None:
        self.execmem.run_deferred()

    @invariant()
    def whole(self) -> None:
        if not hasattr(self, "execmem"):
            return
        check_space(self.execmem.vmalloc)
        cache = self.execmem.cache
        pieces = sorted([*cache.free(), *cache.busy.items()])
        for (_, end), (start, _) in pairwise(pieces):
            assert end <= start
        for start, end in pieces:
            block = self.execmem.vmalloc.enclosing(start)
            assert block is not None
            assert end <= block.end - block.guard
        held = set(cache.busy) - cache.pending
        assert held <= set(self.live)


TestVmalloc = VmallocMachine.TestCase
TestVmalloc.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestRox = RoxMachine.TestCase
TestRox.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
