"""Fax compression of TIFF (ITU T.4 and T.6): whether every line is there and as long as the picture is wide.

libtiff goes on behind a broken line, and behind the end of the data; what it writes there are white lines.
"""

from __future__ import annotations

from bisect import bisect_right

RUN_LENGTHS, GROUP3, GROUP4 = 2, 3, 4
"""The compressions of TIFF: lines of run lengths on whole bytes; T.4; T.6."""


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_WHITE = _codes(
    "00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 "
    "0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 "
    "00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 "
    "00101100 00101101 00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 "
    "01011000 01011001 01011010 01011011 01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 "
    "00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 011010011 011010100 "
    "011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000 "
    "010011011"
)
_BLACK = _codes(
    "0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 "
    "0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 "
    "00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 "
    "000001101011 000011010010 000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 "
    "000001101101 000011011010 000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 "
    "000001100101 000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 "
    "000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 000001100111 0000001111 "
    "000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101 "
    "0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101 "
    "0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 "
    "0000001100100 0000001100101"
)
_LONG = _codes(
    "00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 "
    "000000010111 000000011100 000000011101 000000011110 000000011111"
)
_PASS, _ACROSS = 100, 101  # other modes are the distance of a change from the one above
_MODES = {"0001": _PASS, "001": _ACROSS, "1": 0, "011": 1, "000011": 2, "0000011": 3, "010": -1, "000010": -2,
          "0000010": -3}  # fmt: skip
_LONGEST = 13
_END_OF_LINE = "000000000001"

_Table = list[tuple[int, int]]


def _table(codes: dict[str, int]) -> _Table:
    """For every next 13 bits, the length of their code and its meaning; length 0: none."""
    found = [(0, 0)] * (1 << _LONGEST)
    for code, meaning in codes.items():
        free = _LONGEST - len(code)
        first = int(code, 2) << free
        found[first : first + (1 << free)] = [(len(code), meaning)] * (1 << free)
    return found


def _runs(codes: tuple[str, ...]) -> dict[str, int]:
    """Runs of 0 to 63, then multiples of 64."""
    return {code: at if at < 64 else 64 * (at - 63) for at, code in enumerate([*codes, *_LONG])}


_COLOURS = (_table(_runs(_WHITE)), _table(_runs(_BLACK)))
_MODE_TABLE = _table(_MODES)


class _Lines:
    """The bits of a strip, and how far they are read."""

    def __init__(self, packed: bytes, width: int) -> None:
        self._bits = f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}" + "0" * _LONGEST
        self._end = 8 * len(packed)
        self._width = width
        self._at = 0

    def _next(self, table: _Table) -> int:
        length, meaning = table[int(self._bits[self._at : self._at + _LONGEST], 2)] if self._at < self._end else (0, 0)
        self._at += length
        if not length or self._at > self._end:
            raise ValueError("a fax line is broken")
        return meaning

    def _run(self, colour: int) -> int:
        total = part = self._next(_COLOURS[colour])
        while part >= 64:
            part = self._next(_COLOURS[colour])
            total += part
        return total

    def align(self) -> None:
        """Go on at the next whole byte."""
        self._at = -(-self._at // 8) * 8

    def line_end(self) -> bool:
        """Pass over the mark between lines, and zeros before it; whether there was one."""
        one = self._bits.find("1", self._at)
        if one - self._at < len(_END_OF_LINE) - 1:
            return False
        self._at = one + 1
        return True

    def flag(self) -> bool:
        """One bit."""
        self._at += 1
        return self._bits[self._at - 1] == "1"

    def along(self) -> list[int]:
        """A line of run lengths: where its colour changes."""
        changes, at, colour = [], 0, 0
        while at < self._width:
            at += self._run(colour)
            changes.append(at)
            colour ^= 1
        return self._checked(changes, at)

    def below(self, above: list[int]) -> list[int]:
        """A line by its differences from the one above: where its colour changes."""
        changes: list[int] = []
        at, colour = -1, 0
        while at < self._width:
            index = bisect_right(above, at)
            index += (index ^ colour) & 1  # the next change to the other colour
            change, after = (above[i] if i < len(above) else self._width for i in (index, index + 1))
            mode = self._next(_MODE_TABLE)
            if mode == _PASS:
                at = after
            elif mode == _ACROSS:
                first = max(at, 0) + self._run(colour)
                at = first + self._run(colour ^ 1)
                changes += [first, at]
            else:
                if change + mode < max(at, 0):
                    raise ValueError("a fax line is broken")
                at = change + mode
                changes.append(at)
                colour ^= 1
        return self._checked(changes, at)

    def _checked(self, changes: list[int], end: int) -> list[int]:
        if end != self._width:
            raise ValueError("a fax line is broken")
        while changes and changes[-1] >= self._width:
            changes.pop()
        return changes


def require_fax(packed: bytes, width: int, rows: int, compression: int, two_way: bool, reverse: bool) -> None:
    """Raises ValueError where a strip has fewer whole lines than rows. `two_way`: T.4 with lines that refer to the one
    above; `reverse`: the first pixel is in a byte's lowest bit."""
    if reverse:
        packed = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed)
    lines, above = _Lines(packed, width), list[int]()
    for _ in range(rows):
        below = compression == GROUP4
        if compression == GROUP3 and lines.line_end():
            below = two_way and not lines.flag()
        above = lines.below(above) if below else lines.along()
        if compression == RUN_LENGTHS:
            lines.align()
