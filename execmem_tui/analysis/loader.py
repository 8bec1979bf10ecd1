"""Module loads in a trace against the catalogue.

Requests, purges, deferred frees of init memory, unload.

A load is what one task does up to its ``module_load`` event; what is freed after ``module_free`` is
an unload.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import eq
from typing import Final

from execmem_tui.analysis.expected_loads import ExpectedLoad, ExpectedLoads
from execmem_tui.analysis.init_frees import BATCHES, InitBatches
from execmem_tui.analysis.loads import (
    COMPANION,
    FALLBACK,
    STEPS,
    Load,
    LoaderMiss,
    LoaderRules,
    Step,
    TaskWindow,
    spelled,
    straight,
)
from execmem_tui.analysis.rox_text import CachedText, RoxText
from execmem_tui.analysis.verify_documents import LoaderDocument
from execmem_tui.consumers.catalogue import Catalogue
from execmem_tui.consumers.load_sequence import AFTER_INIT as AFTER_INIT_REGION
from execmem_tui.consumers.load_sequence import INITS, TEXTS, page_array
from execmem_tui.formats.trace_event import (
    ALLOC,
    FREE,
    LOST,
    OTHER,
    PURGE,
    Alloc,
    Event,
    Other,
    TraceLine,
    event_of,
)
from execmem_tui.model.text import printable

_KEEP: Final = 96
"""Areas of a task that are kept while no load ends: more than one load, with a retry, makes."""
FAILED: Final = "loader failed load"
NEAR: Final = "loader sequence, sizes of another build"
_EVENTS: Final = frozenset({"module_load: ", "module_free: ", "module_load", "module_free"})
_SHOWN: Final = 20
"""Misses in the document."""
_REMEMBERED: Final = 4096
"""Misses; more are only counted."""
_TASKS: Final = 1024
"""Tasks watched at once."""
_PURGED, _AREA, _BLOCK, _FAILED = Step.PURGE, Step.AREA, Step.BLOCK, Step.FAILED
"""By names of their own: to look a member up in its class takes as long as ten comparisons."""
_POPULATING: Final = (_BLOCK, _FAILED)
AFTER_INIT: Final = "loader purge after init"


class LoaderCheck:
    """Watches a trace line by line; `finish` closes what is open.

    Args:
        rules: of the kernel.
        catalogues: sizes of its modules; a second one, for CPUs with an erratum, is tried where the
            first does not fit.
        rox: follows the ROX cache, where there is one.
        near: the catalogue is of another build of this version (a flavour, another page size):
            sizes may differ.
        whole: nothing happened before the first line.
    """

    def __init__(
        self,
        rules: LoaderRules,
        catalogues: tuple[Catalogue, ...],
        rox: RoxText | None = None,
        *,
        near: bool = False,
        whole: bool = True,
    ) -> None:
        self.rules = rules
        self.checked: Counter[str] = Counter()
        self.exact: Counter[str] = Counter()
        self.unclaimed: Counter[str] = Counter()
        self.misses: list[LoaderMiss] = []
        self.fallback_loads = 0
        self.near = near
        self._whole = whole
        self._kind = NEAR if near else "loader sequence"
        self.rox = rox
        self._expected = ExpectedLoads(rules, catalogues)
        self._tasks: dict[str, TaskWindow] = {}
        self._loaded: dict[str, Load] = {}
        self._owners: dict[int, tuple[Load, str]] = {}
        self._lost = False
        self._initialising: dict[str, Load] = {}
        """The newest load of each task."""
        self._batches = InitBatches()

    def watch(self, lines: Iterable[TraceLine]) -> Iterator[TraceLine]:
        """Take each line and pass it on."""
        for line in lines:
            self.see((event_of(line),))
            yield line

    def see(self, events: Iterable[Event]) -> None:  # noqa: C901, PLR0912 - the hottest loop
        """Take the next events."""
        tasks, owners, initialising = self._tasks, self._owners, self._initialising
        cached, separate = self.rules.cached, self.rules.separate
        vstart, vend = self.rules.window
        new = tuple.__new__  # no time is asked for
        blocks: Collection[int] = () if self.rox is None else self.rox.seen_blocks
        who: str | None = None
        """Whose purge was the last event: its window and its load are those of the next one."""
        window: TaskWindow | None = None
        load: Load | None = None
        for kind, number, (task, cpu), _, start, said in events:
            if kind == PURGE:
                if task is not who:
                    who, window, load = task, tasks.get(task), initialising.get(task)
                    if window is None and cached:
                        # text comes from the cache before the first area that the trace shows
                        window = self._new_task(task)
                if window is not None:
                    window.lines.append(number)
                    steps = window.steps
                    steps.append(_PURGED)
                    if len(steps) > STEPS:
                        window.shorten()
                if load is not None:
                    load.purges += 1
                continue
            who = None
            if kind == ALLOC:
                if not separate or said[2] != vstart or said[3] != vend:
                    self._alloc(new(Alloc, (number, 0.0, task, cpu, start, *said)))
                elif task in tasks:
                    self._alloc_outside(
                        tasks[task], new(Alloc, (number, 0.0, task, cpu, start, *said))
                    )
            elif kind == FREE:
                if start in owners:
                    self._free(number, task, start)
                    continue
                if start in blocks and self.rox is not None:
                    self.rox.free(number, start)
                if task in tasks and tasks[task].areas:
                    tasks[task].gave_back(start, number)
            elif kind == OTHER and said[:13] in _EVENTS:
                name, _, text = said.partition(": ")
                line = new(Other, (number, 0.0, task, cpu, name, printable(text, 400)))
                (self._load if name == "module_load" else self._unload)(line)
            else:
                self._lost |= kind == LOST

    def finish(self) -> None:
        """Judge what is complete and drop the rest."""
        for task in self._tasks.values():
            self._end_of_window(task, 0)
        if self.rox is not None:
            self.rox.finish()
            self.checked.update(self.rox.checked)
            self.exact.update(self.rox.exact)
            self.unclaimed.update(self.rox.unclaimed)
            self.misses += [
                LoaderMiss(
                    line=miss.line,
                    name=miss.name,
                    kind=miss.kind,
                    expected=miss.predicted,
                    found=miss.truth,
                    cause=self._lost_cause(),
                )
                for miss in self.rox.misses
            ]

    def document(self) -> LoaderDocument:
        """Return the key ``loader`` of verify's document.

        The counts by class are in its ``classes``.
        """
        return LoaderDocument(
            catalogue=self._expected.catalogue,
            other_build=self.near,
            loads=self.checked[self._kind],
            exact=self.exact[self._kind],
            with_fallback=self.fallback_loads,
            failed_loads=self.checked[FAILED],
            unclaimed=self.unclaimed,
            misses=[miss.document() for miss in self.misses[:_SHOWN]],
        )

    def _new_task(self, name: str) -> TaskWindow:
        """Start to watch a task; of too many the oldest are forgotten."""
        if len(self._tasks) > _TASKS:
            for old in [old for old, task in self._tasks.items() if task.unloading is None][
                : _TASKS // 2
            ]:
                del self._tasks[old]
        task = self._tasks[name] = TaskWindow()
        return task

    def _alloc(self, line: Alloc) -> None:
        rules = self.rules
        if line.align > rules.page_size and not rules.separate:
            return
        task = self._tasks.get(line.task)
        if task is None:
            task = self._new_task(line.task)
        elif task.freed:
            self._end_of_window(task, line.line)
        if line.failed:
            task.step(_FAILED, line.line)
        elif rules.cached and line.align >= rules.page_size * rules.page_size // 8:
            task.step(_BLOCK, line.line)
            task.last = line.size
            if self.rox is not None:
                self.rox.block(line.line, line.start, line.size - rules.page_size)
        else:
            self._area(task, line)

    def _alloc_outside(self, task: TaskWindow, line: Alloc) -> None:
        """In the vmalloc window.

        Arm's fallback, the page array of the area before, the file's image, a stack.
        """
        rules = self.rules
        if line.failed:
            return
        if spelled(task.steps[-3:]) == FALLBACK[:3]:
            self._area(task, line)
            return
        if task.steps[-1:] in ([_AREA], [_BLOCK]):
            array = page_array(task.last - rules.page_size, rules.page_size, rules.word_bits)
            if array and line.size == array + rules.page_size:
                if task.steps[-1] is _AREA:
                    task.areas.append(line)
                return
        if not task.areas:
            task.steps.clear()
            task.lines.clear()

    def _area(self, task: TaskWindow, line: Alloc) -> None:
        self._owners.pop(line.start, None)
        task.step(_AREA, line.line)
        task.areas.append(line)
        task.last = line.size
        if len(task.areas) > 2 * _KEEP:
            del task.areas[:_KEEP], task.steps[:_KEEP], task.lines[:_KEEP]

    def _load(self, line: Other) -> None:
        words = line.text.split()
        task = self._tasks.setdefault(line.task, TaskWindow())
        name = words[0] if words else ""
        expected = self._expected.of(name)
        if expected is None:
            self.unclaimed["module not in the catalogue"] += 1
            if self.rox is not None:
                self.rox.stranger(line.line)
        else:
            self._judge_load(line, expected, task)
        del self._tasks[line.task]

    def _judge_load(self, event: Other, plan: ExpectedLoad, task: TaskWindow) -> None:
        line = event.line
        sizes = [area.size for area in task.areas]
        plan = self._expected.of_this_build(plan, sizes)
        module, labels, expected = plan.module, plan.labels, plan.sizes
        first = 0
        if not self.rules.separate:
            # the file's image and stacks are in this window too: the last that is most like it
            starts = range(len(sizes) - len(expected), -1, -1)
            first = max(starts, key=lambda at: sum(map(eq, sizes[at:], expected)), default=0)
            sizes = sizes[first : first + len(expected)]
        good = sizes == expected
        if not good and not self._whole and sizes == expected[len(expected) - len(sizes) :]:
            self.unclaimed["load that began before the trace"] += 1
            return
        same_regions = good or (self.near and len(sizes) == len(expected))
        self._count(good, line, module.name, self._kind, expected, sizes)
        steps = spelled(task.steps)
        self.fallback_loads += FALLBACK in steps
        if same_regions or not self.near:
            self._judge_steps(line, plan, steps)
        live = {}
        if same_regions:
            areas = task.areas[first : first + len(labels)]
            live = {
                label: area.start
                for label, area in zip(labels, areas, strict=True)
                if label != COMPANION
            }
        begun = task.areas[first].line if first < len(task.areas) else line
        load = Load(module.name, line, module, live, plan.after_init, task=event.task, begun=begun)
        self._remember(load)
        if self.rox is not None and (task.lines or [line])[0] <= self.rox.end:
            text, at, init_at, block, init_block = self._cached_text(load, plan, task)
            self.rox.load(text, at, init_at, block=block, init_block=init_block)

    def _remember(self, load: Load) -> None:
        """Wait for the end of its init, the frees of its init memory, and its unload."""
        if len(self._initialising) > _TASKS:
            self._initialising.clear()
        self._initialising[load.task] = load
        if self.rules.freed_after_init(load.live):
            self._batches.loaded(load)
        self._loaded[load.name] = load
        for region, start in load.live.items():
            self._owners[start] = load, region

    def _judge_steps(self, line: int, plan: ExpectedLoad, steps: str) -> None:
        if not self.rules.separate:
            return
        plain, wanted = straight(steps, cached=self.rules.cached), plan.steps
        if not self.rules.purges:
            plain = plain.replace(_PURGED, "")
        same = plain == wanted
        if not same and not self._whole and (wanted.endswith(plain) or plain.endswith(wanted)):
            self.unclaimed["purges of a load that began before the trace"] += 1
            return
        self._count(same, line, plan.module.name, "loader purges", [wanted], [plain])

    def _cached_text(
        self, load: Load, plan: ExpectedLoad, task: TaskWindow
    ) -> tuple[CachedText, int, int, bool, bool]:
        """Return the texts of a load and the lines of their first purges.

        And, for each, whether it had to populate a block.
        """
        sizes = {region: size for region, size in plan.regions if region in TEXTS}
        text = CachedText(
            load.name, load.line, sizes.get("MOD_TEXT", 0), sizes.get("MOD_INIT_TEXT", 0)
        )
        at: dict[str, tuple[int, bool]] = {}
        steps, lines = task.steps, task.lines
        step = 0
        for region, _ in plan.regions:
            populated = False
            while step < len(steps) and steps[step] in _POPULATING:
                populated = populated or steps[step] is _BLOCK
                step += 2 if steps[step + 1 : step + 2] == [_PURGED] else 1
            if region in sizes:
                at[region] = (lines[step] if step < len(lines) else load.line), populated
            else:
                step += 1
            step += 2
        line, block = at.get("MOD_TEXT", (load.line, False))
        init_line, init_block = at.get("MOD_INIT_TEXT", (load.line, False))
        return text, line, init_line, block, init_block

    def _unload(self, line: Other) -> None:
        words = line.text.split()
        task = self._tasks.setdefault(line.task, TaskWindow())
        self._end_of_window(task, line.line)
        load = self._loaded.pop(words[0] if words else "", None)
        if load is not None:
            self._batches.forget(load)
            task.unloading = load
            task.unloaded = []
        elif self.rox is not None and words:
            # loaded before the trace began
            self.rox.unload(words[0], line.line)

    def _free(self, line: int, task_name: str, start: int) -> None:
        """An area of a module was freed."""
        task = self._tasks.get(task_name)
        load, region = self._owners.pop(start)
        if task is not None and task.unloading is load:
            self._freed_by_unload(task, load, region, line)
        elif region in INITS:
            self._freed_after_init(load, region, line, task_name)
        elif self._loaded.get(load.name) is load:
            self.unclaimed["freed without a module_free event"] += 1
        else:
            self._count(
                False,
                line,
                load.name,
                "loader unload",
                ["freed by the task that unloads"],
                [region],
            )

    def _freed_by_unload(self, task: TaskWindow, load: Load, region: str, line: int) -> None:
        if not task.unloaded and self.rox is not None:
            self.rox.unload(load.name, _third_purge(task, line))
        task.unloaded.append(region)
        if len(task.unloaded) == len(load.live):
            self._end_of_unload(task, line)

    def _end_of_unload(self, task: TaskWindow, line: int) -> None:
        load = task.unloading
        if load is not None and load.live:
            expected = self.rules.freed_at_last(load.live)
            good = expected == task.unloaded
            self._count(good, line, load.name, "loader unload", expected, task.unloaded)
        task.unloading = None
        task.forget()

    def _freed_after_init(self, load: Load, region: str, line: int, by: str) -> None:
        if self.rox is not None and not load.freed:
            task = self._tasks.get(by)
            self.rox.free_init(load.name, line if task is None else _third_purge(task, line))
        if not load.freed:
            self._judge_after_init(load, line)
            self._judge_batch(load, line)
        load.freed.append(region)
        load.live.pop(region)
        same = load.freed_by in ("", by)
        load.freed_by = by
        expected = self.rules.freed_after_init([*load.freed, *load.live])
        if len(load.freed) == len(expected):
            good = same and load.freed == expected
            self._count(good, line, load.name, "loader init frees", expected, load.freed)

    def _judge_after_init(self, load: Load, line: int) -> None:
        """Init is over when its memory is freed: the purge of its last step was made."""
        self._initialising.pop(load.task, None)
        wanted = load.after_init
        # init itself may purge as well; only of a module with such memory one is known to be due
        if self.near or not self.rules.purges or AFTER_INIT_REGION not in load.module.sizes:
            return
        good = (load.purges > 0) == (wanted > 0)
        said = f"{load.purges} purges"
        self._count(good, line, load.name, AFTER_INIT, [f"{wanted} purges"], [said])

    def _judge_batch(self, load: Load, line: int) -> None:
        verdict = self._batches.freed(load)
        if verdict is None or self._batches.raced:
            return
        expected, found = verdict
        self._count(expected == found, line, load.name, BATCHES, [expected], [found])

    def _end_of_window(self, task: TaskWindow, line: int) -> None:
        """A window that ends without a load.

        A load that failed and gave all back, or no load at all.
        """
        if task.unloading is not None:
            self._end_of_unload(task, line)
        areas = [area.start for area in task.areas]
        if len(task.freed) == len(areas) > 1 and self.rules.separate:
            if self.rox is not None:
                self.rox.disturb(task.areas[0].line, task.freed_line)
            named = self._expected.asking(area.size for area in task.areas)
            found = [
                (name, *self._given_back(areas, labels, task.freed))
                for labels, name in named.items()
            ]
            if found:  # several modules may ask for the same sizes: one that explains it is enough
                name, expected, freed = next(
                    (each for each in found if each[1] == each[2]), found[0]
                )
                self._count(freed == expected, line, name, FAILED, expected, freed)
        task.forget()

    def _given_back(
        self, areas: list[int], labels: Sequence[str], order: Sequence[int]
    ) -> tuple[list[str], list[str]]:
        """Return the order in which areas with these labels are freed at last.

        And the order in which they were.
        """
        starts = dict(zip(areas, labels, strict=True))
        freed = [starts[start] for start in order if starts[start] != COMPANION]
        return self.rules.freed_at_last(set(labels)), freed

    def _count(
        self,
        good: bool,
        line: int,
        name: str,
        kind: str,
        expected: Sequence[object],
        found: Sequence[object],
    ) -> None:
        self.checked[kind] += 1
        self.exact[kind] += good
        if good or len(self.misses) >= _REMEMBERED:
            return
        cause = self._lost_cause()
        if self.near and not cause:
            cause = f"sizes are those of another build: {self._expected.catalogue}"
        elif kind == FAILED and not cause:
            cause = "perhaps no load: only the sizes say so"
        self.misses.append(
            LoaderMiss(
                line=line,
                name=name,
                kind=kind,
                expected=" ".join(map(str, expected)),
                found=" ".join(map(str, found)),
                cause=cause,
            )
        )

    def _lost_cause(self) -> str:
        return "events were lost before it" if self._lost else ""


def _third_purge(task: TaskWindow, line: int) -> int:
    """Return the line of the purge that ended a cached free before `line`."""
    for step, at in zip(reversed(task.steps), reversed(task.lines), strict=True):
        if step is _PURGED:
            return at
    return line
