"""Scenario files: every error names the file, the line and the key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.scenarios.lines import Lines
from execmem_tui.scenarios.reader import library, open_scenario, read_scenario
from execmem_tui.scenarios.scenario import keys_of
from execmem_tui.scenarios.steps import STEPS, Alloc, Repeat

GOOD = """\
title = "A title"
arch = "arm64"
kernel = "7.1"

[knobs]
packs = false

[set]
_end = "0xffff800083000000"

[ranges]
BPF = { start = 0x1000, end = 0x2000 }

[[steps]]
say = "one"

[[steps]]
repeat = 2
steps = [
    { alloc = "MODULE_TEXT", size = "64K" },
    { expect = ["failures == 0"] },
]

[[steps]]
concurrently = 3

[[steps.steps]]
alloc = "BPF"

[[steps.steps]]
purge = "drain"
"""


def error_of(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read_scenario(text.encode(), "case.toml", "case")
    return caught.value


def test_a_whole_file() -> None:
    scenario = read_scenario(GOOD.encode(), "case.toml", "case")
    assert [type(step).__name__ for step in scenario.steps] == ["Say", "Repeat", "Concurrently"]
    repeat = scenario.steps[1]
    assert isinstance(repeat, Repeat)
    alloc = repeat.steps[0]
    assert isinstance(alloc, Alloc)
    assert alloc.size == 64 << 10
    assert alloc.line == 20
    assert scenario.settings.knobs.packs is False
    assert list(scenario.expectations()) == ["failures == 0"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('arch = "arm64"', 'arhc = "arm64"', 2, "unknown key 'arhc'"),
        ('kernel = "7.1"', "kernel = 7", 3, "kernel: a name is wanted, not 7"),
        ("packs = false", 'packs = "no"', 6, "packs: true or false is wanted"),
        ("packs = false", "pakcs = false", 6, "unknown key 'pakcs'"),
        ('_end = "0xffff800083000000"', '_end = "high"', 9, "_end: a whole number is wanted"),
        ("end = 0x2000", "ende = 0x2000", 12, "unknown key 'ende'"),
        ("BPF = {", "BPX = {", 12, "unknown key 'BPX'"),
        ('say = "one"', 'sya = "one"', 15, "unknown key 'sya'"),
        ('say = "one"', 'say = "one"\nsize = 3', 16, "unknown key 'size'"),
        ('say = "one"', 'say = "one"\nload = "xfs"', 15, "a step has one verb, not 2"),
        ("repeat = 2", "repeat = 0", 18, "repeat: 0 is out of range"),
        ("repeat = 2", "repeat = true", 18, "repeat: a whole number is wanted"),
        ('"MODULE_TEXT", size = "64K"', '"MODULE_TEXT", size = "64Q"', 20, "size: not a size"),
        ('alloc = "MODULE_TEXT"', 'alloc = "MODULE"', 20, "alloc: no execmem type"),
        ("failures == 0", "failure == 0", 21, "expect: nothing is called 'failure'"),
        ("failures == 0", "failures = 0", 21, "expect: 'failures = 0'"),
        ('alloc = "BPF"', 'alloc = "BPFF"', 28, "alloc: no execmem type 'BPFF'"),
        ('purge = "drain"', 'purge = "drian"', 31, "purge: no purge 'drian'"),
        ('purge = "drain"', 'purge = "drain', 31, "Illegal character"),
        ('title = "A title"\n', "", 1, "the key 'title' is missing"),
        ('arch = "arm64"', 'arch = "arm65"', 2, "no architecture 'arm65'"),
        ('kernel = "7.1"', 'kernel = "seven"', 3, "not a kernel version"),
        ('kernel = "7.1"', 'variant = "va1"', 3, "arm64 has no variant 'va1'"),
        ('kernel = "7.1"', 'kaslr = "maybe"', 3, "no draw 'maybe'"),
        ('kernel = "7.1"', "cpus = 9999", 3, "cpus: 9999 is out of range"),
        ("end = 0x2000", "end = 0x200", 11, "a range cannot be"),
        ("packs = false", "fill = 101", 6, "fill: a percentage"),
        ("_end =", "_edn =", 8, "this layout has no input '_edn'"),
        ("concurrently = 3", "concurrently = 9999", 25, "concurrently: 9999 is out of range"),
        ("concurrently = 3", "fill = 'BPF'", 27, "unknown key 'steps'"),
    ],
)
def test_errors_name_their_place(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    error = error_of(GOOD.replace(old, new, 1))
    assert error.line == line, error
    assert error.message.startswith(message), error
    assert str(error).startswith(f"case.toml:{line}")


def test_did_you_mean() -> None:
    assert error_of(GOOD.replace("say =", "sya =")).hint == "did you mean 'say'?"
    assert error_of(GOOD.replace("failures ==", "failure ==")).hint == "did you mean failures?"
    with pytest.raises(UsageError, match="no scenario") as caught:
        open_scenario("x86-many-cpu-dub")
    assert caught.value.hint == "did you mean x86-many-cpu-dup?"


def test_hostile_files() -> None:
    deep = "steps = [{ repeat = 1, " * 12 + 'steps = [{ say = "x" }]' + " }]" * 12
    assert "deep" in error_of(f'title = "t"\narch = "arm64"\n{deep}').message
    with pytest.raises(InputError, match=r"case.toml:2: not UTF-8"):
        read_scenario(b"title = 'x'\narch = '\xff'\n", "case.toml", "case")
    with pytest.raises(InputError, match="far too big"):
        read_scenario(b"#" * (1 << 20) + b"\n", "case.toml", "case")
    scenario = read_scenario(
        GOOD.replace("A title", "\\u001b[31mred").encode(), "case.toml", "\x1bcase"
    )
    assert "\x1b" not in scenario.title + scenario.name


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_scenario(text.encode("utf-8", "surrogatepass"), "case.toml", "case")
    except InputError:
        return
    pytest.fail("nothing that small is a scenario")


def test_lines_skip_what_is_quoted() -> None:
    lines = Lines('title = """\narch = no\n"""\narch = "x"\n[[steps]]\na = 1\n[[steps]]\nb = 2\n')
    assert lines.find(("arch",)) == 4
    assert lines.find(("steps", 0, "a")) == 6
    assert lines.find(("steps", 1, "b")) == 8
    assert lines.find(("steps", 1, "missing")) == 7


def test_every_verb_has_its_key_first_and_a_meaning() -> None:
    for verb, step in STEPS.items():
        assert next(iter(keys_of(step))) == verb
        assert step.__doc__


def test_the_library_is_read() -> None:
    for name in library():
        scenario = open_scenario(name)
        assert scenario.title
        assert scenario.source, f"{name} has no citation"
        assert list(scenario.expectations()), f"{name} expects nothing"
