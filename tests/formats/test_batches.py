"""The few lines that matter among very many."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.formats.batches import batched, places

TEXTS = st.lists(st.text("ab\u0130x", max_size=6))


@given(TEXTS, st.sets(st.text("ab\u0130", min_size=1, max_size=3)))
def test_all_that_hold_a_word_are_found(texts: list[str], words: set[str]) -> None:
    assert places(words, texts) == {
        place for place, text in enumerate(texts) if any(word in text for word in words)
    }


def test_batches_hold_each_line_once() -> None:
    assert [each for batch in batched(range(1000)) for each in batch] == list(range(1000))
