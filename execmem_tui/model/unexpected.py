"""An error that nobody foresaw, as something to send: what, where, and with which versions.

Never told as a finding or as bad input: it is neither.
"""

import platform
import traceback
from pathlib import Path
from typing import Final

from execmem_tui import __version__
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable

EXIT_CODE: Final = 70
"""EX_SOFTWARE of sysexits.h: an error inside the program."""
DEBUG: Final = "EXECMEM_TUI_DEBUG"
"""The environment variable that asks for the whole traceback."""
_PACKAGE: Final = Path(__file__).resolve().parents[1]


@frozen(kw_only=True)
class Unexpected:
    """One uncaught error. All text is printable."""

    kind: str
    message: str
    place: str
    """``module.py:line function`` of the innermost frame of this package, "" where there is
    none."""
    trace: str
    """The whole traceback, several lines."""

    @property
    def title(self) -> str:
        """One line: what happened and where."""
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{said} ({self.place})" if self.place else said

    @property
    def report_request(self) -> str:
        """One line that asks for a report."""
        return (
            f"a fault of execmem-tui {__version__} itself, please report it with this line:"
            f" {self.title}"
        )

    def report(self) -> str:
        """Return everything that a report needs, several lines."""
        versions = (
            f"execmem-tui {__version__}, Python {platform.python_version()}, {platform.system()}"
        )
        return f"{versions}\n{self.title}\n\n{self.trace}"


def unexpected(error: BaseException) -> Unexpected:
    """Return what there is to say of an error that nothing caught."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    place = ""
    if ours:
        name = Path(ours[-1].filename).relative_to(_PACKAGE)
        place = f"{name}:{ours[-1].lineno} {ours[-1].name}"
    lines = "".join(traceback.format_exception(error)).split("\n")
    return Unexpected(
        kind=type(error).__name__,
        message=printable(_first_line(error), 200),
        place=printable(place, 200),
        trace="\n".join(printable(line, 300) for line in lines),
    )


def _first_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - the report of an error must not fail on the error
        return f"which cannot be told: {type(broken).__name__}"
    return text.partition("\n")[0]
