"""Bytes from the terminal that are no UTF-8: a paste of Latin-1, noise of a serial line.

Textual's thread of keys ends with an error at the first of them (8.2:
LinuxDriver.run_input_thread), and no key is taken any more, nor the one that leaves. Here they
become U+FFFD, which is no key.
"""

import codecs
from collections.abc import Callable
from functools import partial

from textual.drivers import linux_driver


def _replacing(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def take_odd_bytes() -> None:
    """Let Textual's driver decode whatever comes.

    It asks for its decoder by this name alone; a copy of its thread would have to follow Textual's.
    """
    linux_driver.getincrementaldecoder = _replacing  # type: ignore[attr-defined, assignment]
