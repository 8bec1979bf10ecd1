"""Text from strangers: made safe before it can reach a terminal."""


def printable(text: str, limit: int = 200) -> str:
    r"""Return `text` with every character replaced that a terminal could act on.

    It is cut to `limit` characters. Control characters (C0, C1, DEL), bidirectional overrides, line
    separators, surrogates and other unprintable code points become ``\xNN`` or ``\uNNNN``; a longer
    text ends in ``…``.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
