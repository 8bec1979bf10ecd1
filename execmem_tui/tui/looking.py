"""Where one looks: panes, find, go to, reach origin, sheets."""

from collections.abc import Callable
from textwrap import wrap
from typing import Final

from execmem_tui.model.errors import UsageError
from execmem_tui.model.units import Address, hex_address
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.paint import LENSES, LensName

_READABLE: Final = 100
"""Columns of a text that the eye finds its next line in."""


class LookActions:
    """Keys that change nothing but what is looked at.

    Args:
        app: what is looked at.
        seek_time: goes to the last event up to a time of the trace's clock, in seconds.
        seek_tenant: goes to when the tenant of that number, from 1, lay at the cursor's address.
        seek: goes to a step.
    """

    def __init__(
        self,
        app: AppProtocol,
        seek_time: Callable[[float], None],
        seek_tenant: Callable[[int], None],
        seek: Callable[[int], None],
    ) -> None:
        self._app = app
        self._seek = seek
        self._seek_time = seek_time
        self._seek_tenant = seek_tenant

    def focus_pane(self, number: int, address: Address | None = None) -> None:
        """Show a pane in the detail map, and an address of it.

        By itself the area that the map of the pane begins with: the lowest of its first window.
        """
        if address is None and number != self._app.pane:
            first = self._app.shown.first_of(number)
            address = None if first is None else first.start
        self._app.pane = number
        if address is not None:
            self._app.look_at(address)

    def action_pane_1(self) -> None:
        """Focus the module pane."""
        self.focus_pane(1)

    def action_pane_2(self) -> None:
        """Focus the kprobes pane."""
        self.focus_pane(2)

    def action_pane_3(self) -> None:
        """Focus the ftrace pane."""
        self.focus_pane(3)

    def action_pane_4(self) -> None:
        """Focus the BPF pane."""
        self.focus_pane(4)

    def action_next_pane(self) -> None:
        """Focus the next pane."""
        self.focus_pane(self._app.pane % 4 + 1)

    def action_origin(self) -> None:
        """Count reach from the cursor, or from kernel text again."""
        app = self._app
        app.origin = app.cursor if app.origin is None else None
        found = app.shown.origin_at(app.origin)
        if found is None:
            app.say("reach counts from nothing: where the kernel lies is not known")
        elif app.origin is None:
            app.say(f"reach counts from {found.name} again")
        else:
            app.say(f"reach counts from {found.name}: r goes back to kernel text")

    def action_second_origin(self) -> None:
        """Count reach from the cursor too, beside the origin, or no more."""
        app = self._app
        if app.second is not None:
            app.second = None
            app.say("reach is counted from one origin")
            return
        found = app.shown.origin_at(app.cursor)
        if found == (app.shown.origin_at(app.origin) or app.shown.start):
            app.say("that is the origin itself: O compares with another place")
            return
        app.second = app.cursor
        app.say("a second origin is pinned: the panel counts from both")

    def action_copy_address(self) -> None:
        """Copy the cursor's address."""
        text = hex_address(self._app.cursor, self._app.shown.snapshot.layout.word_bits)
        self._app.copy(text)

    def action_goto(self) -> None:
        """Ask for a place and go there."""
        from execmem_tui.tui.screens.dialogs import AskLine

        what = "address, symbol, module, +1M, -4K, @12.5 seconds, step 9, #2 tenant"
        self._app.ask(AskLine("Go to", self.goto, what=what))

    def goto(self, line: str) -> None:
        """Go to a place or a moment, in the first pane whose map holds it.

        Raises:
            UsageError: it is none, or no map shows it.
        """
        from execmem_tui.view.places import parse_place

        shown = self._app.shown
        place = parse_place(line, shown.snapshot, self._app.cursor)
        if place.seconds is not None:
            self._seek_time(place.seconds)
        if place.step is not None:
            self._seek(place.step)
        if place.tenant is not None:
            self._seek_tenant(place.tenant)
        if place.address is None:
            return
        focused = self._app.pane
        pane = shown.pane_of(place.address, focused)
        for number in (pane, focused, 1, 2, 3, 4):
            start, end = shown.span(number)
            if start <= place.address < end:
                self._app.show_map()
                self.focus_pane(number, place.address)
                return
        start, end = shown.span(focused)
        bits = shown.snapshot.layout.word_bits
        raise UsageError(
            f"{hex_address(place.address, bits)} lies outside of every map",
            hint=f"this one shows {hex_address(start, bits)} to {hex_address(end - 1, bits)}",
        )

    def action_find(self) -> None:
        """Find an area by a part of its name."""
        from execmem_tui.tui.screens.chooser import Chooser
        from execmem_tui.view.area_list import area_entries

        areas = self._app.shown.snapshot.areas
        self._app.ask(
            Chooser(
                "Find", area_entries(areas), lambda index: self.find_address(areas[index].start)
            )
        )

    def find_address(self, address: Address) -> None:
        """Show an address in the pane that can: the one of its area, else the focused one.

        Who looked at single bytes before would see nothing of the area but its middle.
        """
        shown = self._app.shown
        self._app.show_map()
        self.focus_pane(shown.pane_of(address, self._app.pane), address)
        area = shown.snapshot.area_at(address)
        if area is not None and area.start == address:
            self._app.look_at_area(area)

    def action_ranges(self) -> None:
        """Show the table of resolved ranges."""
        from execmem_tui.tui.screens.sheets import TextSheet
        from execmem_tui.view.ranges_table import layout_lines

        layout = self._app.shown.snapshot.layout
        title = layout_lines(layout)[0]

        def lines(width: int) -> list[str]:
            return layout_lines(layout, width=width)[1:]

        self._app.ask(TextSheet(f"Ranges: {title}", lines))

    def action_architectures(self) -> None:
        """Show where each architecture keeps executable memory, as this kernel's version has it."""
        from execmem_tui.tui.screens.sheets import PictureSheet
        from execmem_tui.view.picture import picture

        rows = picture(self._app.shown.snapshot.layout.rules.kernel)
        self._app.ask(PictureSheet(rows, self._app.palette))

    def action_explain(self) -> None:
        """Show how the focused pane's range comes about."""
        from execmem_tui.arch import explain, resolve
        from execmem_tui.tui.screens.sheets import TextSheet
        from execmem_tui.view.ranges_table import explanation_lines

        layout = self._app.shown.snapshot.layout
        kind = self._app.shown.pane(self._app.pane).types[0]
        if not layout.macros:
            self._app.say("this layout was not computed: nothing to explain", severity="warning")
            return
        kaslr = layout.kaslr if layout.kaslr != "unknown" else "off"
        # The example image is nobody's choice: only what differs from it was set by the user.
        example = resolve(layout.arch, layout.kernel, layout.variant, kaslr).symbols
        fixed = {
            name: value
            for name, value in layout.symbols.items()
            if name in ("_text", "_end") and example.get(name) != value
        }
        steps = explain(
            layout.arch, layout.kernel, layout.variant, kaslr, {} if kaslr != "off" else fixed
        )
        found = tuple(steps)
        title = f"{kind.name} of {layout.id}"
        self._app.ask(TextSheet(title, lambda width: explanation_lines(found, kind, width)))

    def action_notes(self) -> None:
        """Show what is not known of this source, and why."""
        from execmem_tui.tui.screens.sheets import TextSheet

        notes = self._app.source.history.layout.notes
        if not notes:
            self._app.say("Nothing to note: all that is shown is known.")
            return

        def lines(width: int) -> list[str]:
            begins = ((f"{number:>2}  ", note) for number, note in enumerate(notes, 1))
            room = max(20, min(width, _READABLE))
            return [
                line
                for begin, note in begins
                for line in wrap(note, room, initial_indent=begin, subsequent_indent="    ")
            ]

        self._app.ask(TextSheet(f"Notes: {self._app.source.title}", lines))

    def action_log(self) -> None:
        """The whole event log; choosing an event goes to its step."""
        from execmem_tui.sources.simulation import Simulation  # no kernel at the start
        from execmem_tui.tui.screens.sheets import EventLog

        source, history = self._app.source, self._app.source.history
        log = EventLog(
            history.events(0, history.steps),
            history.first_step + 1,
            history.step,
            self._seek,
            acts=source.act_steps() if isinstance(source, Simulation) else {},
            copy=self._copy_act,
            palette=self._app.palette,
        )
        self._app.ask(log)

    def _copy_act(self, step: int) -> None:
        """Copy the command line that does all up to the act by hand that an event belongs to."""
        from execmem_tui.sources.simulation import Simulation  # no kernel at the start

        source = self._app.source
        if isinstance(source, Simulation) and step > source.born:
            step = source.end_of(step)
        self._copy_command(step)

    def action_copy_command(self) -> None:
        """Copy the command line that shows this again; say so where it does not do all of it."""
        app = self._app
        self._copy_command(app.source.history.step, app.cursor, app.lens)

    def _copy_command(
        self, step: int, cursor: Address | None = None, lens: LensName = LensName.KIND
    ) -> None:
        """Copy the command line that leads to a step; say so where it does not do all of it."""
        from execmem_tui.sources.simulation import Simulation  # no kernel at the start
        from execmem_tui.view.repeat import command_line, simulated_words

        app, source = self._app, self._app.source
        snapshot = source.history.peek(step)
        simulation = source if isinstance(source, Simulation) else None
        acts = () if simulation is None else simulation.acts(step)
        words = app.opened
        if words is None:
            empty = simulation is not None and not simulation.booted
            words = simulated_words(snapshot, empty=empty, acts=acts)
        inside = simulation is not None and not simulation.is_whole(step)
        app.copy(command_line(source.kind, words, snapshot, cursor, lens, inside=inside))
        lost = sum(not act for act in acts) if app.opened is None else len(acts)
        if lost:
            commands = "command" if lost == 1 else "commands"
            app.say(
                f"it boots the machine, without the {lost:,} {commands} made by hand since",
                severity="warning",
            )

    def action_lens(self) -> None:
        """Let colour tell the next thing."""
        from execmem_tui.view.lens_tables import why_unknown

        lenses = (*LENSES, LensName.DIFFERENCE) if self._app.pinned is not None else LENSES
        self._app.lens = lenses[(lenses.index(self._app.lens) + 1) % len(lenses)]
        unknown = why_unknown(self._app.lens, self._app.source)
        self._app.say(f"colour tells: {self._app.lens}{f' · {unknown}' if unknown else ''}")

    def action_filter(self) -> None:
        """Ask what to show; the rest is dimmed, on the map and out of the list."""
        from execmem_tui.tui.screens.dialogs import AskLine

        what = "an owner, bpf, text, >64K, <4K, fallback, hole>2M; nothing shows all"
        self._app.ask(
            AskLine("Filter", self.filter, self._app.filter, what=what, may_be_empty=True)
        )

    def filter(self, text: str) -> None:
        """Dim what does not match.

        Raises:
            UsageError: a size or a type cannot be read.
        """
        from execmem_tui.view.filter import parse_filter

        wanted = parse_filter(text)
        self._app.filter = text
        if wanted is None or wanted.hole is not None:
            return
        areas = self._app.shown.snapshot.areas
        count = sum(map(wanted, areas))
        if count == 0:
            self._app.say(f"nothing matches {text}: Esc shows all again", severity="warning")
        else:
            self._app.say(f"{count:,} of {len(areas):,} areas match: Esc shows all again")
