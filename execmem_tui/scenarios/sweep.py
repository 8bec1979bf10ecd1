"""KASLR sweep: one scenario over many draws, on all cores or on a cluster.

The result depends on neither.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from execmem_tui.model.errors import SourceError, UsageError
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.model.work import SWEEP_LIMIT, Work
from execmem_tui.scenarios.runner import Runner, limited_work
from execmem_tui.scenarios.scenario import Scenario
from execmem_tui.scenarios.settings import Settings

MAX_SEEDS: Final = 1_000_000
MEASURES: Final = ("fallbacks", "failures", "largest_hole")
_GRACE: Final = 3.0
"""Seconds beyond its timeout in which a cluster may give up by itself, and say why."""
_CHUNK: Final = 10
"""Seeds of one task: enough to make the way to another process cheap, few enough for a lively
progress bar."""

Done = tuple[list["Draw"], int]
"""Some draws, and the work that they took."""
Progress = Callable[[int, int], None]
"""Called with the seeds done and all of them."""


@frozen(kw_only=True)
class Draw:
    """One seed of a sweep."""

    seed: int
    passed: bool
    fallbacks: int
    failures: int
    largest_hole: int
    """Of MODULE_TEXT, bytes."""


@frozen(kw_only=True)
class Distribution:
    """How a measure spreads over the draws."""

    least: int
    median: int
    most: int
    mean: float
    counts: tuple[tuple[int, int], ...]
    """Ascending (value, draws); values are the lower ends of classes where there are many."""


@frozen(kw_only=True)
class Sweep:
    """All draws, ascending by seed."""

    scenario: str
    draws: tuple[Draw, ...]

    @property
    def passed(self) -> bool:
        """Whether every draw met every expectation."""
        return all(draw.passed for draw in self.draws)

    def distribution(self, measure: str, classes: int = 12) -> Distribution:
        """Return the distribution of one of `MEASURES`, in at most so many classes."""
        values = sorted(getattr(draw, measure) for draw in self.draws)
        return Distribution(
            least=values[0],
            median=values[(len(values) - 1) // 2],
            most=values[-1],
            mean=sum(values) / len(values),
            counts=_classes(values, classes),
        )


def _classes(values: list[int], most: int) -> tuple[tuple[int, int], ...]:
    counts = Counter(values)
    if len(counts) > most:
        width = -(-(values[-1] - values[0] + 1) // most)
        width = 1 << (width - 1).bit_length()  # round widths make round class limits
        counts = Counter(value // width * width for value in values)
    return tuple(sorted(counts.items()))


def parse_seeds(text: str) -> range:
    """Read ``A..B``, both included, or one seed.

    Raises:
        UsageError: it is neither, or there are too many.
    """
    first, separator, last = text.partition("..")
    try:
        low = int(first)
        high = int(last) if separator else low
    except ValueError:
        low, high = 1, 0
    if not 0 <= low <= high < 1 << 63 or high - low >= MAX_SEEDS:
        raise UsageError(
            f"not seeds: {printable(text)!r}", hint=f"A..B, at most {MAX_SEEDS:,}: --seeds 1..1000"
        )
    return range(low, high + 1)


def draw(scenario: Scenario, settings: Settings, seed: int, work: Work | None = None) -> Draw:
    """Run one draw; `work` counts and limits it."""
    outcome = Runner(scenario, settings.with_seed(seed), with_map=False, work=work).run()
    return Draw(
        seed=seed,
        passed=outcome.passed,
        fallbacks=outcome.counters.fallbacks,
        failures=outcome.counters.failures,
        largest_hole=outcome.meters["MODULE_TEXT"]["largest_hole"],
    )


def draws(
    scenario: Scenario, settings: Settings, limit: int | None, seeds: Iterable[int]
) -> tuple[list[Draw], int]:
    """Run some draws, one after the other: the task of one worker.

    Return them, and the work they took.
    """
    found, done = [], 0
    for seed in seeds:
        work = limited_work(limit)
        found.append(draw(scenario, settings, seed, work))
        done += work.done
    return found, done


def sweep(
    scenario: Scenario,
    settings: Settings,
    seeds: range,
    *,
    jobs: int = -1,
    cluster: str | None = None,
    progress: Progress | None = None,
    timeout: float = 10.0,
    limit: int | None = None,
    work: Work | None = None,
) -> Sweep:
    """Run a scenario once per seed.

    Args:
        scenario: the workload.
        settings: the kernel; its draw and seed are replaced.
        seeds: of the draws.
        jobs: processes; -1 for one per core.
        cluster: address of a Dask scheduler; None for this machine.
        progress: told as draws finish, in whatever order.
        timeout: seconds to wait for the cluster.
        limit: work of all draws together; None: `SWEEP_LIMIT`, and `RUN_LIMIT` for each of them.
        work: counts instead, and may stop it from another thread.

    Raises:
        UsageError: a job count that makes no sense.
        LimitError: more work than was allowed.
        CancelledError: somebody stopped it.
        SourceError: the cluster cannot be reached, or its package is missing.
    """
    if jobs == 0 or jobs < -1:
        raise UsageError(f"cannot run {jobs} jobs", hint="1 or more; -1 for one per core")
    tasks = [seeds[at : at + _CHUNK] for at in range(0, len(seeds), _CHUNK)]
    found: list[Draw] = []
    if work is None:
        work = Work(
            SWEEP_LIMIT if limit is None else limit,
            what="steps and requests in all draws",
            hint="fewer seeds, or allow more with --limit",
        )
    collect = partial(_collect, found=found, total=len(seeds), work=work, progress=progress)
    run_some = partial(draws, scenario, settings, limit)
    if cluster is not None:
        remote = partial(_spread, run_some, tasks, cluster=cluster, timeout=timeout)
        collect(_patiently(remote, timeout, f"the cluster at {printable(cluster)}"))
    elif jobs == 1:
        collect(map(run_some, tasks))
    else:
        collect(_spread(run_some, tasks, jobs=jobs))
    found.sort(key=_seed)
    return Sweep(scenario=scenario.name, draws=tuple(found))


def _collect(
    results: Iterable[tuple[list[Draw], int]],
    *,
    found: list[Draw],
    total: int,
    work: Work,
    progress: Progress | None,
) -> None:
    for some, done in results:
        found += some
        work.spend(done)
        if progress is not None:
            progress(len(found), total)


def _spread(
    run_some: Callable[[range], Done],
    tasks: list[range],
    *,
    jobs: int = -1,
    cluster: str | None = None,
    timeout: float = 0,
) -> Iterator[Done]:
    """Yield the results of the tasks as other processes have them."""
    from joblib import Parallel, delayed  # 0.1 s that no other command needs

    with _backend(cluster, jobs, timeout):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        yield from parallel(delayed(run_some)(task) for task in tasks)


def _patiently(results: Callable[[], Iterator[Done]], timeout: float, who: str) -> Iterator[Done]:
    """Yield what another thread gets, and wait for each no longer than `timeout` seconds.

    distributed itself waits for ever for a scheduler that accepts and says nothing.
    """
    queue: SimpleQueue[Done | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            for each in results():
                queue.put(each)
            queue.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            queue.put(error)

    Thread(target=work, daemon=True).start()
    while True:
        try:
            found = queue.get(timeout=timeout + _GRACE)  # it may give up by itself, and says why
        except Empty:
            raise SourceError(
                f"{who} said nothing for {timeout:g} s", hint="--timeout waits longer"
            ) from None
        if found is None:
            return
        if isinstance(found, BaseException):
            raise found
        yield found


_UNREACHED: Final = (OSError, ValueError, TypeError, ImportError, RuntimeError)
"""What Dask says to an address where nobody is, or whose scheme wants more: keys (tls), another
package (ucx)."""


@contextmanager
def _backend(cluster: str | None, jobs: int, timeout: float) -> Iterator[None]:
    from joblib import parallel_config

    if cluster is None:
        with parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise SourceError(
            "a cluster needs the package distributed", hint="pip install 'execmem-tui[cluster]'"
        ) from None
    try:
        client: Any = Client(cluster, timeout=timeout)  # type: ignore[no-untyped-call]
    except _UNREACHED as error:
        raise SourceError(f"no cluster at {printable(cluster)}: {printable(str(error))}") from None
    with client, parallel_config(backend="dask"):
        yield


def _seed(draw_: Draw) -> int:
    return draw_.seed
