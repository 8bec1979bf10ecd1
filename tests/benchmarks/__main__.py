"""Print every budget with its figure; exit 1 if one is passed."""

import sys
from collections.abc import Callable

from tests.benchmarks.in_process import cursor_move_p50
from tests.benchmarks.processes import first_paint_ratio, headless_ratio


def cursor_move_ms() -> float:
    """The median cursor move in milliseconds."""
    return cursor_move_p50() * 1000


BUDGETS: tuple[tuple[str, Callable[[], float], float, str], ...] = (
    ("ranges --json against python -c pass, CPU", headless_ratio, 8.0, "times"),
    ("first paint against a bare Textual app", first_paint_ratio, 1.5, "times"),
    ("cursor move on 100,000 areas, p50", cursor_move_ms, 16.0, "ms"),
)


def main() -> int:
    """Run all."""
    passed = True
    for name, measure, budget, unit in BUDGETS:
        figure = measure()
        good = figure <= budget
        passed = passed and good
        print(f"{'ok ' if good else 'OVER'} {name}: {figure:.2f} {unit} (budget {budget:g})")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
