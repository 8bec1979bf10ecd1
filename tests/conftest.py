"""Fixtures that several folders use."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks of four areas, so that small examples have many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.model.blocks._MOST", 4)
        yield
