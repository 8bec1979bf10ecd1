"""The help: keys by group, words as a narrow panel can hold them."""

from execmem_tui.help import page
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.help import help_groups, word_lines


def test_words_are_told_in_lines_of_a_narrow_panel() -> None:
    lines = list(word_lines(page("words"), 42))
    assert all(len(line) <= 42 for line, _ in lines)
    words = [line for line, meaning in lines if not meaning]
    assert words[0] == "execmem"
    assert {"spill", "kprobe", "hole", "PLT entry", "tenant"} <= set(words)
    assert not {"word", "---"} & set(words)
    told = " ".join(line.strip() for line, meaning in lines if meaning)
    assert "purged: not reusable (unpurged vm_area)" in told
    assert "|" not in told
    assert "`" not in told


def test_the_ten_keys_come_first_and_all_are_in_their_groups() -> None:
    """A newcomer read of cells and screens first, and found `B` 30 lines below."""
    (heading, ten), *groups = help_groups(ACTIONS, 42)
    assert heading == "TEN KEYS TO BEGIN WITH"
    keys = [text.strip() for text, _ in ten if text.strip()]
    assert keys == ["B", "a", "f", "u", "W", "n", "/", "c", "o", "t"]
    rest = {text.strip() for _, lines in groups for text, _ in lines}
    assert set(keys) <= rest
    assert [name for name, _ in groups] == ["MOVE", "CHANGE", "TIME", "ASK", "THE PROGRAM"]


def test_keys_with_names_are_spelled_as_hints_spell_them() -> None:
    keys = {text.strip() for _, lines in help_groups(ACTIONS, 42) for text, _ in lines}
    assert {"Tab", "Enter", "Esc", "Space", "Backspace", "PgUp"} <= keys
    assert not {"tab", "enter", "escape", "space", "backspace"} & keys
