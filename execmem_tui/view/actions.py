"""Every action of the application, once.

Keys, footer, palette, help and the manual's tables come from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple


class Action(NamedTuple):
    """One thing that a key does."""

    id: str
    """Stable name, for the user's own keys; also the application's ``action_<id>``."""
    keys: str
    """Default keys, comma separated, in Textual's spelling."""
    title: str
    help: str
    group: str
    footer: bool = False
    commanded: bool = False
    """Needs a source that takes commands: the simulator."""


def _action(
    id_: str,
    keys: str,
    title: str,
    help_: str,
    group: str,
    *,
    footer: bool = False,
    commanded: bool = False,
) -> Action:
    return Action(
        id=id_, keys=keys, title=title, help=help_, group=group, footer=footer, commanded=commanded
    )


MOVE, MAP, KERNEL, TIME, LOOK, APP = "Move", "Map", "Kernel", "Time", "Look", "Application"

ACTIONS: Final = (
    _action("pane_1", "1", "Module", "focus the module pane", MAP),
    _action("pane_2", "2", "Kprobes", "focus the kprobes pane", MAP),
    _action("pane_3", "3", "Ftrace", "focus the ftrace pane", MAP),
    _action("pane_4", "4", "BPF", "focus the BPF pane", MAP),
    _action("next_pane", "tab", "Next pane", "focus the next pane", MAP),
    _action(
        "maximise", "M", "Maximise", "give the detail map the whole screen, or give it back", MAP
    ),
    _action(
        "side",
        "v",
        "Side",
        "show or hide the side panel (a sheet on small terminals; PgDn scrolls it)",
        MAP,
    ),
    _action("left", "left,h", "Left", "one cell left", MOVE),
    _action("down", "down,j", "Down", "one row down", MOVE),
    _action("up", "up,k", "Up", "one row up", MOVE),
    _action("right", "right,l", "Right", "one cell right", MOVE),
    _action("page_up", "pageup", "Page up", "one screen up", MOVE),
    _action("page_down", "pagedown", "Page down", "one screen down", MOVE),
    _action("next_area", "w", "Next area", "the next area", MOVE),
    _action("previous_area", "b", "Previous area", "the previous area", MOVE),
    _action("zoom_in", "plus", "In", "zoom in about the cursor", MAP, footer=True),
    _action("zoom_out", "minus", "Out", "zoom out about the cursor", MAP, footer=True),
    _action(
        "whole",
        "0",
        "Whole",
        "what is used with the rest folded, the window to scale, everything to scale; goes round",
        MAP,
    ),
    _action("fit", "z", "Fit", "zoom to the area under the cursor", MAP),
    _action(
        "allocate",
        "a",
        "Allocate",
        "allocate in the focused pane, its usual size",
        KERNEL,
        footer=True,
        commanded=True,
    ),
    _action(
        "allocate_as",
        "A",
        "Allocate…",
        "allocate: type, size, count, name; where nothing is simulated: what if",
        KERNEL,
    ),
    _action(
        "insert",
        "i",
        "Insert",
        "load a module; in the other panes a probe, a tracer, a program",
        KERNEL,
        commanded=True,
    ),
    _action(
        "free",
        "f",
        "Free",
        "free what is under the cursor: area, module, probe, program",
        KERNEL,
        footer=True,
        commanded=True,
    ),
    _action(
        "fill",
        "B",
        "Fill up",
        "fill the module window until something spills into the fallback range, or fails",
        KERNEL,
        footer=True,
        commanded=True,
    ),
    _action("free_as", "F", "Free…", "free areas by name or address", KERNEL, commanded=True),
    _action("purge", "p", "Purge", "purge lazy areas now", KERNEL, commanded=True),
    _action("undo", "u", "Undo", "take back the last command", TIME),
    _action("redo", "ctrl+r", "Redo", "do it again", TIME),
    _action("step_back", "left_square_bracket", "Step back", "one event back", TIME),
    _action("step_on", "right_square_bracket", "Step on", "one event forward", TIME),
    _action(
        "first_step",
        "left_curly_bracket",
        "Previous mark",
        "back to the previous mark or the beginning, then round",
        TIME,
    ),
    _action(
        "last_step",
        "right_curly_bracket",
        "Next mark",
        "on to the next mark or the end, then round",
        TIME,
    ),
    _action("first", "ctrl+home", "Begin", "before the first event", TIME),
    _action("last", "ctrl+end", "End", "after the last event", TIME),
    _action(
        "peak", "circumflex_accent", "Peak", "the moment when most was in use in this pane", TIME
    ),
    _action(
        "play",
        "space",
        "Play",
        "play the events, or pause; follow the running kernel, or pause",
        TIME,
    ),
    _action(
        "follow",
        "full_stop",
        "Follow",
        "let the map go where each event is, or stay",
        TIME,
    ),
    _action(
        "faster",
        "greater_than_sign",
        "Faster",
        "play twice as fast; read the running kernel twice as often",
        TIME,
    ),
    _action(
        "slower",
        "less_than_sign",
        "Slower",
        "play half as fast; read the running kernel half as often",
        TIME,
    ),
    _action(
        "next_fallback", "n", "Next fallback", "the next event that used a fallback range", TIME
    ),
    _action(
        "previous_fallback",
        "N",
        "Previous fallback",
        "the previous event that used a fallback range",
        TIME,
    ),
    _action("next_failure", "d", "Next failure", "the next attempt that found no room", TIME),
    _action(
        "previous_failure", "D", "Previous failure", "the previous attempt that found no room", TIME
    ),
    _action(
        "lens",
        "V",
        "Lens",
        "what colour tells: kind, reach, permission, age, owner; goes round",
        LOOK,
    ),
    _action(
        "filter",
        "backslash",
        "Filter",
        "dim what does not match: an owner, a type, >64K, <4K, fallback, hole>2M",
        LOOK,
    ),
    _action("find", "slash", "Find", "find an area by name", LOOK, footer=True),
    _action(
        "goto",
        "g",
        "Go to",
        "go to an address, a symbol, a module, +1M, -4K, @12.5 (seconds), step 9, #2 (a tenant)",
        LOOK,
    ),
    _action("list", "L", "List", "the areas as a list beside the map, or close it", LOOK),
    _action(
        "notes", "exclamation_mark", "Notes", "what is not known of this source, and why", LOOK
    ),
    _action(
        "origin", "r", "Origin", "count reach from the cursor, or from kernel text again", LOOK
    ),
    _action(
        "second_origin",
        "O",
        "Second origin",
        "count reach from the cursor too, to compare, or no more",
        LOOK,
    ),
    _action(
        "why",
        "W",
        "Why here",
        "why the area under the cursor lies here, and who is in the way",
        LOOK,
    ),
    _action(
        "previous_tenant",
        "left_parenthesis",
        "Previous tenant",
        "go back to who lay at this address before",
        TIME,
    ),
    _action(
        "next_tenant",
        "right_parenthesis",
        "Next tenant",
        "go on to who lies at this address next",
        TIME,
    ),
    _action(
        "pin",
        "equals_sign",
        "Pin",
        "pin this moment as A and compare others with it; again, compare no more",
        LOOK,
    ),
    _action(
        "compare",
        "C",
        "Compare",
        "compare with another kernel, machine, moment or source: kernel=6.12, arch=x86, a path",
        LOOK,
    ),
    _action(
        "beside",
        "vertical_line",
        "Side by side",
        "two maps side by side while comparing (by itself from 240 columns), or one again",
        LOOK,
    ),
    _action("next_difference", "semicolon", "Next difference", "the next difference", LOOK),
    _action("previous_difference", "comma", "Previous difference", "the previous difference", LOOK),
    _action(
        "differences",
        "ampersand",
        "Differences",
        "the table of differences: owner, region, A, B, delta; Enter goes there",
        LOOK,
    ),
    _action(
        "findings",
        "asterisk",
        "Findings",
        "what is remarkable here: spills, holes pinned by little, writable code, …",
        LOOK,
    ),
    _action(
        "time_map",
        "H",
        "Time map",
        "address x time in the place of the map, or the map again",
        TIME,
    ),
    _action("seconds", "S", "Seconds", "divide time by seconds, or by events again", TIME),
    _action(
        "recent", "R", "Recent", "choose one of the newest events beside the map, or back", LOOK
    ),
    _action("log", "E", "Events", "the whole event log", LOOK),
    _action(
        "explain", "x", "Explain", "how the focused pane's range comes about, macro by macro", LOOK
    ),
    _action("ranges", "T", "Ranges", "the table of resolved ranges", LOOK),
    _action(
        "architectures",
        "U",
        "Everyone",
        "all architectures on one page, by distance from the kernel",
        LOOK,
    ),
    _action(
        "choose", "c", "Arch", "choose architecture, variant, kernel and KASLR", APP, footer=True
    ),
    _action(
        "scenario",
        "s",
        "Scenario",
        "play a scenario of the library, step by step",
        APP,
        footer=True,
    ),
    _action(
        "open",
        "o",
        "Open",
        "open a capture, a bundle, a trace, a /proc file, or the running kernel",
        APP,
    ),
    _action(
        "export",
        "e",
        "Export",
        "write the map as text, picture (.svg, .png), page (.html) or .json",
        APP,
    ),
    _action("copy_address", "y", "Copy", "copy the cursor's address", APP),
    _action(
        "copy_command",
        "Y",
        "Copy command",
        "copy the command line that shows this again",
        APP,
    ),
    _action(
        "tour",
        "t",
        "Tour",
        "take a guided tour; in one, a hint, and after the last one the answer",
        LOOK,
    ),
    _action(
        "go_on",
        "enter",
        "Go on",
        "open a fold; in a tour go on, or guess",
        MOVE,
    ),
    _action(
        "note",
        "m",
        "Note",
        "keep this moment, area and lens with a sentence: the notebook is a tour",
        LOOK,
    ),
    _action("tour_back", "backspace", "Back", "in a tour, the stop before", LOOK),
    _action("tour_skip", "K", "Skip", "in a tour, go on without doing what it asks", LOOK),
    _action(
        "presenter",
        "P",
        "Presenter",
        (
            "for a hall: sentence and map large, a cross to point with, PgDn and PgUp by"
            " sentences; or back"
        ),
        APP,
    ),
    _action("help", "question_mark", "Help", "this help", APP, footer=True),
    _action(
        "stop",
        "escape",
        "Stop",
        "stop what is being opened; leave a list, a sheet, `H`, `M`, a tour; take the filter away",
        APP,
    ),
    _action("suspend", "ctrl+z", "Suspend", "go to the background; fg comes back", APP),
    _action("quit", "q", "Quit", "leave", APP, footer=True),
)
GROUPS: Final = (MAP, MOVE, KERNEL, TIME, LOOK, APP)

