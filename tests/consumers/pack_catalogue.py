"""Pack module tables (CSV with a header, gzip) into the catalogues of the package.

``pack_catalogue.py FOLDER``.

A catalogue is gzip over text: one line per column, its name first, values divided by tabs, rows
ascending by module name; an ``a53_`` column holds the difference to the column it is named after.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "execmem_tui" / "consumers" / "data"
DROPPED = ("path", "core_size", "init_size", "n_allocs", "nsyms", "ncoresyms")


def pack(table: Path) -> bytes:
    with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    lines = []
    for column in rows[0]:
        values: Iterable[str] = [row[column] for row in rows]
        if column.startswith("a53_"):
            values = [str(int(row[column]) - int(row[column.removeprefix("a53_")])) for row in rows]
        if column not in DROPPED:
            lines.append("\t".join([column, *values]))
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def main(folder: Path) -> None:
    for table in sorted(folder.glob("modules-*.csv.gz")):
        name, _, kernel = table.name.removeprefix("modules-").removesuffix(".csv.gz").partition("-")
        (TARGET / f"{name}-{kernel}.gz").write_bytes(pack(table))
    scenarios = json.loads(gzip.decompress((folder / "scenarios.json.gz").read_bytes()))
    lists = {
        name: {on: entry["load_order"] for on, entry in ons.items()}
        for name, ons in scenarios.items()
    }
    text = json.dumps(lists, separators=(",", ":")).encode()
    (TARGET / "scenarios.json.gz").write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
