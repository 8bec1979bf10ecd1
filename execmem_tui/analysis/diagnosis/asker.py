"""Who asked for the memory: the call trace tells, the name of the process does not.

`modprobe` reads a module's file into plain vmalloc space, the loader asks for its regions, its init
function asks for whatever it likes: all three are «modprobe: vmalloc error».
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from execmem_tui.formats.failures import Record
from execmem_tui.model.records import frozen


class AskerKind(StrEnum):
    """What kind of code asked."""

    MODULE_LOADER = "module-loader"
    MODULE_FILE = "module-file"
    """The buffer for the .ko file itself (kernel_read_file), in general vmalloc space."""
    MODULE_INIT = "module-init"
    """A driver's own code, at init or later."""
    BPF = "bpf"
    KPROBES = "kprobes"
    FTRACE = "ftrace"
    IOREMAP = "ioremap"
    PERCPU = "percpu"
    STACK = "stack"
    VMALLOC = "vmalloc"
    UNKNOWN = "unknown"


EXECMEM: Final = frozenset(
    {AskerKind.MODULE_LOADER, AskerKind.BPF, AskerKind.KPROBES, AskerKind.FTRACE}
)
"""Those that ask for executable memory; the others have plain vmalloc space."""


@frozen
class Asker:
    """Who asked: the kind, and a module, function or process where one is named."""

    kind: AskerKind
    name: str | None = None


_ALLOCATOR: Final = re.compile(
    r"(?:dump_stack|show_stack|dump_backtrace|unwind_backtrace|warn_alloc|__warn|warn_slowpath"
    r"|report_bug|handle_bug|exc_|asm_exc_|bug_handler|brk_handler"
    r"|_*(?:vmalloc|vzalloc|kvmalloc|kvzalloc|kvcalloc|vmap)"
    r"(?:_node)?(?:_range)?(?:_user)?(?:_huge)?"
    r"|__vmalloc_area|__get_vm_area|get_vm_area|alloc_vmap_area|va_alloc|node_alloc|vmap_pages"
    r"|execmem_(?:vmalloc|cache_|alloc$|alloc_rw)|vrealloc)"
)
"""The allocator's own frames: they are in every trace and tell nothing."""

_KINDS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (AskerKind.MODULE_FILE, r"kernel_read_file|module_decompress|module_extend_max_pages"),
        (AskerKind.MODULE_FILE, r"copy_module_from_(?:user|fd)"),
        (
            AskerKind.BPF,
            (
                r"bpf_(?:jit|prog_pack|int_jit|prog_alloc|prog_realloc|prog_load|prog_select"
                r"|trampoline|tramp|check|migrate|prepare|dispatcher|struct_ops)"
                r"|arch_alloc_bpf|do_jit|sk_attach|__get_filter"
            ),
        ),
        (
            AskerKind.KPROBES,
            (
                r"alloc_insn_page|__get_insn_slot|arch_prepare_(?:opt)?(?:imized_)?k"
                r"|arch_prepare_kprobe|register_kprobe|alloc_optinsn"
            ),
        ),
        (
            AskerKind.FTRACE,
            (
                r"arch_ftrace_update_tramp|create_trampoline|ftrace_update_trampoline|alloc_tramp"
                r"|register_ftrace_(?:direct|function)"
            ),
        ),
        (
            AskerKind.MODULE_LOADER,
            (
                r"module_alloc|module_memory_alloc|move_module|layout_and_allocate"
                r"|module_arch_freeing|module_init_section"
            ),
        ),
        (AskerKind.IOREMAP, r"(?:__|devm_|pci_|arch_|of_)?io_?re?map|memremap|acpi_os_ioremap"),
        (AskerKind.PERCPU, r"pcpu_|__alloc_percpu|percpu_modalloc"),
        (
            AskerKind.STACK,
            (
                r"alloc_thread_stack|alloc_thread_info|dup_task_struct|copy_process|kernel_clone"
                r"|_do_fork|do_fork"
            ),
        ),
    )
)
_LOADER: Final = re.compile(r"load_module|(?:do_|__do_sys_|sys_|SyS_|__se_sys_)?f?init_module")
_INIT: Final = re.compile(r"do_one_initcall|do_init_module")


def who_asked(frames: Sequence[Record]) -> Asker:
    """Return who asked, from the innermost frame that is not the allocator's own.

    A module's frame tells its init function only where do_one_initcall() is further out; the
    loader's own frames lie below that and would mislead.
    """
    names = [frame.symbol or "" for frame in frames]
    for number, frame in enumerate(frames):
        name = names[number]
        if frame.module is not None and not frame.module.startswith("__"):
            inner = next((kind for kind, pattern in _KINDS if pattern.match(name)), None)
            return Asker(AskerKind.MODULE_INIT if inner is None else inner, frame.module)
        if name == "execmem_alloc":
            continue
        if _ALLOCATOR.match(name):
            continue
        for kind, pattern in _KINDS:
            if pattern.match(name):
                owner = next((each.module for each in frames[number:] if each.module), None)
                return Asker(kind, owner)
        if _INIT.match(name):
            continue
        if _LOADER.match(name):
            # load_module() asks for regions; the system call itself only for the file's copy
            kind = AskerKind.MODULE_LOADER if "load" in name else AskerKind.MODULE_FILE
            return Asker(kind)
        return Asker(AskerKind.VMALLOC, name)
    return Asker(AskerKind.UNKNOWN)
