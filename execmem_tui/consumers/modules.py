"""The module loader on a simulated kernel.

kernel/module/main.c: load_module, do_init_module, free_module. Every step goes through the machine,
so it purges, falls back, populates and fails as the kernel's own. A load is a generator of steps:
several may run side by side on different CPUs, each `next()` being one allocation, permission
change or free.
"""

from collections.abc import Generator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from attrs import field

from execmem_tui.consumers.catalogue import REGIONS, Catalogue, Module
from execmem_tui.consumers.load_sequence import (
    HOTPATCH,
    INITS,
    TEXTS,
    area_name,
    areas_of,
    formation,
    free_order,
    page_array,
)
from execmem_tui.consumers.machine import Machine
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import define
from execmem_tui.model.rules import Writable
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

COPY: Final = "copy"
"""`fail_at`: copying the sections fails, after the last allocation (move_module)."""
RELOCATE: Final = "relocate"
"""`fail_at`: an unknown symbol or a relocation out of reach."""
_INSTRUCTION: Final = 4
"""Bytes, on every architecture with PLT entries."""
_DATA: Final = ExecmemType.MODULE_DATA
_TYPES: Final = {HOTPATCH: ExecmemType.FTRACE, **dict.fromkeys(TEXTS, ExecmemType.MODULE_TEXT)}

Steps = Generator[None, None, "LoadOutcome"]


class LoadOutcome(StrEnum):
    """How a load ended; the value is the errno's name."""

    LOADED = ""
    EXISTS = "EEXIST"
    NO_MEMORY = "ENOMEM"
    BAD_FILE = "ENOEXEC"
    BAD_SYMBOL = "ENOENT"
    INIT_FAILED = "ENODEV"


class _LoadPlan(NamedTuple):
    """How a load is meant to end."""

    init_fails: bool
    fail_at: str | None
    cpu: int | None


@define
class LoadedModule:
    """A module in memory."""

    module: Module
    sizes: dict[str, Bytes]
    """Page aligned, by region."""
    starts: dict[str, Address] = field(factory=dict)
    """Of the regions that exist now."""
    arrays: dict[Address, Address] = field(factory=dict)
    """Region's start -> its page-pointer array, for areas of more than 512 pages."""


