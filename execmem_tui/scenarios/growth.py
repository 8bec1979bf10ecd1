"""A catalogue whose modules are all so many times as big.

What KASAN or KCOV do to them, roughly.
"""

from execmem_tui.consumers.catalogue import Catalogue, Module


class GrownCatalogue(Catalogue):
    """The modules of `catalogue` with every section `factor` times as big.

    PLT entries and dependencies stay.
    """

    def __init__(self, catalogue: Catalogue, factor: float) -> None:
        super().__init__(catalogue.id, erratum_843419=catalogue.erratum_843419)
        self._factor = factor

    def _read(self, name: str) -> Module:
        module = super()._read(name)
        return module._replace(
            sizes={region: int(size * self._factor) for region, size in module.sizes.items()},
        )
