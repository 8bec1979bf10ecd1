"""What a screen shows of an axis: its first line, and the cursor that stays in sight.

A view never changes: each move is another view.
"""

from typing import Final, NamedTuple

from attrs import evolve

from execmem_tui.model.units import Address, Bytes
from execmem_tui.view.axis import LARGEST_CELL, SMALLEST_CELL, Axis, Kind, Line, row_width

_READABLE: Final = 12
"""Cells in which the name of most owners can be read."""


class MapView(NamedTuple):
    """`rows` lines of an axis from `top`, and a cursor among them."""

    axis: Axis
    rows: int
    top: Address
    """Start of the first line in sight."""
    cursor: Address
    column: int | None = None
    """Where moves up and down want to be: the column that the cursor had before it passed a fold or
    a short row."""

    @classmethod
    def at(cls, axis: Axis, rows: int, cursor: Address) -> "MapView":
        """Return a view of `axis` with the cursor in sight."""
        return cls(axis=axis, rows=max(rows, 1), top=axis.start, cursor=cursor).settled()

    def lines(self) -> tuple[Line, ...]:
        """Return the lines in sight."""
        return self.axis.page(self.top, self.rows)

    @property
    def bottom(self) -> Address:
        """First address below the last line in sight."""
        return self.lines()[-1].end

    @property
    def cursor_place(self) -> tuple[int, int]:
        """Column and line of the cursor; the column of a fold is 0."""
        for number, line in enumerate(self.lines()):
            if line.start <= self.cursor < line.end:
                return self._column(line), number
        raise AssertionError("a settled view has its cursor in sight")

    def _column(self, line: Line) -> int:
        return 0 if line.fold is not None else (self.cursor - line.base) // self.axis.cell

    def address_at(self, column: int, number: int) -> Address:
        """Return the first address of a cell of a line in sight, clipped to the line."""
        lines = self.lines()
        return self._address(lines[min(max(number, 0), len(lines) - 1)], column)

    def _address(self, line: Line, column: int) -> Address:
        if line.fold is not None:
            return line.start
        return min(max(line.base + column * self.axis.cell, line.start), line.end - 1)

    def settled(self) -> "MapView":
        """Begin with a whole line, keep the cursor in sight, leave no line empty that has a use."""
        axis = self.axis
        cursor = axis.clipped(self.cursor)
        at = axis.line_at(cursor)
        top = min(axis.line_at(self.top).start, at.start)
        seen = axis.page(top, self.rows)
        if seen[-1].start < at.start:
            top = axis.back(at.start, self.rows - 1)
        elif len(seen) < self.rows:
            top = axis.back(top, self.rows - len(seen))
        return self._replace(top=top, cursor=cursor)

    def on(self, axis: Axis) -> "MapView":
        """Return the view over another axis, the cursor where it was."""
        return self._replace(axis=axis).settled()

    def resized(self, columns: int, rows: int) -> "MapView":
        """Return the view for another size of the map, the cursor where it was."""
        axis = evolve(self.axis.tight(), columns=row_width(columns))
        return self._replace(axis=axis, rows=max(rows, 1), column=None).settled()

    def moved(self, columns: int, rows: int) -> "MapView":
        """Move the cursor by cells, then by lines; a fold is one step in either."""
        if columns == 0:
            return self._stepped(rows)
        line = self.axis.line_at(self.cursor)
        if line.fold is not None:
            cursor = line.end if columns > 0 else line.start - 1
        else:
            axis = self.axis
            cursor = axis.anchor + ((self.cursor - axis.anchor) // axis.cell + columns) * axis.cell
        return self._replace(cursor=cursor, column=None).settled().moved(0, rows)

    def _stepped(self, rows: int) -> "MapView":
        if rows == 0:
            return self
        line = self.axis.line_at(self.cursor)
        wanted = self._column(line) if self.column is None else self.column
        cursor = self._address(self.axis.stepped(line, rows), wanted)
        return self._replace(cursor=cursor, column=wanted).settled()

    def paged(self, pages: int) -> "MapView":
        """Move view and cursor by whole screens."""
        lines = pages * self.rows
        top = self.axis.stepped(self.axis.line_at(self.top), lines).start
        return self._stepped(lines)._replace(top=top).settled()

    def goto(self, address: Address) -> "MapView":
        """Put the cursor on `address`; if that is out of sight, in the middle line."""
        address = self.axis.clipped(address)
        view = self._replace(cursor=address, column=None)
        if not self.top <= address < self.bottom:
            view = view._replace(top=self.axis.back(address, self.rows // 2))
        return view.settled()

    def zoomed(self, steps: int) -> "MapView":
        """Halve (steps > 0) or double (steps < 0) the cell.

        The cursor keeps its address and, where it can, its line.
        """
        _, row = self.cursor_place
        axis = self.axis.tight()
        for _ in range(abs(steps)):
            if steps > 0 and axis.cell > SMALLEST_CELL:
                axis = evolve(axis, cell=axis.cell // 2)
            elif steps < 0 and not axis.fits(axis.start, axis.end, max(1, self.rows // 4)):
                axis = evolve(axis, cell=axis.cell * 2)
        return self._replace(axis=axis, top=axis.back(self.cursor, row), column=None).settled()

    def found(self, start: Address, end: Address) -> "MapView":
        """Go to [start, end); where the screen is too small for it at this zoom, show it whole."""
        room = self.axis.cell * self.axis.columns * self.rows
        return self.goto(start) if end - start <= room else self.around(start, end)

    def around(self, start: Address, end: Address) -> "MapView":
        """Zoom to one thing: all of it is in sight.

        Where nothing divides it, nothing of it is folded. Nearer, a fold would hide all but its
        first rows.
        """
        view = self.fit(start, end)
        axis, end = view.axis, min(end, view.axis.end)
        found = axis.space.stretch_at(view.cursor)
        if found.kind is not Kind.AREA or found.end < end:
            return view
        while axis.cell < LARGEST_CELL and not axis.unfolded(view.cursor, end, self.rows):
            axis = evolve(axis, cell=axis.cell * 2)
        top = axis.line_at(view.cursor).start
        return view._replace(axis=axis, top=top).settled()

    def fit(
        self,
        start: Address,
        end: Address,
        finest: Bytes = SMALLEST_CELL,
        *,
        unit: Bytes = LARGEST_CELL,
    ) -> "MapView":
        """Zoom so that all of [start, end) is in sight, as near as can be.

        The cursor goes to `start`. See `Axis.fitting`.
        """
        tight = self.axis.tight()
        start = tight.clipped(start)
        end = min(max(end, start + 1), tight.end)
        axis = tight.fitting(start, end, self.rows, finest, unit=unit)
        return self._replace(
            axis=axis, cursor=start, top=axis.line_at(start).start, column=None
        ).settled()

    def near(self, size: Bytes) -> "MapView":
        """Zoom in until something of a size is wide enough for its name.

        The cursor keeps its place.
        """
        view = self
        while view.axis.cell > SMALLEST_CELL and size < _READABLE * view.axis.cell:
            view = view.zoomed(1)
        return view

    @property
    def folds(self) -> bool:
        """Whether there is a fold under the cursor to open, or an opened one to close."""
        return self.axis.opened is not None or self.axis.line_at(self.cursor).fold is not None

    def entered(self) -> "MapView":
        """Open the fold under the cursor; on a row, close what was opened."""
        line = self.axis.line_at(self.cursor)
        opened = None if line.fold is None else (line.start, line.end)
        _, row = self.cursor_place
        axis = evolve(self.axis, opened=opened)
        return self._replace(axis=axis, top=axis.back(self.cursor, row), column=None).settled()
