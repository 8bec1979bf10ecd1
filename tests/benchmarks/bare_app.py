"""The yardstick of first paint.

A Textual application with header, tree, table and footer and nothing behind them.
"""

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Footer, Header, Tree


class BareApp(App[None]):
    """Header, tree, table, footer."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012 - Textual's own form

    def compose(self) -> ComposeResult:
        yield Header()
        tree: Tree[str] = Tree("ranges")
        for name in ("module", "kprobes", "ftrace", "bpf"):
            tree.root.add(name)
        yield tree
        table: DataTable[str] = DataTable()
        table.add_columns("start", "end", "owner")
        for row in range(20):
            table.add_row(f"{row:x}", f"{row + 1:x}", "ready")
        yield table
        yield Footer()


if __name__ == "__main__":
    BareApp().run()
