"""Machines to be captured: a /proc and /sys tree of each, from a real capture, and a trace."""

import gzip
import lzma
import tarfile
from pathlib import Path

from execmem_tui.files.packed import find_file
from execmem_tui.model.areas import Area
from execmem_tui.sources.opening import open_path

DATA = Path(__file__).parents[1] / "data"
CAPTURES = DATA / "captures"
HOST = "secrethost7"
MACHINES = {
    "amd64-7.2.13-kaslr": ("x86_64", "0"),
    "arm64-7.2.13-nokaslr": ("aarch64", "0-1"),
    "armhf-6.12.107": ("armv7l", "0"),
}
LOG = f"""\
6,1,0,-;Linux version 7.2.13 (builder@{HOST}) (gcc 16) #1 SMP
6,2,0,-;Command line: root=UUID=12345678-aaaa nokaslr ip=10.0.0.1::::{HOST} loglevel=4
 SUBSYSTEM=pci
4,3,999123456,-;execmem: unable to allocate memory
4,4,999123457,-;modprobe: vmalloc error: size 835584, vm_struct allocation failed, mode:0xcc0
6,5,1000000000,-;{HOST} secret at ffff888012345678
"""


def text_of(folder: Path, name: str) -> str:
    path = find_file(folder, name)
    if path is None:
        return ""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode()


def tree(tmp_path: Path, run: str) -> Path:
    """Lay a phase of a real capture out as /proc and /sys, and return its proc."""
    machine, cpus = MACHINES[run]
    root = tmp_path / "root"
    phase = CAPTURES / run / "1-modules"
    boot = CAPTURES / run / "0-boot"
    version = (
        text_of(boot, "version")
        or f"Linux version 6.12.107+deb13-armmp (b@{HOST}) (arm-linux-gnueabihf-gcc) #1\n"
    )
    listed = ("vmallocinfo", "kallsyms", "modules", "meminfo")
    key = f'CONFIG_MODULE_SIG_KEY="/home/{HOST}.pem"\nCONFIG_OTHER=y\n'
    told = (
        "nokaslr root=/dev/{} init=/home/me quiet\n" if "no" in run else "root=/dev/{} loglevel=4\n"
    )
    contents = {
        **{f"proc/{name}": text_of(phase, name) for name in listed},
        "proc/version": version,
        "proc/cmdline": told.format(HOST),
        "proc/iomem": "00001000-0009fbff : System RAM\n",
        "proc/sys/kernel/arch": machine + "\n",
        "proc/sys/kernel/hostname": HOST + "\n",
        "proc/sys/kernel/kptr_restrict": "1\n",
        "sys/devices/system/cpu/possible": cpus + "\n",
        "sys/kernel/debug/kprobes/list": "ffffffff8b600000  k  f+0x0\n",
        f"boot/config-{version.split()[2]}": (CAPTURES / run / "config.txt").read_text() + key,
        "dev/kmsg": LOG,
    }
    for line in text_of(phase, "sections").splitlines():
        module, section, address = line.split()
        contents[f"sys/module/{module}/sections/{section}"] = address + "\n"
    for name, content in contents.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root / "proc"


def areas(path: Path) -> tuple[Area, ...]:
    return tuple(open_path(str(path)).history.snapshot().areas)


def member(bundle: Path, name: str) -> str:
    with tarfile.open(bundle) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


class Recorded:
    """A tracefs instance that says what it was told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [alloc(9, 0x1000)]
        (path / "per_cpu" / "cpu0").mkdir(parents=True)
        (path / "per_cpu" / "cpu0" / "stats").write_text("entries: 5\ndropped events: 3\n")
        self.closed = False

    def mark(self, text: str) -> None:
        self.lines.append(
            f"  execmem-tui-7 [000] ..... {10 + len(self.lines)}.0: tracing_mark_write: {text}"
        )

    def read(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def close(self) -> None:
        self.closed = True


def alloc(time: int, start: int) -> str:
    return (
        f"  sh-1 [000] ..... {time}.0: alloc_vmap_area: va_start: {start} size=8192 align=1 "
        "vstart=0xbf000000 vend=0xbfe00000 failed=0"
    )
