"""Lines of words: what is cut ends with a whole word."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.view.words import cut_at_word, cut_before_end


def test_what_is_cut_ends_with_a_whole_word() -> None:
    text = "alloc MODULE_TEXT early · far"
    assert cut_at_word(text, 40) == text
    assert cut_at_word(text, 7) == "alloc…", "no blank before the sign"
    assert cut_at_word(text, 18) == "alloc MODULE_TEXT…", "the last word fits whole"
    assert cut_at_word(text, 17) == "alloc…"
    assert cut_at_word(text, 26) == "alloc MODULE_TEXT early…", "no dot with nothing behind"
    assert cut_at_word(text, 4) == "all…", "a single word is cut where it must be"
    assert not cut_at_word(text, 0)


@given(st.text("ab ·", max_size=30), st.integers(0, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    found = cut_at_word(text, width)
    assert len(found) <= width or found == text
    assert found == text or not found or found.endswith("…")
    assert " …" not in found or " …" in text


def test_of_a_path_the_end_is_kept() -> None:
    """The bar said "opening /captures/arm64-7.2.13-nokaslr" of another one of that beginning."""
    text = "opening /captures/arm64-exhaust/trace.txt.gz"
    assert cut_before_end(text, 60) == text
    assert cut_before_end(text, 30) == "opening …-exhaust/trace.txt.gz"
    for width in range(60):
        assert len(cut_before_end(text, width)) <= max(width, 1)
