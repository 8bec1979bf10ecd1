"""Names in rows: once for a group, never under four letters, a letter for each region."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.view.labels import LEAST, Named, TextStyle, labels

TEXT, DATA = "MOD_TEXT", "MOD_DATA"


def written(*named: Named, width: int = 40, rough: tuple[int, ...] = ()) -> str:
    full = [column not in rough for column in range(width)]
    line = ["."] * width
    for label in labels(named, full):
        line[label.column : label.column + len(label.text)] = label.text
    return "".join(line)


def test_the_owner_once_then_a_letter_for_each_region() -> None:
    line = written(Named(0, 1, 12, "scsi", TEXT), Named(9, 13, 15, "scsi", DATA), width=16)
    assert line == ".scsi t .....d ."


def test_the_name_goes_where_it_fits_whole() -> None:
    line = written(Named(0, 1, 5, "scsi_mod", TEXT), Named(9, 6, 16, "scsi_mod", DATA), width=16)
    assert line == ".t ...scsi_mod d"


def test_else_the_widest_carries_what_fits_of_it() -> None:
    assert written(Named(0, 1, 7, "scsi_mod", TEXT), width=8) == ".scsi_…."


def test_a_group_of_narrow_regions_is_named_across_them() -> None:
    regions = [Named(2 * at, 2 * at + 1, 2 * at + 2, "dm_mod", TEXT) for at in range(4)]
    assert written(*regions, width=9) == ".dm_mod ."


def test_a_name_across_a_group_leaves_the_edge_of_the_next() -> None:
    narrow = [Named(0, 0, 1, "drm_kms", DATA), Named(2, 2, 3, "drm_kms", DATA)]
    line = written(*narrow, Named(5, 5, 5, "drm_kms", DATA), Named(6, 5, 14, "dlm", DATA), width=15)
    assert line == "drm_.dlm d ...."


@pytest.mark.parametrize(("stop", "shown"), [(4, ".t ....."), (5, ".abcd...")])
def test_no_name_under_four_letters(stop: int, shown: str) -> None:
    assert written(Named(0, 1, stop, "abcdefgh", TEXT), width=8) == shown


def test_a_short_name_may_stand_whole() -> None:
    assert written(Named(0, 1, 3, "sg", TEXT), width=4) == ".sg."


def test_a_program_is_called_by_what_tells_it_from_others() -> None:
    """Where room was short all of a pack read ``bpf_``."""
    tag = "bpf_prog_de9c5836457ad4a5"
    for stop, shown in (
        (26, f".{tag} "),
        (24, ".de9c5836457ad4a5 "),
        (10, ".de9c5836…"),
        (5, ".de9c"),
    ):
        assert written(Named(0, 1, stop, tag), width=stop).startswith(shown.rstrip())
    named = f"{tag}_sd_fw"
    assert written(Named(0, 1, 24, named), width=24) == ".sd_fw de9c5836457ad4a5 "
    assert written(Named(0, 1, 8, named), width=8) == ".sd_fw …"
    assert written(Named(0, 1, 8, "bpf_prog_pack"), width=8) == ".bpf_pr…"
    for room, shown in ((17, "bpf_prog_sd_fw 17"), (9, "sd_fw 17"), (7, "sd_f…17"), (4, "s…17")):
        simulated = Named(0, 1, room + 1, "bpf_prog_sd_fw 17")
        assert written(simulated, width=room + 1).strip(". ") == shown
    assert written(Named(0, 1, 8, "module 104", TEXT), width=8) == ".mod…104"
    assert written(Named(0, 1, 5, "module 104", TEXT), width=5) == ".…104"
    assert written(Named(0, 1, 8, "nvme_core", TEXT), width=8) == ".nvme_c…"
    classic = Named(0, 1, 13, "bpf_prog_seccomp 3 (classic)")
    assert written(classic, width=13) == ".seccomp 3 .."


def test_nothing_is_written_over_a_height() -> None:
    assert written(Named(0, 1, 8, "abcdefgh", TEXT), width=8, rough=(3,)) == ".t ....."


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[Named], list[bool]]:
    named, at = [], 0
    for gap, width, owner, region in draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(0, 14),
                st.sampled_from(["a", "scsi", "dm_mod", "bluetooth"]),
                st.sampled_from([TEXT, DATA, ""]),
            ),
            max_size=12,
        )
    ):
        named.append(Named(at, at + gap + 1, max(at + gap + 1, at + gap + width), owner, region))
        at += gap + max(width, 1)
    full = draw(st.lists(st.booleans(), min_size=at, max_size=at))
    return named, full


@given(rows())
def test_labels_never_touch_nor_leave_what_they_name(
    row: tuple[list[Named], list[bool]],
) -> None:
    named, full = row
    found = list(labels(named, full))
    ends = 0
    least = min([LEAST, *(len(each.owner) for each in named)])
    for label in found:
        assert label.column >= ends, "no text is written over another"
        ends = label.column + len(label.text)
        assert all(full[label.column : ends]), "no height is written over"
        assert len(label.text.strip()) >= least or label.style is TextStyle.REGION
    names = [label.text for label in found if label.style is TextStyle.NAME]
    groups = [
        each.owner for at, each in enumerate(named) if not at or named[at - 1].owner != each.owner
    ]
    assert len(names) <= len(groups)
    assert all(label.text.strip() for label in found)
