"""Large letters: as wide as there is room for, or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.view.large import _GLYPHS, large


def test_every_letter_is_five_rows_of_one_width() -> None:
    for char, glyph in _GLYPHS.items():
        rows = glyph.split("/")
        assert len(rows) == 5, char
        assert len({len(row) for row in rows}) == 1, char
        assert set(glyph) <= set("#./"), char
    assert len({*_GLYPHS.values()}) >= len(_GLYPHS) - 1, "only the two dashes are alike"


def test_words_are_drawn_and_broken_between_words() -> None:
    assert large("it", 9) == ["▀█▀ ▀█▀", " █   █", "▀▀▀  ▀"]
    assert large("it is", 40) == [
        "▀█▀ ▀█▀   ▀█▀ ▄▀▀",
        " █   █     █   ▀▄",
        "▀▀▀  ▀    ▀▀▀ ▀▀",
    ]
    broken = large("it is", 16)
    assert broken is not None
    assert len(broken) == 6


def test_what_has_no_large_form_is_told_small() -> None:
    assert large("naïve", 100) is None
    assert large("exhausted", 20) is None, "no word is broken"
    assert large("", 20) == []


@given(
    st.lists(st.text(st.sampled_from(sorted(_GLYPHS)), min_size=1, max_size=8), max_size=12),
    st.integers(1, 60),
)
def test_no_line_is_too_wide(words: list[str], columns: int) -> None:
    lines = large(" ".join(words), columns)
    if lines is not None:
        assert len(lines) % 3 == 0
        assert max(map(len, lines), default=0) <= columns
