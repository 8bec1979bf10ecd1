"""The Python interface: the page that documents it, short reprs, the picture of the map."""

import doctest
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from execmem_tui import api
from execmem_tui.help import page
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.simulation import Simulation
from execmem_tui.view.kinds import LEGEND
from execmem_tui.view.svg import colours

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
MIB = 1 << 20


def test_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = page("python")
    examples = doctest.DocTestParser().get_doctest(text, {}, "python.md", "python.md", 0)
    assert len(examples.examples) > 15
    runner = doctest.DocTestRunner()
    runner.run(examples)
    assert runner.summarize().failed == 0


def test_the_page_names_all_of_it() -> None:
    text = page("python")
    for name in set(api.__all__) - {"Map"}:
        assert f"`{name}()`" in text, name
    assert api.__all__ == sorted(api.__all__)


def filled() -> api.Map[Simulation]:
    machine = api.simulate("arm64")
    machine.source.allocate(ExecmemType.MODULE_TEXT, 40 * MIB, count=2, owner="big")
    assert machine.snapshot.counters.fallbacks == 1
    return machine


def test_reprs_are_short() -> None:
    machine = filled()
    for each in (machine, machine.snapshot, machine.layout, machine.history):
        assert len(repr(each)) < 120
        assert "7.1.8/arm64/va48-4k/off" in repr(each)
    assert "7/7" in repr(machine.snapshot)
    machine.history.seek(2)
    assert "2/7" in repr(machine.history)


def test_a_notebook_gets_the_picture() -> None:
    machine = filled()
    assert machine._repr_html_() == api.render_svg(machine)
    lanes = [
        next(
            line
            for line in api.render_text(machine, width=width).splitlines()
            if line.startswith("  near")
        )
        for width in (70, 140)
    ]
    assert 60 <= len(lanes[1]) - len(lanes[0]) <= 70


def test_the_picture_shows_lanes_kinds_and_the_spill() -> None:
    machine = filled()
    palette = colours("execmem-light")
    root = ET.fromstring(api.render_svg(machine, columns=64))  # noqa: S314 - our own
    words = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert {"near", "far"} <= set(words)
    assert [word for word in words if "▲ 1 spilled" in word]
    for look in LEGEND:
        assert f"{look.letter} {look.short}" in words
    fills = [box.attrib["fill"] for box in root.iter(f"{SVG}rect")]
    assert fills[0] == palette["background"]
    assert fills.count(palette["fallback"]) >= 2  # the legend's and the lane's
    assert palette["module"] in fills
    said = root.find(f"{SVG}desc")
    assert said is not None
    assert said.text
    spilled = [area for area in machine.snapshot.areas if area.window is Window.FALLBACK]
    assert len(spilled) == 1


def test_everything_lies_inside_the_picture() -> None:
    root = ET.fromstring(api.render_svg(filled(), columns=64))  # noqa: S314 - our own
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in list(root.iter(f"{SVG}rect"))[1:]:
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height
    for element in root.iter(f"{SVG}text"):
        assert 0 < float(element.attrib["y"]) <= height


def test_height_is_occupancy() -> None:
    machine = api.simulate("arm64")
    machine.source.allocate(ExecmemType.MODULE_TEXT, 64 << 10)
    machine.source.allocate(ExecmemType.MODULE_TEXT, 30 * MIB)
    root = ET.fromstring(api.render_svg(machine))  # noqa: S314 - our own
    module = colours("execmem-light")["module"]
    boxes = [box.attrib for box in root.iter(f"{SVG}rect") if box.attrib["fill"] == module]
    heights = {int(box["height"]) for box in boxes if box["width"] != box["height"]}
    assert max(heights) == 24
    assert min(heights) < 24


def test_titles_are_escaped() -> None:
    machine = api.simulate("arm64")

    class Titled:
        kind = machine.source.kind
        title = "<b>&'"
        history = machine.history

    picture = api.render_svg(api.Map(Titled()))
    assert "<b>" not in picture
    assert "&lt;b&gt;&amp;&#x27;" in picture
    ET.fromstring(picture)  # noqa: S314 - our own


@pytest.mark.parametrize("theme", ["execmem-dark", "execmem-contrast", "execmem-okabe-ito"])
def test_a_theme_gives_its_colours(theme: str) -> None:
    machine = filled()
    assert colours(theme)["fallback"] in api.render_svg(machine, theme=theme)


def test_a_theme_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "execmem-tui" / "themes"
    folder.mkdir(parents=True)
    text = (ROOT / "themes" / "execmem-dark.toml").read_text(encoding="utf-8")
    dark = colours("execmem-dark")["fallback"]
    (folder / "mine.toml").write_text(text.replace(dark, "#123456"), encoding="utf-8")
    assert "#123456" in api.render_svg(filled(), theme="mine")
    # it calls itself as a shipped one does, and takes its place, as on the screen
    assert "#123456" in api.render_svg(filled(), theme="execmem-dark")
    own = text.replace(dark, "#654321").replace('name = "execmem-dark"', 'name = "dusk"')
    (folder / "other.toml").write_text(own, encoding="utf-8")
    (folder / "broken.toml").write_text("name = ", encoding="utf-8")
    assert "#654321" in api.render_svg(filled(), theme="dusk")
    assert "#123456" in api.render_svg(filled(), theme="mine")


@pytest.mark.parametrize(
    ("theme", "words"), [("nothing", "there are: execmem-"), ("execmem-ansi", "none of its own")]
)
def test_a_theme_without_colours_is_refused(theme: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        api.render_svg(filled(), theme=theme)
