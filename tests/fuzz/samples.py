"""What machines and people write, in the small: texts that the parsers begin from."""

from typing import Final

from tests.test_hostile import SAMPLES

_WINDOW: Final = b"vstart=0xffff800080000000 vend=0xfffffdffbfff0000 failed=0"
_OTHER_TRACES: Final = {
    "trace-cmd": b"""\
cpus=2
       modprobe-409   [001]    12.001002: alloc_vmap_area:      va_start: 18446744072637906944 size=20480 align=4096 WINDOW
          <...>-410   [000] d..1. 12.101002: module_load:          ext4 OE
    kworker/0:1-9     [000] .....    12.301002: free_vmap_area_noflush: va_start=0xffffffffc0000000 nr_lazy=5 nr_lazy_max=32768
CPU:1 [LOST 12 EVENTS]
    kworker/0:1-9     [000]    12.401002: purge_vmap_area_lazy: start=0xffffffffc0000000 end=0xffffffffc0005000 num_purged=1
""",
    "perf script": b"""\
modprobe   409 [001]    12.001002: vmalloc:alloc_vmap_area: va_start: 18446603336221196288 size=8192 align=4096 WINDOW
swapper     0 [000]    12.201002:          module:module_free: ext4
PERF_RECORD_LOST lost 7
""",
    "probes": b"""\
# tracer: nop
#
# entries-in-buffer/entries-written: 3/3   #P:1
  insmod-71 [000] ..... 1.000002: lx_alloc: (alloc_vmap_area+0x0/0x900) size=12288 align=4096 vstart=0xf7c00000 vend=0xff7fe000
  insmod-71 [000] ..... 1.000012: lx_alloced: (__get_vm_area_node+0xd4/0x130 <- alloc_vmap_area) va=0xc5d01234
  insmod-71 [000] ..... 1.100002: lx_free: (free_vmap_area_noflush+0x0/0x100) va_start=0xf7c00000
""",
}
"""The same events as other programs print them, and as probes tell them of kernels without
events."""

_LOGS: Final = {
    "failures": b"""\
[    0.000000] Linux version 6.1.0-18-arm64 (debian-kernel@lists.debian.org) (gcc-12 (Debian) 12.2.0) #1 SMP
[   12.345678] vmap allocation for size 20480 failed: use vmalloc=<size> to increase size
[   12.345679] modprobe: vmalloc error: size 16384, page order 0, failed to allocate pages, mode:0xcc0(GFP_KERNEL), nodemask=(null)
[   12.400000] CPU: 1 PID: 409 Comm: modprobe Tainted: G        W          6.1.0-18-arm64 #1
[   12.400001] Call trace:
[   12.400002]  module_alloc+0x98/0x110
[   12.400003]  load_module+0x5c4/0x1d60
[   12.500000] module: x86/modules: Skipping invalid relocation target, existing value is nonzero for type 1
[   12.600000] ext4: section 3 reloc 12 sym 'memcpy': relocation 28 out of range (0xbf000004 -> 0xc1234568)
[   12.700000] percpu: allocation failed, size=4096 align=64 atomic=0, alloc from reserved chunk failed
[   12.800000] Mem-Info:
[   12.900000] Kernel panic - not syncing: BPF JIT: bpf_jit_limit
""",
    "memory": b"""\
[    0.000000] Virtual kernel memory layout:
[    0.000000]     modules : 0xffff800000000000 - 0xffff800008000000   (   128 MB)
[    0.000000]     vmalloc : 0xffff800008000000 - 0xfffffbfff0000000   (129022 GB)
[    0.000000]       .text : 0xffff800008010000 - 0xffff800009000000   ( 16320 KB)
[    0.000000] Modules: 2G module region forced by RANDOMIZE_MODULE_REGION_FULL
6,1234,567890,-;systemd[1]: x
<6>[    1.000000] execmem: unable to allocate memory
""",
}

