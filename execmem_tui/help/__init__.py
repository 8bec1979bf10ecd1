"""The pages of the manual, Markdown files beside this one."""

from pathlib import Path


def _files() -> dict[str, Path]:
    found = {
        entry.name.removesuffix(".md"): entry
        for entry in Path(__file__).parent.iterdir()
        if entry.name.endswith(".md")
    }
    return dict(sorted(found.items()))


def pages() -> dict[str, str]:
    """Return the title of each page by the page's name: what its first line says."""
    return {
        name: entry.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for name, entry in _files().items()
    }


def page(name: str) -> str:
    """Return the Markdown text of a page.

    Raises:
        KeyError: there is no such page.
    """
    return _files()[name].read_text(encoding="utf-8")
