"""``map --export``: each form by its suffix, the same map in each."""

import json
import struct
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from execmem_tui.cli.main import main
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.page import html_page


def export(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    assert main(["map", "--arch", "riscv", "--export", str(path)]) == 0
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == f"execmem-tui: wrote {path}\n"
    return path.read_text(encoding="utf-8")


def test_text_and_json_are_those_of_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["map", "--arch", "riscv", "--width", "120"]) == 0
    text = capsys.readouterr().out
    assert export(capsys, tmp_path / "map.txt") == text
    assert main(["map", "--arch", "riscv", "--json"]) == 0
    whole = capsys.readouterr().out
    assert export(capsys, tmp_path / "map.json") == whole
    assert json.loads(whole)["layout"]["arch"] == "riscv"


def test_a_picture_is_svg(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = ET.fromstring(export(capsys, tmp_path / "map.svg"))  # noqa: S314 - our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"


class _Page(HTMLParser):
    """What a browser would load, and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_holds_picture_and_text_and_loads_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = export(capsys, tmp_path / "map.txt")
    page = _Page()
    page.feed(export(capsys, tmp_path / "map.html"))
    assert text.strip() in "".join(page.text)
    assert {"svg", "pre", "style"} <= set(page.tags)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onload"} & set(page.attributes)


def test_a_page_takes_a_title_for_text() -> None:
    page = html_page(open_booted("arm64").history.snapshot(), "<b>&</b>")
    assert "<b>" not in page
    assert "<title>&lt;b&gt;&amp;&lt;/b&gt; · " in page


def test_a_picture_is_png_where_the_extra_is_installed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    svg = ET.fromstring(export(capsys, tmp_path / "map.svg"))  # noqa: S314 - our own
    assert main(["map", "--arch", "riscv", "--export", str(tmp_path / "map.png")]) == 0
    found = (tmp_path / "map.png").read_bytes()
    assert found.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", found[16:24]) == (
        int(svg.attrib["width"]),
        int(svg.attrib["height"]),
    )


def test_without_the_extra_it_is_said_what_to_install(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert main(["map", "--export", str(tmp_path / "map.png")]) == 2
    said = capsys.readouterr().err
    assert "a PNG needs resvg-py" in said
    assert "pip install 'execmem-tui[png]'" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["map.jpg", "map.exe", "map.HTML"])
def test_other_forms_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    assert main(["map", "--export", str(tmp_path / name)]) == 2
    assert f"cannot write {Path(name).suffix}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "map.html").symlink_to(tmp_path / "nowhere")
    assert main(["map", "--export", str(tmp_path / "map.html")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