_SPELLED: Final = {
    "circumflex_accent": "^", "asterisk": "*", "left_parenthesis": "(", "right_parenthesis": ")",
    "plus": "+", "minus": "-", "equals_sign": "=", "slash": "/", "question_mark": "?",
    "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{",
    "right_curly_bracket": "}", "greater_than_sign": ">", "less_than_sign": "<", "pageup": "PgUp",
    "pagedown": "PgDn", "left": "←", "right": "→", "up": "↑", "down": "↓", "exclamation_mark": "!",
    "full_stop": ".", "backslash": "\\", "vertical_line": "|", "semicolon": ";", "comma": ",",
    "ampersand": "&", "apostrophe": "'", "tab": "Tab", "enter": "Enter", "escape": "Esc",
    "space": "Space", "backspace": "Backspace",
}  # fmt: skip


def spelled(keys: str) -> str:
    """Return keys as a person reads them: ``← h``."""
    return " ".join(_SPELLED.get(key, key) for key in keys.split(","))


def keysyms(keys: str) -> str:
    """Return keys in the registry's spelling, of which a person may have written some as they look.

    Separated by blanks or commas; a comma itself is ``comma``.
    """
    names = {look: name for name, look in _SPELLED.items()}
    return ",".join(names.get(key, key) for key in keys.replace(",", " ").split())


def rebound(keymap: Mapping[str, str]) -> tuple[Action, ...]:
    """Return all actions, some with a user's keys (action -> keys) instead of the default ones."""
    return tuple(
        action._replace(keys=keymap[action.id]) if action.id in keymap else action
        for action in ACTIONS
    )


def keys_markdown(actions: Sequence[Action] = ACTIONS) -> str:
    """Return the manual's table of keys."""
    lines = ["| key | does |", "|---|---|"]
    lines += [f"| `{spelled(action.keys)}` | {action.help} |" for action in _grouped(actions)]
    return "\n".join(lines)


def keys_text() -> list[str]:
    """Return the keys as lines of text, by group."""
    lines = []
    for group in GROUPS:
        lines.append(group)
        lines += [
            f"  {spelled(action.keys):<10} {action.help}"
            for action in ACTIONS
            if action.group == group
        ]
    return lines


def _grouped(actions: Sequence[Action]) -> Iterator[Action]:
    for group in GROUPS:
        yield from (action for action in actions if action.group == group)
