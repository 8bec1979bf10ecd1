"""What one may type for a place."""

import pytest

from execmem_tui.model.errors import ExecmemTuiError, UsageError
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.places import Place, parse_place

SIMULATION = open_simulation("arm64", "7.1", "va48-4k", "off")
SIMULATION.load("ext4")
SIMULATION.do(lambda kernel: kernel.bpf.load("net", 900))
SNAPSHOT = SIMULATION.history.snapshot()
HERE = 0xFFFF_8000_7B00_0000
TEXT = next(
    area.start for area in SNAPSHOT.areas if (area.owner, area.region) == ("ext4", "MOD_TEXT")
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ffff800080000000", Place(0xFFFF800080000000)),
        ("0xffff800080000000", Place(0xFFFF800080000000)),
        (" _text ", Place(0xFFFF800080000000)),
        ("ext4", Place(TEXT)),
        ("+1M", Place(HERE + (1 << 20))),
        ("-4K", Place(HERE - 4096)),
        ("@12.5", Place(seconds=12.5)),
        ("#2", Place(tenant=2)),
        ("step 4,680", Place(step=4680)),
        (" Step 0", Place(step=0)),
        ("0", Place(0)),
        ("ffffffffffffffff", Place((1 << 64) - 1)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse_place(text, SNAPSHOT, HERE) == place


def test_a_program_inside_its_pack() -> None:
    pack = next(area for area in SNAPSHOT.areas if area.parts)
    assert pack.parts is not None
    name = pack.parts[0].name
    assert parse_place(name, SNAPSHOT, HERE) == Place(pack.parts[0].start)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zzz", "no place is called zzz"),
        ("@now", "no number of seconds: now"),
        ("@nan", "no number of seconds: nan"),
        ("@1e999", "no number of seconds: 1e999"),
        ("+", "no place is called +"),
        ("#0", "no tenant: #0"),
        ("#two", "no tenant: #two"),
        ("step two", "no step: two"),
        ("step -1", "no step: -1"),
    ],
)
def test_what_is_no_place_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_place(text, SNAPSHOT, HERE)
    assert caught.value.title == said


def test_a_size_that_means_nothing_and_an_address_below_zero() -> None:
    for text in ("+1Q", "-1T", "1" * 17):
        with pytest.raises(ExecmemTuiError):
            parse_place(text, SNAPSHOT, 4096)


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        parse_place("ext5", SNAPSHOT, HERE)
    assert caught.value.hint == "did you mean ext4?"
