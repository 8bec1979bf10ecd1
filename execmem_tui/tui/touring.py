"""Keys of guided tours: begin one, go on and back, point at a hole, ask for a hint.

The engine is read when the first tour begins: it brings the simulator's scenarios along.
"""

from typing import TYPE_CHECKING, Protocol

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated
from execmem_tui.model.units import Address
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.view.highlight import LETTERS, NO_HIGHLIGHT, Highlight
from execmem_tui.view.paint import LENSES, LensName

if TYPE_CHECKING:
    from execmem_tui.tours.progress import TourProgress
    from execmem_tui.tours.run import TourRun
    from execmem_tui.tui.notes_server import NotesServer
    from execmem_tui.view.tour_card import Card


class TourApp(AppProtocol, Protocol):
    """An application with a card beside the map and a light on it."""

    @property
    def letters(self) -> bool:
        """Whether cells show letters: without colour, or where the theme says so."""

    def guide(self, card: "Card | None", highlight: Highlight) -> None:
        """Show the card, or none, and light the map."""

    def open_fold(self) -> None:
        """Show the rows of the fold under the cursor."""


class TourActions:
    """Keys of guided tours.

    Args:
        app: what they act on.
        progress: where it is kept how far each tour was taken; None: in the user's own file.
    """

    def __init__(self, app: TourApp, progress: "TourProgress | None" = None) -> None:
        self._app = app
        self._progress = progress
        self._notes_server: NotesServer | None = None
        self._run: TourRun | None = None
        self._hint = ""
        self._arriving = False

    @property
    def run(self) -> "TourRun | None":
        """The tour that is being taken."""
        return self._run

    @property
    def progress(self) -> "TourProgress":
        """How far each tour was taken."""
        if self._progress is None:
            from execmem_tui.tours.progress import TourProgress, progress_file

            self._progress = TourProgress(progress_file())
        return self._progress

    # Beginning and leaving

    def action_tour(self) -> None:
        """Choose a tour; in one, ask for a hint, and after the last one let it be shown."""
        if self._run is not None:
            self._help()
            return
        from execmem_tui.tours.reader import shipped_tours
        from execmem_tui.tui.screens.chooser import Chooser
        from execmem_tui.view.tour_card import entries, first_left

        tours = shipped_tours()
        reached = self.progress.all()
        self._app.ask(
            Chooser(
                "Take a tour: in this order, if all is new to you",
                entries(tours, reached),
                lambda index: self.begin(tours[index].name),
                begin=first_left([tour.name for tour in tours], reached),
            )
        )

    def begin(self, name: str) -> None:
        """Begin a tour of the library, or of a file, where it was left.

        Raises:
            UsageError: there is none of that name, or a step of it cannot be done.
            InputError: its file is broken.
        """
        from execmem_tui.tours.reader import open_tour
        from execmem_tui.tours.run import TourRun

        tour = open_tour(name)
        self._run = TourRun(tour, at=self.progress.of(tour.name).stop)
        self._arrive()

    def leave(self) -> bool:
        """Leave the tour; what it showed stays. False where there is none."""
        if self._run is None:
            return False
        self._run = None
        self.close()
        self._app.guide(None, NO_HIGHLIGHT)
        return True

    def close(self) -> None:
        """Let the terminals go that follow the tour with the speaker's notes."""
        if self._notes_server is not None:
            self._notes_server.close()

    # Going

    def action_go_on(self) -> None:
        """Go on in a tour, or point at a hole; without one, open the fold under the cursor."""
        run = self._run
        if run is None:
            self._app.open_fold()
            return
        if self._asks(run):
            self._point(self._app.cursor)
            return
        try:
            self._move(more=run.next())
        except UsageError as error:
            self._app.say(f"{error.title}: t gives a hint, K goes on without", severity="warning")

    @staticmethod
    def _asks(run: "TourRun") -> bool:
        return run.stop.kind == "guess" and run.guessed is None

    def vote(self, key: str) -> bool:
        """Point at the place that carries a letter; False where the key has its own meaning."""
        run = self._run
        at = LETTERS.lower().find(key)
        if run is None or len(key) != 1 or at < 0 or not self._asks(run):
            return False
        offered = run.choices()
        if at < len(offered):
            self._point(offered[at].start)
        else:
            self._app.say(f"there are {len(offered)} places")
        return True

    def turn(self, *, forward: bool) -> bool:
        """Go on or back as a clicker does, which never guesses; False where no tour is taken."""
        run = self._run
        if run is None:
            return False
        if not forward:
            self.action_tour_back()
        elif self._asks(run):
            self._app.say("a letter is the hall's vote; K goes on without")
        else:
            self.action_go_on()
        return True

    def _point(self, address: Address) -> None:
        """Commit a guess; then the simulator moves."""
        assert self._run is not None
        took = self._run.guess(address).took
        self._show()
        self._app.look_at(took.start)

    def action_tour_back(self) -> None:
        """Go back to the stop before."""
        run = self._need()
        if run is not None and run.back():
            self._arrive()

    def action_tour_skip(self) -> None:
        """Go on without doing what the stop asks for."""
        run = self._need()
        if run is not None:
            self._move(more=run.skip())

    def _need(self) -> "TourRun | None":
        if self._run is None:
            self._app.say("no tour is being taken: t begins one")
        return self._run

    def _move(self, *, more: bool) -> None:
        assert self._run is not None
        if more:
            self._arrive()
            return
        from execmem_tui.tours.progress import Reached

        tour = self._run.tour
        self.progress.keep(tour.name, Reached(stop=0, done=True))
        self.leave()
        self._app.say(f"that was the tour: {tour.title} · t takes the next one")

    def _help(self) -> None:
        run = self._run
        assert run is not None
        hint = "" if run.done else run.hint()
        if hint:
            self._hint = hint
            self._show()
        elif run.done:
            self._app.say("nothing is asked for here: Enter goes on")
        else:
            run.show_me()
            self._show()
            if run.guessed is not None:
                self._app.look_at(run.guessed.took.start)

    # Showing

    def _arrive(self) -> None:
        """Show a stop from its beginning: its source, its pane, where to look."""
        from execmem_tui.tours.progress import Reached

        run = self._run
        assert run is not None
        self._hint = ""
        done = self.progress.of(run.tour.name).done
        self.progress.keep(run.tour.name, Reached(stop=run.index, done=done))
        if self._app.source is not run.source:
            self._arriving = True
            self._app.show_source(run.source)
            self._arriving = False
        self._app.touched()  # `u` takes back what the listener does, not the tour
        self._app.pane = run.stop.pane
        if run.stop.lens in LENSES:
            self._app.lens = LensName(run.stop.lens)
        self._show()
        first = self._first_look(run)
        if first is not None:
            self._app.look_at(first)

    @staticmethod
    def _first_look(run: "TourRun") -> Address | None:
        """Return where the cursor goes on arrival; at a guess never where the answer is."""
        if run.stop.at is not None:
            return run.stop.at
        if run.stop.guess:
            placed = [each.area.start for each in run.newest if isinstance(each, Allocated)]
            return placed[-1] if placed else None
        return run.lit[0][0] if run.lit else None

    def _show(self) -> None:
        assert self._run is not None
        self._app.show_step()
        self._tell(self._run)

    def _tell(self, run: "TourRun") -> None:
        from execmem_tui.view.tour_text import card

        guessed = run.guessed
        highlight = Highlight(
            lit=tuple(run.lit),
            ghost=tuple(run.ghost),
            ring=None if guessed is None else guessed.place,
            letters=tuple((each.start, each.end) for each in run.offered),
        )
        self._app.guide(card(run, self._hint, circled=not self._app.letters), highlight)
        self._send_position(run)

    def _send_position(self, run: "TourRun") -> None:
        """Tell terminals with notes where we are; they may come at any time."""
        from execmem_tui.tours.speaker_notes import TourPosition
        from execmem_tui.tui.notes_server import NotesServer

        if self._notes_server is None:
            self._notes_server = NotesServer()
        guess = "" if run.chosen is None else LETTERS[run.chosen]
        now = TourPosition(stop=run.index, done=run.done, guess=guess)
        self._notes_server.tell(run.tour.name, now)

    # Following what the listener does

    def acted(self, action: str) -> None:
        """Note a key: hints answer it."""
        if self._run is not None:
            self._run.acted(action)

    def follow(self) -> None:
        """The step changed: tell whether the goal is reached. Another source ends the tour."""
        run = self._run
        if run is None or self._arriving:
            return
        if self._app.source is run.source:
            self._tell(run)
        else:
            self.leave()
