"""The card of a tour: what is said, what there is to do, the keys. It takes no focus."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.view.tour_card import KEYS, Card


class TourCard(Static):
    """Lies under the map, below every dialog: what is taught stays in use."""

    DEFAULT_CSS = """
    TourCard { height: auto; max-height: 12; border: round $accent; padding: 0 1; display: none; }
    TourCard { border-title-color: $accent; border-title-style: bold; }
    TourCard { border-subtitle-color: $foreground; }
    TourCard.open { display: block; }
    """
    can_focus = False

    card: reactive[Card | None] = reactive(None, layout=True)
    """What it says; None: no tour is taken."""

    def watch_card(self) -> None:
        """Come and go with the tour."""
        self.set_class(self.card is not None, "open")
        self.border_title = "" if self.card is None else Text(self.card.title).markup

    def on_mount(self) -> None:
        """Say the keys in the border."""
        self.border_subtitle = KEYS

    def render(self) -> Text:
        """Return what is said, what there is to do, and the newest hint."""
        card = self.card
        text = Text()
        if card is not None:
            text.append(card.text)
            if card.task:
                text.append(f"\n{card.task}", "bold")
            if card.hint:
                text.append(f"\nHint: {card.hint}", "italic")
        return text
