"""Which addresses a map shows: rows of a round number of bytes, zoom about the cursor, pan, fit.

Pure and immutable.
"""

from typing import Final

from attrs import evolve, frozen

from execmem_tui.model.units import Address, Bytes

ROW_WIDTHS: Final = (32, 48, 64, 96, 128, 192, 256)
"""Cells in a row: with power-of-two cells, gutter addresses are round and 2 MiB blocks stand in
columns."""

SMALLEST_CELL: Final = 1
"""Bytes: a kprobe slot of 8 or 15 bytes is then wide enough for a name."""

LARGEST_CELL: Final = 1 << 59
"""Bytes: the narrowest row then holds every address, so that even a map of one row shows all of any
range."""


def row_width(columns: int) -> int:
    """Return the number of cells in a row for `columns` terminal columns.

    The widest that fits, at least 32.
    """
    return max((width for width in ROW_WIDTHS if width <= columns), default=ROW_WIDTHS[0])


@frozen(kw_only=True)
class Viewport:
    """A window on [start, end): `rows` rows of `columns` cells of `cell` bytes from `top`.

    The cursor is inside both.
    """

    start: Address
    end: Address
    columns: int
    rows: int
    cell: Bytes
    top: Address
    cursor: Address

    @classmethod
    def whole(cls, start: Address, end: Address, columns: int, rows: int) -> "Viewport":
        """Return a viewport that shows all of [start, end), the cursor at its start."""
        columns = row_width(columns)
        view = cls(
            start=start,
            end=max(end, start + 1),
            columns=columns,
            rows=max(rows, 1),
            cell=SMALLEST_CELL,
            top=0,
            cursor=start,
        )
        return view.fit(start, end)

    @property
    def row_bytes(self) -> Bytes:
        """Bytes in a row."""
        return self.cell * self.columns

    @property
    def bottom(self) -> Address:
        """First address below the last row."""
        return self.top + self.row_bytes * self.rows

    @property
    def cursor_place(self) -> tuple[int, int]:
        """Column and row of the cursor."""
        row, rest = divmod(self.cursor - self.top, self.row_bytes)
        return rest // self.cell, row

    def row_start(self, row: int) -> Address:
        """Return the first address of a row."""
        return self.top + row * self.row_bytes

    def address_at(self, column: int, row: int) -> Address:
        """Return the first address of a cell, clipped to [start, end)."""
        return min(max(self.row_start(row) + column * self.cell, self.start), self.end - 1)

    def settled(self) -> "Viewport":
        """Align the top, keep within [start, end) and keep the cursor in sight."""
        row_bytes = self.row_bytes
        cursor = min(max(self.cursor, self.start), self.end - 1)
        first = self.start // row_bytes * row_bytes
        last = (self.end - 1) // row_bytes * row_bytes - (self.rows - 1) * row_bytes
        top = self.top // row_bytes * row_bytes
        at = cursor // row_bytes * row_bytes
        top = min(max(top, at - (self.rows - 1) * row_bytes), at)
        top = max(min(top, last), first)
        return evolve(self, top=top, cursor=cursor)

    def resized(self, columns: int, rows: int) -> "Viewport":
        """Return the view for another size of terminal, the cursor where it was."""
        return evolve(self, columns=row_width(columns), rows=max(rows, 1)).settled()

    def moved(self, columns: int, rows: int) -> "Viewport":
        """Move the cursor by cells and rows; the view follows at its edges."""
        at = self.cursor // self.cell * self.cell
        return evolve(self, cursor=at + columns * self.cell + rows * self.row_bytes).settled()

    def paged(self, pages: int) -> "Viewport":
        """Move view and cursor by whole screens."""
        shift = pages * self.rows * self.row_bytes
        return evolve(self, top=self.top + shift, cursor=self.cursor + shift).settled()

    def goto(self, address: Address) -> "Viewport":
        """Put the cursor on `address`; if that is out of sight, in the middle row."""
        view = evolve(self, cursor=address)
        if not self.top <= address < self.bottom:
            view = evolve(view, top=address - self.rows // 2 * self.row_bytes)
        return view.settled()

    def zoomed(self, steps: int) -> "Viewport":
        """Halve (steps > 0) or double (steps < 0) the cell.

        The cursor keeps its address and, where it can, its row.
        """
        cell = self.cell
        for _ in range(abs(steps)):
            nearer = cell // 2 if steps > 0 else cell * 2
            if nearer < SMALLEST_CELL or nearer > LARGEST_CELL:
                break
            if steps < 0 and cell * self.columns * self.rows >= 2 * (self.end - self.start):
                break
            cell = nearer
        _, row = self.cursor_place
        view = evolve(self, cell=cell)
        at = self.cursor // view.row_bytes * view.row_bytes
        return evolve(view, top=at - row * view.row_bytes).settled()

    def fit(self, start: Address, end: Address) -> "Viewport":
        """Zoom so that all of [start, end) is in sight, as near as possible.

        The cursor goes to `start`.
        """
        cell = SMALLEST_CELL
        while cell < LARGEST_CELL:
            row_bytes = cell * self.columns
            if (end - 1) // row_bytes - start // row_bytes < self.rows:
                break
            cell *= 2
        view = evolve(self, cell=cell, cursor=start)
        return evolve(view, top=start // view.row_bytes * view.row_bytes).settled()
