"""Every shipped theme: complete, legible, and its kinds told apart by any eye or by a glyph."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from textual.color import Color, Lab, rgb_to_lab

from execmem_tui.files.user import theme_root
from execmem_tui.model.errors import InputError
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.theme_registry import ThemeRegistry
from execmem_tui.tui.themes import (
    CONSOLE,
    DEFAULT,
    KIND_NAMES,
    SIXTEEN_COLOURS,
    MapTheme,
    read_theme,
    shipped,
    users,
)
from execmem_tui.view.kinds import FREE, GUARD, LOOKS

THEMES = list(shipped())
SOLID = ["kernel", "module", "data", "kprobes", "ftrace", "bpf", "rox", "fallback", "lazy"]
_DEUTAN = ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969))
_PROTAN = ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052))
_NORMAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def seen(colour: Color, matrix: tuple[tuple[float, float, float], ...]) -> Lab:
    """The colour as an eye with a deficiency sees it (Machado,
    Oliveira and Fernandes 2009), in CIE Lab."""
    channels = (colour.r, colour.g, colour.b)
    mixed = [
        min(255, max(0, round(sum(a * b for a, b in zip(row, channels, strict=True)))))
        for row in matrix
    ]
    return rgb_to_lab(Color(mixed[0], mixed[1], mixed[2]))


def distance(one: Lab, other: Lab) -> float:
    return float(((one.L - other.L) ** 2 + (one.a - other.a) ** 2 + (one.b - other.b) ** 2) ** 0.5)


def contrast(one: Color, other: Color) -> float:
    def luminance(colour: Color) -> float:
        parts = [value / 255 for value in (colour.r, colour.g, colour.b)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def kinds(theme: MapTheme) -> dict[str, Color]:
    return {name: Color.parse(theme.theme.variables[f"execmem-{name}"]) for name in KIND_NAMES}


def test_five_themes_and_more_ship() -> None:
    names = {theme.theme.name for theme in THEMES}
    assert len(names) >= 5
    assert {DEFAULT, SIXTEEN_COLOURS} <= names
    assert any(not theme.theme.dark for theme in THEMES)


@pytest.mark.parametrize(
    "theme", [theme for theme in THEMES if not theme.letters], ids=lambda theme: theme.theme.name
)
@pytest.mark.parametrize("eye", ["normal", "deutan", "protan"])
def test_kinds_are_told_apart(theme: MapTheme, eye: str) -> None:
    matrix = {"normal": _NORMAL, "deutan": _DEUTAN, "protan": _PROTAN}[eye]
    labs = {name: seen(colour, matrix) for name, colour in kinds(theme).items() if name in SOLID}
    close = {
        (one, other): round(distance(labs[one], labs[other]))
        for one, other in combinations(SOLID, 2)
        if distance(labs[one], labs[other]) < 15
    }
    assert close == {}


@pytest.mark.parametrize(
    "theme", [theme for theme in THEMES if not theme.letters], ids=lambda theme: theme.theme.name
)
def test_text_is_legible(theme: MapTheme) -> None:
    for name, ground in kinds(theme).items():
        if name in LOOKS:
            ink = ground.get_contrast_text(1.0)
            assert contrast(ink.blend(ground, 1 - ink.a).with_alpha(1.0), ground) >= 3, name
    free = kinds(theme)[FREE]
    for name in SOLID:
        assert contrast(kinds(theme)[name], free) >= 1.5, name
    assert (
        contrast(
            Color.parse(theme.theme.foreground or ""), Color.parse(theme.theme.background or "")
        )
        >= 7
    )


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    "theme", [theme for theme in THEMES if not theme.letters], ids=lambda theme: theme.theme.name
)
def test_reach_is_told_by_the_shade_of_free_space(theme: MapTheme) -> None:
    shades = {name: kinds(theme)[name] for name in ("free", "reach-plt", "reach-direct")}
    for one, other in combinations(shades, 2):
        assert contrast(shades[one], shades[other]) >= 1.5, (one, other)


def test_the_sixteen_colour_theme_shows_letters() -> None:
    theme = next(theme for theme in THEMES if theme.theme.name == SIXTEEN_COLOURS)
    assert theme.letters
    assert GUARD in kinds(theme)


def test_the_console_theme_has_the_eight_colours_that_a_console_shows() -> None:
    (theme,) = shipped(CONSOLE)
    assert theme.letters
    text = (theme_root() / f"{CONSOLE}.toml").read_text(encoding="utf-8")
    used = set(re.findall(r'= "(ansi_[a-z_]+)"', text))
    eight = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    assert used <= {f"ansi_{name}" for name in eight}
    assert {"ansi_red", "ansi_white"} <= used


@pytest.mark.parametrize(
    ("term", "theme"),
    [("linux", CONSOLE), ("screen", SIXTEEN_COLOURS), ("xterm-256color", DEFAULT)],
)
def test_a_terminal_of_few_colours_gets_the_theme_for_it(
    term: str, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    app = ExecmemApp(open_simulation("arm64", "7.1", None, "off"))
    assert app.theme == theme


def test_the_checkout_reads_its_own_folder() -> None:
    assert theme_root() == Path(__file__).parents[2] / "themes"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = 1",
        'name = "x"',
        "[",
        'name = "x"\nprimary = "nothing"\n[kinds]\nfree = "red"',
        "\x00",
    ],
)
def test_broken_themes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    folder = tmp_path / "execmem-tui" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(text)
    with pytest.raises(InputError):
        read_theme(folder / "mine.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    [bad] = users()
    assert isinstance(bad, str)
    assert "mine.toml" in bad


def _with_primary(folder: Path, colour: str) -> Path:
    lines = (theme_root() / f"{DEFAULT}.toml").read_text().splitlines()
    changed = [f'primary = "{colour}"' if line.startswith("primary") else line for line in lines]
    file = folder / "mine.toml"
    file.write_text("\n".join(changed))
    return file


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_colour_of_endless_digits_is_named(tmp_path: Path, digits: int) -> None:
    """Textual reads a number of any length, and meets infinity."""
    file = _with_primary(tmp_path, f"rgb({'9' * digits},0,0)")
    with pytest.raises(InputError, match="primary: "):
        read_theme(file)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("rgb(٣,٣,٣)", "#030303"),
        (f"rgba(0,0,0,{'9' * 400})", "#000000"),
        ("#A0b1C2", "#A0b1C2"),
        ("red", "red"),
    ],
)
def test_a_colour_is_kept_as_styles_can_read_it(tmp_path: Path, written: str, shown: str) -> None:
    assert read_theme(_with_primary(tmp_path, written)).theme.primary == shown


def test_themes_are_read_one_at_a_time_and_what_is_wrong_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "execmem-tui" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("[")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = ExecmemApp(open_simulation("arm64", "7.1", None, "off"), theme=DEFAULT)
    registry = ThemeRegistry(app)
    before = len(app.available_themes)
    assert registry.read_one()
    assert len(app.available_themes) == before + 1
    assert len(registry.read()) == 1
    assert {each.theme.name for each in THEMES} <= set(app.available_themes)
    assert not registry.read_one()
    assert registry.read() == []
