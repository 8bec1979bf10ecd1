"""What makes the start of the application shorter: what is not done before the first frame."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Look for no garbage until the first frame, when the application turns that on again.

    The hundred thousand objects of a start stay, and going through them took a twentieth of its
    time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leave_out_tls() -> None:
    """Import asyncio as it is imported by a Python that was built without OpenSSL.

    asyncio asks for ssl and does without; loading and preparing OpenSSL takes as long as all of our
    own widgets, and the application opens no connection. ssl itself can be imported as ever
    afterwards. Where asyncio is there already, nothing changes.
    """
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    # how Python is told that there is none
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        with suppress(ImportError):  # one that insists is imported by Textual, with ssl
            import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
