"""The glyphs of a Linux console: its font holds few, and shows one sign for all others.

Everything that goes to the terminal is translated on its way out, Textual's own borders and bars
too. A character becomes a character, so that no column moves.
"""

from typing import Final

from textual.drivers.linux_driver import LinuxDriver

SAFE: Final = frozenset("§«°±µ¶·»×•←↑→↓≤≥─│┌┐└┘├┤┬┴┼═║╔╗╚╝╣█░▒■▲▶▼◀♦")
"""What, beside ASCII, all of these hold: the font built into the kernel (drivers/tty/vt/cp437.uni),
and those that Debian sets for western languages (console-setup: Lat15, Uni1, Uni2; Fixed, VGA,
Terminus)."""

GLYPHS: Final = {
    # how full a cell is, by height or by length
    "▁": "░", "▂": "░", "▃": "░", "▄": "▒", "▅": "▒", "▆": "█", "▇": "█", "▓": "▒",
    "▏": "│", "▎": "│", "▍": "│", "▌": "█", "▋": "█", "▊": "█", "▉": "█", "▐": "█", "▕": "│",
    "▀": "█", "▔": "─",
    # lines: heavy ones are double
    "━": "═", "┃": "║", "┏": "╔", "┓": "╗", "┗": "╚", "┛": "╝", "┢": "╔", "┣": "║", "┫": "║",
    "╭": "┌", "╮": "┐", "╰": "└", "╯": "┘", "╺": "─", "╸": "─", "┅": "=", "╍": "-", "╌": "-",
    "┊": ":", "┇": ":", "╎": ":", "┋": ":", "╱": "/", "╲": "\\", "╪": "┼", "┯": "┬",
    # signs
    "△": "^", "◆": "@", "◇": "o", "●": "•", "○": "o", "◂": "◀", "▸": "▶", "◄": "◀", "►": "▶",
    "✗": "x", "√": "v", "✓": "v", "⋯": "·", "…": "»", "–": "-", "—": "-", "−": "-",
    "ⓐ": "a", "ⓑ": "b", "ⓒ": "c", "ⓓ": "d",
}  # fmt: skip
"""What is drawn instead of what a console does not have."""

_TABLE: Final = str.maketrans(GLYPHS)


def spoken(text: str) -> str:
    """Return a text in a console's glyphs, as wide as it was."""
    return text.translate(_TABLE)


class ConsoleDriver(LinuxDriver):
    """Textual's driver, in a console's glyphs."""

    def write(self, data: str) -> None:
        """Write to the terminal."""
        super().write(spoken(data))
