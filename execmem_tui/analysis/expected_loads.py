"""What a catalogue says of module loads: the areas each asks for, and in which steps."""

from collections.abc import Iterable, Mapping, Sequence

from execmem_tui.analysis.loads import LoaderRules, spelled
from execmem_tui.consumers.catalogue import Catalogue, Module
from execmem_tui.consumers.load_sequence import HOTPATCH, areas_of
from execmem_tui.model.records import frozen


@frozen
class ExpectedLoad:
    """What a load of one module does."""

    module: Module
    labels: list[str]
    """Of its areas."""
    sizes: list[int]
    """Bytes, with guard."""
    steps: str
    """Spelled."""
    regions: tuple[tuple[str, int], ...]
    """Every region and its bytes, in the order in which they are asked for."""
    after_init: int
    """Purges that the end of its init makes."""


class ExpectedLoads:
    """The loads of a catalogue's modules under the rules of a kernel, each worked out once.

    Args:
        rules: of the kernel.
        catalogues: of its modules; a second one, for CPUs with an erratum, is tried where the first
            does not fit.
    """

    def __init__(self, rules: LoaderRules, catalogues: Sequence[Catalogue]) -> None:
        self._rules = rules
        self._catalogues = list(catalogues)
        self._loads: dict[str, ExpectedLoad] = {}
        self._by_sizes: dict[tuple[int, ...], dict[tuple[str, ...], str]] = {}

    @property
    def catalogue(self) -> str:
        """The id of the catalogue that fitted last."""
        return self._catalogues[0].id

    def of(self, name: str) -> ExpectedLoad | None:
        """Return what a load of a module does, None where it is not in the catalogue."""
        expected = self._loads.get(name)
        if expected is None:
            module = self._catalogues[0].get(name)
            if module is None:
                return None
            rules = self._rules
            labels, sizes = rules.requests(module)
            steps = spelled(rules.steps(module))
            regions = tuple(areas_of(module, rules.page_size).items())
            expected = ExpectedLoad(module, labels, sizes, steps, regions, rules.after_init(module))
            self._loads[name] = expected
        return expected

    def of_this_build(self, plan: ExpectedLoad, sizes: list[int]) -> ExpectedLoad:
        """Return the plan, or the other catalogue's where that one has these sizes, bytes.

        From then on the other catalogue is the first.
        """
        if sizes != plan.sizes and len(self._catalogues) > 1:
            module = self._catalogues[1][plan.module.name]
            if self._rules.requests(module)[1] == sizes:
                self._catalogues.reverse()
                self._loads.clear()
                return self.of(module.name) or plan
        return plan

    def asking(self, sizes: Iterable[int]) -> Mapping[tuple[str, ...], str]:
        """Return what areas of these sizes may be: their labels -> a module that asks for these.

        Args:
            sizes: bytes with guard, in the order in which they were asked for.
        """
        if not self._by_sizes:
            for name, module in self._catalogues[0].items():
                labels, traced = self._rules.requests(module)
                ends = [len(labels)]
                if HOTPATCH in labels:
                    # asked for at last (module_finalize): most loads fail before
                    ends.append(labels.index(HOTPATCH))
                for end in ends:
                    kinds = self._by_sizes.setdefault(tuple(traced[:end]), {})
                    kinds.setdefault(tuple(labels[:end]), name)
        return self._by_sizes.get(tuple(sizes), {})