class Modules:
    """All modules of one machine.

    Args:
        machine: where they are loaded.
        catalogue: sizes by name; None allows `load_sized` only.
        duplicates_wait: of several tasks that load one module at once, the others wait before they
            allocate (6.5 and later, idempotent()); else each allocates first, waits, and frees.
        batch: loads whose init memory may wait for the deferred work when the next load begins; it
            is freed before that once there are as many.
    """

    def __init__(
        self,
        machine: Machine,
        catalogue: Catalogue | None,
        *,
        duplicates_wait: bool = True,
        batch: int = 1,
    ) -> None:
        self.machine = machine
        self.catalogue = catalogue
        self.duplicates_wait = duplicates_wait
        self.batch = batch
        self.loaded: dict[str, LoadedModule] = {}
        """By name, in load order."""
        self.leaked: list[LoadedModule] = []
        """What a kernel with that fault never frees (`Rules.failed_copy_leaks`)."""
        self._loading: set[str] = set()
        self._init_queue: list[LoadedModule] = []

    def clone(self, machine: Machine) -> "Modules":
        """Return equal modules on a clone of the machine; loads under way are not carried over."""
        copy = Modules(
            machine, self.catalogue, duplicates_wait=self.duplicates_wait, batch=self.batch
        )
        twins = {
            id(each): _copy_of(each)
            for each in (*self.loaded.values(), *self.leaked, *self._init_queue)
        }
        copy.loaded = {name: twins[id(each)] for name, each in self.loaded.items()}
        copy.leaked = [twins[id(each)] for each in self.leaked]
        copy._init_queue = [twins[id(each)] for each in self._init_queue]
        return copy

    @property
    def plt_reserved(self) -> int:
        """PLT entries reserved by all loaded modules.

        Those of init text count until it is freed.
        """
        return sum(
            each.module.plt_core + (each.module.plt_init if "MOD_INIT_TEXT" in each.starts else 0)
            for each in self.loaded.values()
        )

    @property
    def plt_needed(self) -> int:
        """Entries of modules whose text cannot call all of the kernel image directly.

        At most so many are filled.
        """
        return sum(each.module.plt_core for each in self.loaded.values() if self.is_far(each))

    def is_far(self, loaded: LoadedModule) -> bool:
        """Whether a call from this module's text to the kernel image may need a PLT entry."""
        layout = self.machine.layout
        text, image = loaded.starts.get("MOD_TEXT"), layout.image
        calls = [reach for reach in layout.reach if reach.call]
        if layout.plt is None or text is None or image is None or not calls:
            return False
        origins = text, text + loaded.sizes["MOD_TEXT"] - _INSTRUCTION
        targets = image[0], image[1] - _INSTRUCTION
        return not all(calls[0].reaches(origin, target) for origin in origins for target in targets)

    def load(
        self,
        name: str,
        *,
        init_fails: bool = False,
        cpu: int | None = None,
        fail_at: str | None = None,
        with_deps: bool = True,
        attempts: int = 1,
    ) -> LoadOutcome:
        """Load a module, what it depends on first, as modprobe does; let deferred work run.

        Args:
            name: as in the catalogue.
            init_fails: its init function returns an error.
            cpu: that it runs on.
            fail_at: a region whose allocation fails, COPY or RELOCATE.
            with_deps: False fails nothing: symbols are not simulated.
            attempts: what a loader that retries does with a failing module (busybox insmod: 2).

        Raises:
            UsageError: no such module, or no such place to fail at.
        """
        outcome = LoadOutcome.EXISTS
        for each in self._needed(name, with_deps=with_deps):
            last = each == self._module(name).name
            for _ in range(attempts if last else 1):
                outcome = drained(
                    self.load_steps(
                        each,
                        init_fails=init_fails and last,
                        cpu=cpu,
                        fail_at=fail_at if last else None,
                    )
                )
                self.machine.run_deferred()
                if outcome is LoadOutcome.LOADED:
                    break
            if outcome not in (LoadOutcome.LOADED, LoadOutcome.EXISTS):
                break
        return outcome

    def load_sized(
        self, name: str, sizes: Mapping[str, Bytes], *, cpu: int | None = None
    ) -> LoadOutcome:
        """Load a module of given region sizes that is in no catalogue.

        Raises:
            UsageError: a region that does not exist, or sizes that make no sense.
        """
        for region, size in sizes.items():
            if region not in REGIONS or not 0 <= size < 1 << 40:
                raise UsageError(
                    f"no such region: {printable(region)} of {size} bytes", hint=", ".join(REGIONS)
                )
        module = Module(
            name=printable(name, 60),
            sizes={region: sizes[region] for region in REGIONS if sizes.get(region)},
            plt_core=0,
            plt_init=0,
            got=0,
            percpu=0,
            mcount=0,
            ftrace_tramp=0,
            deps=(),
            softdep="",
        )
        outcome = drained(self._steps(module, _LoadPlan(init_fails=False, fail_at=None, cpu=cpu)))
        self.machine.run_deferred()
        return outcome

    def load_steps(
        self,
        name: str,
        *,
        init_fails: bool = False,
        cpu: int | None = None,
        fail_at: str | None = None,
    ) -> Steps:
        """Load one module step by step, without dependencies; the generator's value is the outcome.

        Raises:
            UsageError: no such module, or no such place to fail at.
        """
        if fail_at is not None and fail_at not in (*REGIONS, HOTPATCH, COPY, RELOCATE):
            raise UsageError(
                f"a load cannot fail at {printable(fail_at)!r}",
                hint=", ".join((*REGIONS, COPY, RELOCATE)),
            )
        return self._steps(
            self._module(name), _LoadPlan(init_fails=init_fails, fail_at=fail_at, cpu=cpu)
        )

    def unload(self, name: str) -> None:
        """Unload a module (delete_module), freeing in the kernel's order.

        Raises:
            UsageError: it is not loaded, or another module uses it.
        """
        key = name.replace("-", "_")
        loaded = self.loaded.get(key)
        if loaded is None:
            raise UsageError(f"not loaded: {printable(name)}")
        users = [other for other, each in self.loaded.items() if key in each.module.deps]
        if users:
            raise UsageError(
                f"module {printable(name)} is in use by {', '.join(users[:4])}",
                hint="unload these first",
            )
        self.machine.note(f"unload {key}")
        if loaded in self._init_queue:
            self.run_init_frees()
        del self.loaded[key]
        for _ in self._free(loaded, free_order(loaded.starts)):
            pass
        self.machine.run_deferred()

    def run_init_frees(self) -> int:
        """Run the deferred work.

        Free the init memory of all queued modules, newest first (do_free_init); return how many.
        """
        queue, self._init_queue = self._init_queue, []
        for loaded in reversed(queue):
            for _ in self._free(loaded, [region for region in INITS if region in loaded.starts]):
                pass
        if queue:
            self.machine.run_deferred()
        return len(queue)

    def _module(self, name: str) -> Module:
        if self.catalogue is None:
            raise UsageError(
                "no module catalogue for this architecture", hint="give the sizes of its regions"
            )
        return self.catalogue.module(name)

    def _needed(self, name: str, *, with_deps: bool) -> list[str]:
        module = self._module(name)
        assert self.catalogue is not None
        names = self.catalogue.closure(name) if with_deps else (module.name,)
        return [each for each in names if each not in self.loaded or each == module.name]

    def _steps(self, module: Module, plan: _LoadPlan) -> Steps:
        if len(self._init_queue) >= self.batch:
            self.run_init_frees()
        claimed = False
        if self.duplicates_wait:
            claimed = yield from self._claim(module.name)
            if not claimed:
                return LoadOutcome.EXISTS
        self.machine.note(f"load {module.name}")
        layout = self.machine.layout
        sizes = areas_of(module, layout.page_size, split=layout.rules.split_modules)
        loaded = LoadedModule(module, sizes)
        outcome = yield from self._move(loaded, plan)
        if outcome is LoadOutcome.LOADED and not claimed:
            claimed = yield from self._claim(module.name)
            if not claimed:
                yield from self._free(loaded, free_order(loaded.starts), plan)
                outcome = LoadOutcome.EXISTS
        if outcome is LoadOutcome.LOADED:
            outcome = yield from self._finish(loaded, plan)
        if claimed:
            self._loading.discard(module.name)
        if outcome is not LoadOutcome.LOADED:
            self.machine.note(f"load {module.name} failed: {outcome.value}")
        return outcome

    def _claim(self, name: str) -> Generator[None, None, bool]:
        """Wait while another task loads the module.

        False if it is there then (add_unformed_module).
        """
        while name in self._loading:
            yield
        if name in self.loaded:
            return False
        self._loading.add(name)
        return True

    def _move(self, loaded: LoadedModule, plan: _LoadPlan) -> Steps:
        """Allocate every region in order.

        On failure give back what there is, last first (move_module).
        """
        outcome = LoadOutcome.LOADED
        for region in loaded.sizes:
            if region == HOTPATCH:
                continue
            if plan.fail_at == region or not self._allocate(loaded, region, plan):
                outcome = LoadOutcome.NO_MEMORY
                break
            yield
        if outcome is LoadOutcome.LOADED and plan.fail_at == COPY:
            outcome = LoadOutcome.BAD_FILE
            if self.machine.layout.rules.failed_copy_leaks:
                # the counter of types to free is still 0 here
                self.machine.note(f"{loaded.module.name}: this kernel leaks its memory")
                self.leaked.append(loaded)
                return outcome
        if outcome is not LoadOutcome.LOADED:
            yield from self._restore_rox(loaded, plan)
            yield from self._free(loaded, [*reversed(loaded.starts)], plan)
        return outcome

    def _finish(self, loaded: LoadedModule, plan: _LoadPlan) -> Steps:
        """Relocate, set permissions, run init; queue init memory, or give all back."""
        outcome = LoadOutcome.BAD_SYMBOL if plan.fail_at == RELOCATE else LoadOutcome.LOADED
        if outcome is LoadOutcome.LOADED and HOTPATCH in loaded.sizes:
            if plan.fail_at == HOTPATCH or not self._allocate(loaded, HOTPATCH, plan):
                outcome = LoadOutcome.NO_MEMORY
            else:
                self._permit(loaded, HOTPATCH, "rox", plan)
            yield
        if outcome is not LoadOutcome.LOADED:
            yield from self._restore_rox(loaded, plan)
        else:
            for region, permission in formation(
                loaded.sizes, self.machine.layout.capability.rox_calls
            ):
                self._permit(loaded, region, permission, plan)
                yield
            outcome = LoadOutcome.INIT_FAILED if plan.init_fails else outcome
        if outcome is not LoadOutcome.LOADED:
            yield from self._free(loaded, free_order(loaded.starts), plan)
            return outcome
        if "MOD_RO_AFTER_INIT" in loaded.starts:
            self._permit(loaded, "MOD_RO_AFTER_INIT", "ro", plan)
        self.loaded[loaded.module.name] = loaded
        if any(region in loaded.starts for region in INITS):
            self._init_queue.append(loaded)
        return outcome

    def _allocate(self, loaded: LoadedModule, region: str, plan: _LoadPlan) -> bool:
        machine, size = self.machine, loaded.sizes[region]
        if plan.cpu is not None:
            machine.cpu = plan.cpu
        layout, kind, name = machine.layout, _TYPES.get(region, _DATA), loaded.module.name
        array = page_array(size, layout.page_size, layout.word_bits)
        if array and layout.range_of(kind).rox_cached:
            array = 0
        start = machine.exec_alloc(
            kind,
            size,
            owner=name,
            region=area_name(region, split=layout.rules.split_modules),
            rw=region != HOTPATCH and not array,
        )
        if start is None:
            return False
        loaded.starts[region] = start
        if not array:
            return True
        place = machine.vmalloc(array, owner=f"page array of {name}")
        if place is None:
            machine.exec_free(start)
            del loaded.starts[region]
            return False
        loaded.arrays[start] = place
        if machine.execmem.rox_compiled and layout.rules.alloc_rw is Writable.EVERY:
            # execmem_alloc_rw() by hand: the array comes first
            machine.set_memory(start, size, "nx")
            machine.set_memory(start, size, "rw")
        return True

    def _free(
        self, loaded: LoadedModule, regions: list[str], plan: _LoadPlan | None = None
    ) -> Generator[None, None, None]:
        for region in regions:
            if plan is not None and plan.cpu is not None:
                self.machine.cpu = plan.cpu
            start = loaded.starts.pop(region)
            self.machine.exec_free(start)
            if start in loaded.arrays:
                self.machine.vfree(loaded.arrays.pop(start))
            yield

    def _restore_rox(self, loaded: LoadedModule, plan: _LoadPlan) -> Generator[None, None, None]:
        """Make cached text read-only again before it is given back (module_memory_restore_rox)."""
        if self.machine.layout.range_of(ExecmemType.MODULE_TEXT).rox_cached:
            for region in (each for each in TEXTS if each in loaded.starts):
                self._permit(loaded, region, "rox", plan)
                yield

    def _permit(self, loaded: LoadedModule, region: str, permission: str, plan: _LoadPlan) -> None:
        machine = self.machine
        if machine.layout.capability.strict_module_rwx:
            if plan.cpu is not None:
                machine.cpu = plan.cpu
            machine.set_memory(loaded.starts[region], loaded.sizes[region], permission)


def _copy_of(loaded: LoadedModule) -> LoadedModule:
    return LoadedModule(loaded.module, loaded.sizes, dict(loaded.starts), dict(loaded.arrays))


def drained(steps: Steps) -> LoadOutcome:
    """Run a load to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            outcome: LoadOutcome = stop.value
            return outcome
