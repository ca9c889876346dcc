"""A strict reader of the JPEGs that the transcoder writes: coefficients, and an assertion for each rule of T.81."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReadPlane:
    h: int
    v: int
    slot: int
    columns: int
    rows: int
    padded: tuple[int, int]
    #: By row and column, in zigzag order; of whole MCUs.
    blocks: list[list[list[int]]]
    known_to: list[int | None] = field(default_factory=lambda: [None] * 64)


@dataclass(slots=True)
class ReadJpeg:
    width: int = 0
    height: int = 0
    progressive: bool = False
    planes: list[ReadPlane] = field(default_factory=list)
    quantisers: dict[int, list[int]] = field(default_factory=dict)
    #: Marker and content of each application segment.
    applications: list[tuple[int, bytes]] = field(default_factory=list)
    #: Symbols used of each table against those defined.
    unused_symbols: int = 0


class _Codes:
    """A Huffman table by code, as text of its bits."""

    def __init__(self, lengths: bytes, symbols: bytes) -> None:
        assert sum(lengths) == len(symbols)
        assert len(set(symbols)) == len(symbols), "a symbol has two codes"
        self.by_code: dict[str, int] = {}
        self.used: set[int] = set()
        code = place = 0
        for length, count in enumerate(lengths, 1):
            for _ in range(count):
                text = f"{code:0{length}b}"
                assert len(text) == length, "codes run over"
                assert "0" in text, "a code of ones alone"
                self.by_code[text] = symbols[place]
                code, place = code + 1, place + 1
            code <<= 1


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, count: int) -> int:
        assert self.at + count <= len(self.text), "the scan is too short"
        self.at += count
        return int(self.text[self.at - count : self.at] or "0", 2)

    def signed(self, size: int) -> int:
        value = self.take(size)
        return value if not size or value >= 1 << (size - 1) else value - (1 << size) + 1

    def symbol(self, codes: _Codes) -> int:
        for length in range(1, 17):
            symbol = codes.by_code.get(self.text[self.at : self.at + length])
            if symbol is not None:
                self.at += length
                codes.used.add(symbol)
                return symbol
        raise AssertionError("no such code")

    def end(self) -> None:
        rest = self.text[self.at :]
        assert len(rest) < 8, "bytes are left"
        assert "0" not in rest, "the last byte is not filled with ones"


def read_jpeg(data: bytes) -> ReadJpeg:
    """Every bit of the file, which must be one that T.81 allows and a careful encoder writes."""
    jpeg, tables, at = ReadJpeg(), dict[int, _Codes](), 2
    assert data[:2] == b"\xff\xd8"
    scans = 0
    while True:
        assert data[at] == 0xFF
        marker = data[at + 1]
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        content = data[at + 4 : at + 2 + length]
        assert len(content) == length - 2
        at += 2 + length
        if marker in {0xE0, 0xE1, 0xE2}:
            jpeg.applications.append((marker, content))
        elif marker == 0xDB:
            _read_quantisers(jpeg, content)
        elif marker in {0xC0, 0xC2}:
            _read_frame(jpeg, content, progressive=marker == 0xC2)
        elif marker == 0xC4:
            number, symbols = content[0], content[17:]
            assert number in {0x00, 0x01, 0x10, 0x11}
            tables[number] = _Codes(content[1:17], symbols)
            jpeg.unused_symbols += len(symbols)
        else:
            assert marker == 0xDA, f"marker {marker:x}"
            end = at
            while not (data[end] == 0xFF and data[end + 1]):
                end += 1
            _Scan(jpeg, tables, content, _Bits(data[at:end].replace(b"\xff\0", b"\xff"))).read()
            at, scans = end, scans + 1
            jpeg.unused_symbols -= sum(len(codes.used) for codes in tables.values())
            tables = {}
    assert at == len(data) - 2, "something follows the end"
    assert scans
    assert all(plane.known_to == [0] * 64 for plane in jpeg.planes), "a coefficient is not told to its last bit"
    return jpeg


def _read_quantisers(jpeg: ReadJpeg, content: bytes) -> None:
    assert len(content) == 65
    assert content[0] not in jpeg.quantisers
    assert 0 not in content[1:]
    jpeg.quantisers[content[0]] = list(content[1:])


def _read_frame(jpeg: ReadJpeg, content: bytes, *, progressive: bool) -> None:
    precision, jpeg.height, jpeg.width, count = struct.unpack_from(">BHHB", content)
    jpeg.progressive = progressive
    assert precision == 8
    assert len(content) == 6 + 3 * count
    factors = [(content[7 + 3 * i] >> 4, content[7 + 3 * i] & 15, content[8 + 3 * i]) for i in range(count)]
    assert [factor[:2] for factor in factors] in ([(1, 1)], [(2, 2), (1, 1), (1, 1)])
    assert [content[6 + 3 * i] for i in range(count)] == [1, 2, 3][:count]
    side = 8 * factors[0][0]
    mcus = -(-jpeg.width // side), -(-jpeg.height // side)
    for h, v, slot in factors:
        assert slot in jpeg.quantisers
        columns, rows = (-(-length * h // side) for length in (jpeg.width, jpeg.height))
        blocks = [[[0] * 64 for _ in range(mcus[0] * h)] for _ in range(mcus[1] * v)]
        jpeg.planes.append(ReadPlane(h, v, slot, columns, rows, (mcus[0] * h, mcus[1] * v), blocks))


class _Scan:
    def __init__(self, jpeg: ReadJpeg, tables: dict[int, _Codes], content: bytes, bits: _Bits) -> None:
        count = content[0]
        assert len(content) == 4 + 2 * count
        self.planes = [(jpeg.planes[content[1 + 2 * i] - 1], content[2 + 2 * i]) for i in range(count)]
        self.start, self.end = content[-3], content[-2]
        self.high, self.low = content[-1] >> 4, content[-1] & 15
        self.jpeg, self.tables, self.bits = jpeg, tables, bits
        self.run = 0
        self.predictions = dict.fromkeys((id(plane) for plane, _ in self.planes), 0)
        if not jpeg.progressive:
            assert (self.start, self.end, self.high, self.low) == (0, 63, 0, 0)
        else:
            assert (self.start == 0) == (self.end == 0)
            assert self.start == 0 or count == 1
        for plane, _ in self.planes:
            for k in range(self.start, self.end + 1):
                assert plane.known_to[k] == (self.high or None)
                plane.known_to[k] = self.low
        assert not self.high or self.high == self.low + 1

    def read(self) -> None:
        for plane, numbers, block in self._blocks():
            if self.start == 0:
                self._dc(plane, numbers >> 4, block)
            if self.end == 0:
                continue
            codes = self.tables[0x10 | numbers & 15]
            if self.high:
                self._refine(codes, block)
            else:
                self._first(codes, block)
        assert self.run == 0
        self.bits.end()

    def _blocks(self) -> Iterator[tuple[ReadPlane, int, list[int]]]:
        if len(self.planes) == 1:
            ((plane, numbers),) = self.planes
            for y in range(plane.rows):
                yield from ((plane, numbers, plane.blocks[y][x]) for x in range(plane.columns))
            return
        first = self.planes[0][0]
        for row in range(first.padded[1] // first.v):
            for column in range(first.padded[0] // first.h):
                for plane, numbers in self.planes:
                    for y in range(plane.v):
                        for x in range(plane.h):
                            yield plane, numbers, plane.blocks[row * plane.v + y][column * plane.h + x]

    def _dc(self, plane: ReadPlane, number: int, block: list[int]) -> None:
        if self.high:
            block[0] |= self.bits.take(1) << self.low
            return
        size = self.bits.symbol(self.tables[number])
        assert size <= 11
        self.predictions[id(plane)] += self.bits.signed(size)
        block[0] = self.predictions[id(plane)] << self.low

    def _first(self, codes: _Codes, block: list[int]) -> None:
        if self.run:
            self.run -= 1
            return
        k = max(self.start, 1)
        while k <= self.end:
            symbol = self.bits.symbol(codes)
            zeros, size = symbol >> 4, symbol & 15
            if size == 0 and zeros < 15:
                assert zeros == 0 or self.jpeg.progressive
                self.run = (1 << zeros) + self.bits.take(zeros) - 1
                return
            k += zeros
            assert k <= self.end, "a run leads out of the block"
            assert size <= 10
            block[k] = self.bits.signed(size) << self.low
            k += 1

    def _refine(self, codes: _Codes, block: list[int]) -> None:
        k = self.start
        while k <= self.end and not self.run:
            symbol = self.bits.symbol(codes)
            zeros, size = symbol >> 4, symbol & 15
            if size == 0 and zeros < 15:
                self.run = (1 << zeros) + self.bits.take(zeros)
                break
            assert size <= 1
            value = (1 if self.bits.take(1) else -1) << self.low if size else 0
            while block[k] or zeros:
                if block[k]:
                    self._correct(block, k)
                else:
                    zeros -= 1
                k += 1
                assert k <= self.end, "a run leads out of the band"
            block[k] = value
            k += 1
        if self.run:
            self.run -= 1
            for rest in range(k, self.end + 1):
                if block[rest]:
                    self._correct(block, rest)

    def _correct(self, block: list[int], k: int) -> None:
        if self.bits.take(1):
            block[k] += (1 if block[k] > 0 else -1) << self.low
