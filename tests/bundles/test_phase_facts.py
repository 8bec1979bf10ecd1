"""What the files of a snapshot tell of its machine, and which of them is believed."""

from pathlib import Path

import pytest

from execmem_tui.bundles.phase import read_phase

WORDS = {
    "version": "Linux version 6.12.1-version (b@h) (riscv64-linux-gnu-gcc 14) #1 SMP",
    "dmesg": "[    0.000000] Linux version 6.12.2-banner (b@h) (aarch64-linux-gnu-gcc 14) #1 SMP",
    "uname": "Linux host 6.12.3-uname #1 SMP armv7l GNU/Linux",
}


@pytest.mark.parametrize(
    ("there", "release", "arch", "compiler"),
    [
        (("version", "dmesg", "uname"), "6.12.1-version", None, "riscv64"),
        (("dmesg", "uname"), "6.12.2-banner", None, "aarch64"),
        (("uname",), "6.12.3-uname", "armhf", ""),
        ((), None, None, ""),
    ],
)
def test_who_was_there_is_believed_before_who_was_told(
    tmp_path: Path, there: tuple[str, ...], release: str, arch: str | None, compiler: str
) -> None:
    """A report's uname may be of a later boot than its log; /proc is of the very moment."""
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "vmallocinfo").write_text("0xf0800000-0xf0802000    8192 f+0x1/0x2 pages=1 vmalloc\n")
    for name in there:
        (folder / name).write_text(WORDS[name] + "\n")
        (tmp_path / name).write_text(WORDS[name] + "\n")
    facts = read_phase(folder).facts
    assert (facts.release, facts.arch) == (release, arch)
    assert facts.compiler.startswith("(b@h) (" + compiler if compiler else "")


def test_meta_toml_tells_what_no_kernel_does_but_its_architecture_counts_before_uname_s(
    tmp_path: Path,
) -> None:
    (tmp_path / "vmallocinfo").write_text(
        "0xf0800000-0xf0802000    8192 f+0x1/0x2 pages=1 vmalloc\n"
    )
    (tmp_path / "meta.toml").write_text('kernel = "6.12.4-meta"\narch = "armel"\n')
    facts = read_phase(tmp_path).facts
    assert (facts.release, facts.arch) == ("6.12.4-meta", "armel")
    (tmp_path / "uname").write_text(WORDS["uname"] + "\n")
    facts = read_phase(tmp_path).facts
    assert (facts.release, facts.arch) == ("6.12.3-uname", "armel")
