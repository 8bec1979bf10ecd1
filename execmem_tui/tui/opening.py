"""Which source comes next: choose a machine, play a scenario, open a path."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from execmem_tui.files.regular import user_path
from execmem_tui.history import History
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.text import printable
from execmem_tui.sources.base import Progress, Recording, Source, SourceKind
from execmem_tui.tui.app_protocol import AppProtocol

if TYPE_CHECKING:
    from execmem_tui.bundles.several import SeveralCapturesError


def nothing(name: str) -> Source:
    """Return what is there before the first source is read: no kernel, no areas, a title."""
    unknown = ExecmemRange(start=0, end=0, provenance=Provenance.UNKNOWN)
    layout = Layout(
        id="",
        kernel="",
        arch="",
        variant="",
        kaslr="",
        word_bits=64,
        page_size=4096,
        pmd_size=2 << 20,
        vmalloc_start=0,
        vmalloc_end=0,
        modules_vaddr=None,
        modules_end=None,
        symbols={},
        macros={},
        types=dict.fromkeys(ExecmemType, unknown),
    )
    return Recording(SourceKind.OPENING, name, History(layout))


Reader = Callable[[str, Iterator[Progress], Sequence[str]], None]


class OpenActions:
    """Keys that bring another source.

    Args:
        app: what is shown.
        read: reads a source off the event loop and shows it as soon as there is one: its name, what
            reads it, the words of the command line that do the same.
    """

    def __init__(self, app: AppProtocol, read: Reader) -> None:
        self._app = app
        self._read = read

    def action_choose(self) -> None:
        """Choose what to simulate."""
        from execmem_tui.sources.booted import open_booted
        from execmem_tui.tui.screens.choose import Choice, ChooseLayout

        def go(choice: Choice) -> None:
            self._app.show_source(
                open_booted(choice.arch, choice.kernel, choice.variant, choice.kaslr)
            )

        self._app.ask(ChooseLayout(self._app.shown.snapshot.layout, go))

    def boot(self, arch: str) -> None:
        """Simulate an architecture as Debian ships it, after boot."""
        from execmem_tui.sources.booted import open_booted

        self._app.show_source(open_booted(arch, "7.1", None, "off"))

    def action_open(self) -> None:
        """Open a capture, a bundle, a trace, a /proc file, or the running kernel."""
        from execmem_tui.tui.screens.dialogs import AskLine

        what = "a capture folder, a bundle, a trace, a vmallocinfo, or: live"
        self._app.ask(AskLine("Open", self.open, what=what))

    def open(self, line: str) -> None:
        """Open a path off the event loop.

        Raises:
            UsageError: it is no path.
        """
        from execmem_tui.sources.opening import read_path

        user_path(line)  # said in the dialog, not after it has gone
        self._read(line, read_path(line, follow=True), [line])

    def choose_capture(self, error: "SeveralCapturesError", path: str) -> None:
        """Ask which of the captures in a folder or a bundle is meant, and open it."""
        from execmem_tui.tui.screens.chooser import Chooser

        names = error.names

        def go(index: int) -> None:
            self.open(f"{path.rstrip('/')}/{names[index]}")

        title = f"{len(names):,} captures: which one?"
        from execmem_tui.view.finding import Entry

        entries = [Entry(printable(name, 80)) for name in names]
        self._app.ask(Chooser(title, entries, go, hints="Enter opens it · Esc leaves"))

    def action_scenario(self) -> None:
        """Browse the scenarios; play one."""
        from execmem_tui.scenarios.reader import library, open_scenario
        from execmem_tui.tui.screens.scenarios import ScenarioBrowser

        self._app.ask(ScenarioBrowser([open_scenario(name) for name in library()], self.play))

    def play(self, name: str) -> None:
        """Play a scenario of the library off the event loop, and show its beginning."""
        from execmem_tui.sources.scenario_play import read_scenario

        self._read(name, read_scenario(name), ["--scenario", name])
