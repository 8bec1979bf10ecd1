"""Exact before prefix before part before fuzzy."""

import time

import pytest

from execmem_tui.view.finding import Entry, nearest, rank, ranking, spelled

NAMES = ["freevxfs", "ocfs2", "xfs", "xfs_scrub", "dm_xfs", "xtables_fuse_set", "ext4"]
ENTRIES = [Entry(name) for name in NAMES]


def letters(query: str, name: str) -> float:
    """A stand-in for the matcher: shorter is better."""
    return len(query) / len(name)


def names(query: str, entries: list[Entry] = ENTRIES) -> list[str]:
    return [entries[index].name for index in rank(query, entries, letters)]


def test_the_order() -> None:
    assert names("xfs") == ["xfs", "xfs_scrub", "dm_xfs", "freevxfs", "xtables_fuse_set"]
    assert names("XFS ")[0] == "xfs"


@pytest.mark.fault(5)
def test_what_is_typed_exactly_comes_first_whatever_is_listed_before_it() -> None:
    entries = [Entry(name) for name in ("xfs_scrub", "freevxfs", "xfs")]
    assert names("xfs", entries) == ["xfs", "xfs_scrub", "freevxfs"]


def test_no_query_is_everything_in_its_order() -> None:
    assert names("") == NAMES
    assert names("  ") == NAMES


def test_nothing_matches() -> None:
    assert names("zzz") == []
    assert nearest("ext5", ENTRIES) == "ext4"
    assert nearest("qqqq", ENTRIES) == ""


def test_a_dash_is_an_underscore_as_for_modprobe() -> None:
    entries = [Entry("snd_hda_intel"), Entry("laptop-arm64", "a dash-ed word")]
    assert names("SND-HDA-intel", entries) == ["snd_hda_intel"]
    assert names("laptop_arm64", entries) == ["laptop-arm64"]
    assert names("dash_ed", entries) == ["laptop-arm64"]


def test_letters_here_and_there_are_told_from_what_is_typed() -> None:
    assert not spelled("i915", Entry("isl29125"))
    assert spelled("xfs", Entry("dm_xfs"))
    assert spelled("hda-in", Entry("snd_hda_intel"))


def test_details_come_after_names() -> None:
    entries = [Entry("one", "two"), Entry("two"), Entry("a two"), Entry("tower of one")]
    assert names("two", entries)[:3] == ["two", "a two", "one"]


def test_fuzzy_only_where_better_ones_are_few() -> None:
    many = [Entry(f"snd_{number}") for number in range(60)] + [Entry("s_n_d")]
    assert "s_n_d" not in names("snd", many)
    assert "s_n_d" in names("snd", many[30:])


def test_a_name_made_to_be_matched_in_every_way_costs_nothing() -> None:
    asked: list[str] = []

    def score(query: str, name: str) -> float:
        asked.append(f"{query} {name}")
        return 1.0

    entries = [Entry("ab" * 40), Entry("aabb")]
    assert rank("aaaaaaaaaabbbbbbbbbb", entries, score) == [0]
    assert asked == []


@pytest.mark.parametrize("query", ["ba", "xz"])
def test_letters_in_the_wrong_order_do_not_match(query: str) -> None:
    assert rank(query, [Entry("a_b"), Entry("z_x")], letters) == []


def test_a_catalogue_is_ranked_while_one_types() -> None:
    entries = [Entry(f"module_{number:x}_{number * 7919 % 4403:x}") for number in range(4400)]
    start = time.process_time()
    rank("m1", entries, letters)
    assert time.process_time() - start < 0.5


def test_very_many_are_ranked_in_pieces_and_the_same() -> None:
    entries = [Entry(f"mod_{number}.text") for number in range(30_000)]
    steps = ranking("mod_12", entries, letters)
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            found = stop.value
            break
    assert len(told) >= 2, "keys have a turn"
    assert told == sorted(told)
    assert all(0 < each < 1 for each in told)
    assert found == rank("mod_12", entries, letters)
    assert found[0] == entries.index(Entry("mod_12.text"))


def test_of_loose_matches_only_some_are_scored() -> None:
    asked = 0

    def counted(query: str, name: str) -> float:
        nonlocal asked
        asked += 1
        return letters(query, name)

    entries = [Entry(f"m{number}_x") for number in range(20_000)]
    found = rank("mx", entries, counted)
    assert len(found) == len(entries)
    assert asked < 5000
