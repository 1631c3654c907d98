"""A value as a terminal may show it: text without control characters, else a hexadecimal dump."""

from __future__ import annotations

MAX_CHARACTERS = 2_000
"""About a screen; the whole value is what `--raw FILE` is for."""
MAX_DUMPED_BYTES = 512
"""32 lines of 16 bytes: a screen too."""
_WIDTH = 16


def preview(value: bytes | None) -> str:
    r"""What to show of a value.

    >>> print(preview(b"bell \x07"))
    bell \x07
    >>> print(preview(b"\xff\xfeA"))
    00000000  ff fe 41                                         |..A|
    """
    if value is None:
        return "(null)"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return dump(value[:MAX_DUMPED_BYTES]) + _rest(len(value) - MAX_DUMPED_BYTES, "bytes")
    return printable(text[:MAX_CHARACTERS]) + _rest(len(text) - MAX_CHARACTERS, "characters")


def printable(text: str) -> str:
    r"""Text whose control characters cannot reach the terminal; line breaks stay.

    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )


def dump(value: bytes) -> str:
    """Offset, bytes and their ASCII, sixteen a line."""
    lines: list[str] = []
    for start in range(0, len(value), _WIDTH):
        piece = value[start : start + _WIDTH]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        lines.append(f"{start:08x}  {piece.hex(' '):<{_WIDTH * 3}} |{shown}|")
    return "\n".join(lines)


def _rest(count: int, unit: str) -> str:
    return f"\n… {count:,} more {unit}; --raw FILE writes them all" if count > 0 else ""
