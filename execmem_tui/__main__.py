"""The door: ``python -m execmem_tui`` and the command ``execmem-tui``.

From its first instruction on, SIGTERM and SIGHUP end the program in the way that gives back what
was taken: a tracefs instance, a private folder. The imports come after that, and cost much longer.
"""

import atexit
import gc
import os
import signal
import sys
from types import FrameType

_ENDING = ("SIGTERM", "SIGHUP")


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP end the program by `SystemExit`, unless they are ignored (nohup)."""
    for name in _ENDING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def collect_seldom() -> None:
    """Look for garbage in circles a hundred times less often than Python does by itself.

    A start makes many objects that stay. Nothing is put back at the end of a command: the next
    object would have all of them looked through, a twenty-fifth of the time of `ranges --json`.
    """
    gc.set_threshold(50_000, 20, 20)


def main() -> int:
    """Run the command line of `sys.argv` and return its exit code."""
    end_in_order()
    collect_seldom()
    if "live" in sys.argv[1:]:
        sys.dont_write_bytecode = True  # looking at the running kernel writes nothing to disk
    # The interpreter would look through all that is there for cycles before it forgets it: a sixth
    # of the time of `ranges --json`. What must be given back is so by then, by `with` and by
    # atexit.
    atexit.register(gc.freeze)
    try:
        from execmem_tui.cli.main import main as run

        return run()
    except KeyboardInterrupt:  # while that is imported; later it is caught farther in
        return 130


def program() -> int:
    """Be the program: `main`, and the process ends when all is given back.

    Python would forget object by object before that: a quarter of the time of a long `run`. What is
    registered first runs last, so `with`, the threads that are waited for and what others put off
    to the exit have had their turn. Not in `main`: who calls that goes on.
    """
    ended: list[int] = []

    def end_at_once() -> None:
        if ended:  # by no signal and no usage error, which end as Python ends
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()  # what was put off to the exit may have written
            os._exit(ended[0])

    atexit.register(end_at_once)
    ended.append(main())
    return ended[0]


if __name__ == "__main__":
    sys.exit(program())
