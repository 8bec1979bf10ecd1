"""``execmem-tui capture``.

One bundle of all that the running kernel says of its executable memory.
"""

import argparse

from execmem_tui.bundles.anonymise import FORGOTTEN, KEPT
from execmem_tui.bundles.shifting import fixed_address
from execmem_tui.cli.output import talk, write_json, write_lines
from execmem_tui.files.regular import user_path
from execmem_tui.formats.manifest import Manifest, ManifestDocument
from execmem_tui.model.documents import document
from execmem_tui.model.errors import UnknownLayoutError, UsageError
from execmem_tui.model.text import printable
from execmem_tui.model.units import format_size


@document
class CaptureDocument(ManifestDocument):
    """The manifest of the bundle that was written, and where it lies."""

    output: str


DOCUMENTS = (CaptureDocument,)
HELP = "one bundle of all that the running kernel says of its executable memory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add -o, --trace, --anonymise, --proc and --json."""
    parser.description = (
        f"{HELP}. Changes no setting. Without root, and with hashed addresses, it collects what it"
        " may and says what is missing and why; exit code 1 says that /proc/vmallocinfo could not"
        " be read, without which there is no map."
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the bundle: .tar.zst, .tar.gz, .tar.xz or .tar",
    )
    parser.add_argument(
        "--trace",
        type=float,
        metavar="SECONDS",
        help="also record vmalloc and module events, in a tracefs instance of its own",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help=(
            "shift every kernel address by one hidden constant that keeps distances and alignment;"
            f" forget {FORGOTTEN}; keep {KEPT}. It hides addresses from a glance only: where the"
            " architecture fixes an address, the constant can be computed, and KASLR's draw with"
            " it: modules on x86-64, the vmalloc and module areas on arm64, arm and most others; on"
            " s390 without KASLR"
        ),
    )
    parser.add_argument(
        "--keep-layout",
        action="store_true",
        help=(
            "with --anonymise: also say where the ranges begin and end, without which reach and"
            " room cannot be told; with it the constant is read off"
        ),
    )
    parser.add_argument(
        "--proc",
        default="/proc",
        metavar="DIR",
        help="procfs, with sys, boot and dev beside it; /proc if left out",
    )
    parser.add_argument("--json", action="store_true", help="the manifest as one JSON document")


def _hidden_words(manifest: Manifest) -> str:
    """Say what the shift is worth on this machine."""
    from execmem_tui.arch import find

    kept = f"kept: {KEPT}; forgotten: {FORGOTTEN}"
    try:
        arch = find(manifest.arch)[0].name if manifest.layout else ""
    except UnknownLayoutError:  # nothing is known of where things are fixed
        arch = ""
    glance = "addresses are hidden from a glance only"
    if manifest.layout is None or not arch:
        return f"{glance}: most architectures fix one, and the constant can be computed; {kept}"
    fixed = fixed_address(arch, manifest.layout.kaslr)
    if not fixed:
        return f"the constant is not known to follow from anything here; {kept}"
    return f"{glance}: {fixed}, so the constant can be computed, and KASLR's draw with it; {kept}"


def run(args: argparse.Namespace) -> int:
    """Capture; 1 if vmallocinfo is not in the bundle, or cannot be read from it."""
    from execmem_tui.bundles.record import capture

    if args.keep_layout and not args.anonymise:
        raise UsageError("--keep-layout goes with --anonymise")
    if args.trace is not None and not 0 <= args.trace <= 86_400:
        raise UsageError("--trace takes seconds, up to a day", hint="for example --trace 10")
    manifest = capture(
        user_path(args.output),
        proc=user_path(args.proc),
        seconds=args.trace,
        hide=args.anonymise,
        keep_layout=args.keep_layout,
    )
    if args.json:
        write_json(CaptureDocument(output=args.output, **manifest.keys()))
    else:
        total = sum(each.size for each in manifest.files)
        write_lines(
            [
                (
                    f"{printable(args.output)}: {len(manifest.files)} files, {format_size(total)}"
                    " unpacked"
                )
            ]
        )
    if manifest.anonymised:
        talk(f"execmem-tui: {_hidden_words(manifest)}")
    for each in manifest.missing:
        talk(f"execmem-tui: without {each.name}: {each.why}")
    there = any(each.name.endswith("/vmallocinfo") for each in manifest.files)
    return 0 if there and all(each.name != "vmallocinfo" for each in manifest.missing) else 1
