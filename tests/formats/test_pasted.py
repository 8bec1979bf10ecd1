"""Text as people paste it: sorted into the files it was copied from."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.formats.pasted import Kind, Pasted, sort_pasted
from execmem_tui.model.errors import InputError

AREAS = (
    (
        "0xffffb2a680036000-0xffffb2a68003f000 36864 alloc_large_system_hash+0x181/0x23e pages=8"
        " vmalloc"
    ),
    "0xffffb2a68316e000-0xffffb2a683170000 8192 bpf_prog_alloc+0x3e/0xb0 pages=1 vmalloc N0=1",
    "0xffffffffc0c88000-0xffffffffc0cb6000 188416 load_module+0x1401/0x2c20 pages=45 vmalloc",
)


def pasted(text: str) -> Pasted:
    return sort_pasted("text", enumerate(text.split("\n"), 1))


def areas(text: str) -> tuple[str, ...]:
    return pasted(text).files.get(Kind.VMALLOCINFO, ())


def halved(line: str) -> list[str]:
    return line.replace(" pages", "\npages").split("\n")


def each(before: str = "", after: str = "") -> str:
    return "\n".join(f"{before}{line}{after}" for line in AREAS)


@pytest.mark.parametrize(
    "text",
    [
        each(),
        each("[  100.000001] "),
        each("[  100.000001@3] "),
        each("Nov 28 14:19:01 box kernel: "),
        each("> "),
        each("> > "),
        each("    "),
        "\n".join(f"     {n}\t{line}" for n, line in enumerate(AREAS, 1)),
        each("/proc/vmallocinfo:"),
        each("proc/vmallocinfo:12:"),
        each(after="\r"),
        each().replace(" ", "\t"),
        each().replace("ffff", "FFFF").replace("0x", "0X"),
        "\ufeff" + each(),
        f"```\n{each()}\n```",
        f"root@box:~# cat /proc/vmallocinfo\n{each()}\nroot@box:~# ",
        each().replace(" pages", " \npages"),
        each().replace("36864 ", "36864 \n").replace("8192 ", "8192 \n").replace("416 ", "416\n"),
        "\n".join(f"> {half}" for line in AREAS for half in halved(line)),
        each().replace("\n", ""),
    ],
    ids=[
        "bare", "dmesg", "dmesg-cpu", "journal", "quoted", "quoted-twice", "indent", "cat-n",
        "grep", "grep-n", "crlf", "tabs", "upper", "bom", "fence", "prompt", "wrapped-late",
        "wrapped-early", "wrapped-and-quoted", "glued",
    ],
)  # fmt: skip
def test_every_dress_gives_the_same_areas(text: str) -> None:
    assert [line.lower().split()[:4] for line in areas(text)] == [
        line.split()[:4] for line in AREAS
    ]
    assert all("pages=" in line for line in areas(text))


def test_files_are_told_apart_by_their_lines_whatever_the_order() -> None:
    text = "\n".join(
        (
            "==> /proc/version <==",
            "Linux version 5.8.0-63-generic (b@h) (gcc 10) #71-Ubuntu SMP",
            "VmallocTotal:   34359738367 kB",
            "xfs 2256896 1 - Live 0xffffffffc0c88000 (E)",
            AREAS[0],
            "ffffffff81000000 T _text",
            "xfs .text 0xffffffffc0c88000",
            "CONFIG_MODULES=y",
            "# CONFIG_KASAN is not set",
            "  01000000-01ffffff : Kernel code",
            "BOOT_IMAGE=/vmlinuz root=/dev/sda1 nokaslr",
            "[    1.000000] usb 1-1: new device",
        )
    )
    found = pasted(text)
    assert {kind: len(lines) for kind, lines in found.files.items()} == {
        Kind.VERSION: 1,
        Kind.MEMINFO: 1,
        Kind.MODULES: 1,
        Kind.VMALLOCINFO: 1,
        Kind.KALLSYMS: 1,
        Kind.SECTIONS: 1,
        Kind.CONFIG: 2,
        Kind.IOMEM: 1,
        Kind.CMDLINE: 1,
        Kind.LOG: 1,
    }
    assert found.foreign == 0


def test_a_header_names_what_content_cannot_tell() -> None:
    assert pasted("==> /proc/cmdline <==\nquiet splash").files == {Kind.CMDLINE: ("quiet splash",)}
    assert pasted("quiet splash").foreign == 1


def test_listings_of_other_tools() -> None:
    kmem = "ffff90ba01053ec0  ffff90ba011529c0  ffffab3ec0000000 - ffffab3ec0005000    20480"
    assert areas(kmem) == ("0xffffab3ec0000000-0xffffab3ec0005000 20480",)
    dump = "[ 1.5@3] dump_vmalloc, va:bf001000-bf074000, size:00000460 KB, alloc:load_module"
    assert areas(dump) == ("0xbf001000-0xbf074000 471040 load_module",)
    assert pasted(dump).notes


def test_pointers_that_are_not_ready_stay_so() -> None:
    for form in ("(ptrval)", "0x(ptrval)", "0x(____ptrval____)"):
        line = f"{form}-{form}    8192 load_module+0xc0c/0x2c0c pages=1 vmalloc"
        assert areas(line) == ("(ptrval)-(ptrval) 8192 load_module+0xc0c/0x2c0c pages=1 vmalloc",)
        assert len(areas(f"{line}\n{line}")) == 2, "equal hidden lines are different areas"


def test_what_is_mended_is_said() -> None:
    assert pasted(each()).notes == ()
    assert "repeats itself: 3 areas" in pasted(each() + "\n" + each()).notes[0]
    assert len(areas(each() + "\n" + each())) == 3
    assert "left out" in pasted(each() + "\n... 600 lines ...\n").notes[0]
    assert "glued" in pasted(each().replace("\n", "")).notes[0]
    assert "2 lines of no known file" in pasted(f"Hi,\nsee below\n{each()}").notes[0]
    assert pasted(f"Hi,\n{each()}").first == 1


def test_prose_after_a_complete_line_is_not_joined() -> None:
    found = pasted(f"{AREAS[0]}\nvmalloc is what fails here")
    assert found.files[Kind.VMALLOCINFO] == (AREAS[0],)
    assert found.foreign == 1


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    found = pasted(text)
    lines = sum(len(lines) for lines in found.files.values()) + found.foreign
    assert lines <= text.count("\n") + 1 + text.count("0x")


def test_a_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execmem_tui.formats.pasted._MOST", 1000)
    hidden = "0x(ptrval)-0x(ptrval)    8192 load_module+0xc0c/0x2c0c pages=1 vmalloc\n"
    assert len(areas(hidden * 10)) == 10
    with pytest.raises(InputError, match="longer than what any machine prints"):
        pasted(hidden * 100)
    assert len(areas(f"{AREAS[0]}\n" * 1000)) == 1, "what is there again takes no room"


def test_what_is_known_of_a_text_ends_its_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execmem_tui.formats.pasted._MOST_IDLE", 1000)
    text = f"{each()}\n" + "no line of any file\n" * 40
    with pytest.raises(InputError, match="too much before this line") as caught:
        pasted(text)
    assert caught.value.line == len(AREAS) + 1000 // (len("no line of any file") + 24) + 1
    assert len(areas(f"{each()}\n" * 3)) == len(AREAS)  # a text that repeats itself a few times
    with pytest.raises(InputError, match="too much"):
        pasted(f"{each()}\n" * 12)


def test_lines_of_other_files_count_for_more_than_their_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("execmem_tui.formats.pasted._MOST", 5000)
    assert pasted("\n".join(AREAS * 10 + ("CONFIG_A=y",) * 50)).files
    with pytest.raises(InputError, match="longer than"):
        pasted("CONFIG_A=y\n" * 80)


def test_lines_that_are_there_already_count_as_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execmem_tui.formats.pasted._MOST_IDLE", 4000)
    assert pasted("\n".join(AREAS * 5)).files
    with pytest.raises(InputError, match="too much before this line"):
        pasted("\n".join(AREAS * 100))


def test_a_line_is_put_together_of_a_few_pieces() -> None:
    start = "0xffffb2a680036000-0xffffb2a68003f000 36864 f+0x1/0x2"
    found = pasted(f"{start}\n" + "N0=1\n" * 5000)
    (area,) = found.files[Kind.VMALLOCINFO]
    assert area == start + " N0=1" * 7
    assert found.foreign == 5000 - 7


@given(
    st.lists(
        st.sampled_from(
            (
                *AREAS,
                AREAS[0] + AREAS[1],
                "> " + AREAS[2],
                "0x1-0x2 3",
                "x" + AREAS[0],
                AREAS[0] + " dma-coherent",
                AREAS[1] + "\ufeff",
                AREAS[2] + " \t ",
                AREAS[0] + "\r",
                AREAS[1].replace("-", "-0x1-"),
                AREAS[2] + ": x",
                AREAS[0].split("  ")[0] + " \u0663",
                AREAS[0] + " va:c0000000-c0005000, size:20KB",
            )
        )
    )
)
def test_what_the_kernel_prints_is_read_like_anything_else(lines: list[str]) -> None:
    text = "\n".join(lines)
    quickly = pasted(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.formats.pasted._PLAIN", re.compile("(?!)"))
        assert pasted(text) == quickly