IOMEM: Final = b"""\
00001000-0009fbff : System RAM
40000000-7fffffff : System RAM
  40200000-40ffffff : Kernel code
  41000000-415fffff : Kernel rodata
  41600000-41a3ffff : Kernel data
  41e00000-41ffffff : Kernel bss
"""
KALLSYMS: Final = b"""\
ffffffff81000000 T _text
ffffffff81e00000 D _etext
ffffffff83000000 B _end
ffffffffc0005000 t ext4_init\t[ext4]
ffffffffc0005000 d $x.5\t[ext4]
ffffffffc0201000 t kprobe_insn_page\t[__builtin__kprobes]
ffffffffc0203000 t ftrace_trampoline\t[__builtin__ftrace]
ffffffffc0300040 t bpf_prog_6deef7357e7b4530_sd_fw\t[bpf]
0000000000001000 d discard_pa_seq [ext4]
"""
VMALLOCINFO: Final = b"""\
0xffffffffc0000000-0xffffffffc0005000   20480 move_module+0x2c0/0x8d0 pages=4 vmalloc N0=4
0xffffffffc0200000-0xffffffffc0400000 2097152 execmem_vmalloc+0x9c/0x1a0 pages=512 vmalloc vpages N0=512
0xffffc90000000000-0xffffc90000002000    8192 hpet_enable+0x36/0x4a0 phys=0x00000000fed00000 ioremap
0x00000000a5d1b7d1-0x0000000012345678    8192 bpf_prog_alloc_no_stats+0x30/0x130 pages=1 vmalloc N0=1
(____ptrval____)-(____ptrval____)   69632 __kretprobe_trampoline+0x0/0x40 user
0xffffc90000010000-0xffffc90000012000    8192 unpurged vm_area
"""
PASTED: Final = b"""\
$ sudo cat /proc/vmallocinfo
> 0xffffffffc0000000-0xffffffffc0005000   20480 move_module+0x2c0/0x8d0 pages=4 vmalloc N0=4
> 0xffffffffc0010000-0xffffffffc0015000   20480 move_module+0x2c0/0x8d0 pages=4
>   vmalloc N0=4
[...]
proc/modules:ext4 1036288 1 - Live 0xffffffffc0005000 (OE)
VmallocTotal:   34359738367 kB
Linux version 6.12.107 (x@y) (gcc) #1 SMP
"""
CONFIG: Final = b"""\
theme = "execmem-light"
keymap = "vim"
scale = "linear"
[start]
arch = "x86"
kernel = "7.1"
[keys]
quit = "Q"
goto = "ctrl+g,g"
"""
EXPRESSIONS: Final = (
    b"meters.MODULE_TEXT.largest_hole < 2M",
    b"counters.failures == 0",
    b"(1 + 2) * 3K - 0x10 / 2 >= last.address % 4096",
    b"'ext4' == last.module",
)
SIZES: Final = (b"64K", b"1.5M", b"0x1000", b"4096", b"-4", b"2.5GiB", b"ffff80007b000000", b"6.12")
TEXTS: Final[dict[str, tuple[bytes, ...]]] = {
    "vmallocinfo": (SAMPLES["vmallocinfo"], VMALLOCINFO),
    "kallsyms": (SAMPLES["kallsyms"], KALLSYMS),
    "modules": (SAMPLES["modules"],),
    "sections": (SAMPLES["sections"],),
    "meminfo": (SAMPLES["meminfo"],),
    "config": (SAMPLES["config.txt"],),
    "version": (SAMPLES["version"],),
    "uname": (SAMPLES["uname"],),
    "sysctl": (b"net/core/bpf_jit_limit=528482304\nkernel.kptr_restrict = 1\n",),
    "iomem": (IOMEM,),
    "log": (SAMPLES["dmesg"], *_LOGS.values()),
    "trace": (
        SAMPLES["trace.txt"],
        *(text.replace(b"WINDOW", _WINDOW) for text in _OTHER_TRACES.values()),
    ),
    "pasted": (PASTED, VMALLOCINFO, SAMPLES["vmallocinfo"]),
    "manifest": (SAMPLES["manifest.toml"],),
    "toml": (SAMPLES["meta.toml"], CONFIG, SAMPLES["manifest.toml"]),
}
"""What each parser is given, before it is changed."""
