"""The errors a user can meet. All end in one clear message and exit code 2.

ExecmemTuiError            title, hint
├── UsageError             a command line, a size, a name that means nothing
│   └── UnknownLayoutError no such architecture, variant, kernel or draw
├── InputError             a file: path, line, column
└── SourceError            a source that cannot be opened or followed (permissions, missing files)
"""

from execmem_tui.model.text import printable


class ExecmemTuiError(Exception):
    """Base of all expected errors.

    `title` is one line for people, `hint` says what to do about it (or is empty).
    """

    exit_code = 2

    def __init__(self, title: str, *, hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.title} ({self.hint})" if self.hint else self.title


class UsageError(ExecmemTuiError):
    """What was asked for means nothing.

    `key` is the setting to blame ("arch", "kernel", "variant", "kaslr", "ranges", "knobs", "set"),
    as a scenario file spells it; "" where none is.
    """

    def __init__(self, title: str, *, hint: str = "", key: str = "") -> None:
        super().__init__(title, hint=hint)
        self.key = key


class UnknownLayoutError(UsageError):
    """No such architecture, variant, kernel or draw."""


class SourceError(ExecmemTuiError):
    """A source cannot be opened or followed."""


class InputError(ExecmemTuiError):
    """A file is broken.

    Names the file, and the line and column (both from 1) where they are known.
    """

    def __init__(
        self,
        path: str,
        line: int | None,
        message: str,
        *,
        column: int | None = None,
        hint: str = "",
    ) -> None:
        place = printable(path, 300)
        if line is not None:
            place += f":{line}"
            if column is not None:
                place += f":{column}"
        super().__init__(f"{place}: {message}", hint=hint)
        self.path = path
        self.line = line
        self.column = column
        self.message = message


class KernelLogError(InputError):
    """A text that should hold areas is a kernel log."""
