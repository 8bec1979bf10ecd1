"""An error that nobody foresaw, as a report."""

import pytest

from execmem_tui import __version__
from execmem_tui.model.unexpected import unexpected
from execmem_tui.model.units import parse_size


class _OddError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def test_what_where_and_with_which_versions() -> None:
    with pytest.raises(AttributeError) as caught:
        parse_size(None)  # type: ignore[arg-type]
    found = unexpected(caught.value)
    assert found.kind == "AttributeError"
    assert found.place.startswith("model/units.py:")
    assert found.place.endswith(" parse_size")
    assert found.title.startswith(
        "AttributeError: 'NoneType' object has no attribute 'strip' (model/units.py:"
    )
    assert __version__ in found.report_request
    assert "report it" in found.report_request
    assert "\n" not in found.report_request
    assert "Traceback" in found.report()
    assert found.report().splitlines()[0].startswith(f"execmem-tui {__version__}, Python 3")


def test_an_error_cannot_steer_a_terminal() -> None:
    found = unexpected(ValueError("\x1b[31mred\nsecond line"))
    assert found.message == "\\x1b[31mred"
    assert found.place == ""
    assert "\x1b" not in found.report()


def test_an_error_that_cannot_tell_itself() -> None:
    assert unexpected(_OddError()).title == "_OddError: which cannot be told: ValueError"
