"""Write anew what is generated: ``python -m tests.regenerate``.

The tables in the README and in the pages of the manual, and the JSON Schemas. `test_readme.py`
compares.
"""

import json
import re
import sys
from pathlib import Path
from typing import Final

from execmem_tui.cli.commands import COMMANDS, load
from execmem_tui.cli.schema import schema_of
from execmem_tui.help import pages
from execmem_tui.view.actions import ACTIONS, keys_markdown, spelled
from execmem_tui.view.help import FIRST

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = ROOT / "README.md"
PAGES: Final = ROOT / "execmem_tui" / "help"
SCHEMAS: Final = ROOT / "execmem_tui" / "cli" / "schemas"
MOVING: Final = ("spill.svg", "spill.gif")
"""Pictures that move, the best first; while there is none, one that does not."""


def _picture() -> str:
    names = [name for name in MOVING if (ROOT / "screenshots" / name).is_file()]
    if names:
        said = "the direct window of arm64 fills up, and the next module spills into the fallback"
        return f"![{said}](screenshots/{names[0]})"
    said = "arm64 after the direct window is full: the next module lies in the fallback range"
    return f"![{said}](screenshots/arm64-fallback.svg)"


def _ten_keys() -> str:
    actions = {action.id: action for action in ACTIONS}
    return "\n".join(f"- `{spelled(actions[name].keys)}`: {actions[name].help}" for name in FIRST)


def _short_commands() -> str:
    """Return a line for each command: what it is, not what all it shows."""
    rows = ["- `execmem-tui [SOURCE]`: the application"]
    rows += [f"- `execmem-tui {name}`: {load(name).HELP.partition(':')[0]}" for name in COMMANDS]
    return "\n".join(rows)


def _commands() -> str:
    rows = ["| `execmem-tui [SOURCE]` | the application |"]
    rows += [f"| `execmem-tui {name}` | {load(name).HELP} |" for name in COMMANDS]
    return "\n".join(["| command | what it answers |", "|---|---|", *rows])


def _pages() -> str:
    return " · ".join(f"[{name}](execmem_tui/help/{name}.md)" for name in pages())


def _between(text: str, name: str, content: str) -> str:
    """Put `content` between the two comments of `name`."""
    pattern = re.compile(rf"(<!-- {name}: .*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda found: f"{found[1]}{content}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{count} places for {name}")
    return replaced


def generated() -> dict[Path, str]:
    """Return what each generated file should hold."""
    readme = README.read_text(encoding="utf-8")
    for name, content in (
        ("picture", _picture()),
        ("ten keys", _ten_keys()),
        ("commands", _short_commands()),
        ("pages", _pages()),
    ):
        readme = _between(readme, name, content)
    schemas = {
        SCHEMAS / f"{name}.json": json.dumps(schema_of(name, documents), indent=1) + "\n"
        for name in COMMANDS
        if (documents := load(name).DOCUMENTS)
    }
    keys, commands = PAGES / "keys.md", PAGES / "commands.md"
    return {
        README: readme,
        keys: _between(keys.read_text(encoding="utf-8"), "keys", keys_markdown()),
        commands: _between(commands.read_text(encoding="utf-8"), "commands", _commands()),
        **schemas,
    }


def main() -> int:
    """Write them."""
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
