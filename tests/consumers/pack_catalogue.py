"""Pack module tables (CSV with a header, gzip) into the catalogues of the package.

``pack_catalogue.py FOLDER``. What a catalogue is made of says `execmem_tui.consumers.catalogue`.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "execmem_tui" / "consumers" / "data"
DROPPED = ("path", "core_size", "init_size", "n_allocs", "nsyms", "ncoresyms")
Row = Mapping[str, str]


def lines(rows: Sequence[Row]) -> list[str]:
    found = []
    for column in rows[0]:
        values: Iterable[str] = [row[column] for row in rows]
        if column.startswith("a53_"):
            values = [str(int(row[column]) - int(row[column.removeprefix("a53_")])) for row in rows]
        if column not in DROPPED:
            found.append("\t".join([column, *values]))
    return found


def pack(rows: Sequence[Row], listed: set[str], lists: Mapping[str, Sequence[str]]) -> bytes:
    """Pack what lists name, what that needs, and the lists; then the others."""
    needed = {dep for row in rows if row["name"] in listed for dep in row["deps"].split()}
    first = [row for row in rows if row["name"] in listed | needed]
    rest = [row for row in rows if row["name"] not in listed | needed]
    named = ["\t".join([f"list:{name}", *modules]) for name, modules in lists.items()]
    members = ([*lines(first), *named], lines(rest))
    return b"".join(gzip.compress("\n".join(each).encode(), mtime=0) for each in members)


def main(folder: Path) -> None:
    scenarios = json.loads(gzip.decompress((folder / "scenarios.json.gz").read_bytes()))
    lists = {
        name: {on: entry["load_order"] for on, entry in ons.items()}
        for name, ons in scenarios.items()
    }
    listed = {name for ons in lists.values() for names in ons.values() for name in names}
    for table in sorted(folder.glob("modules-*.csv.gz")):
        name, _, kernel = table.name.removeprefix("modules-").removesuffix(".csv.gz").partition("-")
        own = {
            each: ons[f"{name}-{kernel}"]
            for each, ons in lists.items()
            if f"{name}-{kernel}" in ons
        }
        with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
        (TARGET / f"{name}-{kernel}.gz").write_bytes(pack(rows, listed, own))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
