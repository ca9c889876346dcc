"""JPEGs from coefficients, as no library writes them: any sampling, script, table and restart interval."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: Coefficients of a block in zigzag order.
Block = list[int]
#: Lengths of codes, 1-16 bits, for all 256 symbols: nearly even, and with most codes longer than any look-up.
EVEN_LENGTHS = (0, 0, 0, 0, 0, 0, 0, 254, 2, 0, 0, 0, 0, 0, 0, 0)
LONG_LENGTHS = (0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 242)


@dataclass(frozen=True, slots=True)
class Plane:
    """blocks: rows of blocks, as many as whole MCUs have. real: columns and rows that hold the picture."""

    h: int
    v: int
    blocks: Sequence[Sequence[Block]]
    real: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scan:
    components: tuple[int, ...]
    start: int = 0
    end: int = 63
    high: int = 0
    low: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """quantisers: by slot, zigzag order. slots: of each component. symbols: order in which codes are given out."""

    width: int
    height: int
    planes: Sequence[Plane]
    quantisers: Mapping[int, Sequence[int]]
    slots: Sequence[int]
    scans: Sequence[Scan] = ()
    progressive: bool = False
    restart_interval: int = 0
    lengths: Sequence[int] = EVEN_LENGTHS
    symbols: Sequence[int] = tuple(range(256))
    huffman_slot: int = 0
    ids: Sequence[int] = (1, 2, 3)
    segments: bytes = b""


def written(picture: Picture) -> bytes:
    scans = picture.scans or [Scan(tuple(range(len(picture.planes))))]
    return b"".join(
        (b"\xff\xd8", picture.segments, *_tables(picture), *(_scan(picture, s) for s in scans), b"\xff\xd9")
    )


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _tables(picture: Picture) -> Iterator[bytes]:
    for slot, steps in picture.quantisers.items():
        yield _segment(0xDB, bytes((slot, *steps)))
    frame = struct.pack(">BHHB", 8, picture.height, picture.width, len(picture.planes))
    for identifier, plane, slot in zip(picture.ids, picture.planes, picture.slots, strict=False):
        frame += bytes((identifier, plane.h << 4 | plane.v, slot))
    yield _segment(0xC2 if picture.progressive else 0xC0, frame)
    dc_symbols = [symbol for symbol in picture.symbols if symbol < 12]
    dc = bytes((picture.huffman_slot, *(0, 0, 0, 12), *[0] * 12, *dc_symbols))
    ac = bytes((0x10 | picture.huffman_slot, *picture.lengths, *picture.symbols))
    yield _segment(0xC4, dc + ac)
    if picture.restart_interval:
        yield _segment(0xDD, struct.pack(">H", picture.restart_interval))


def _codes(lengths: Sequence[int], symbols: Sequence[int]) -> dict[int, str]:
    codes, code, place = {}, 0, 0
    for length, count in enumerate(lengths, 1):
        for _ in range(count):
            codes[symbols[place]] = f"{code:0{length}b}"
            code += 1
            place += 1
        code <<= 1
    return codes


def _scan(picture: Picture, scan: Scan) -> bytes:
    header = bytes((len(scan.components),))
    for index in scan.components:
        header += bytes((picture.ids[index], picture.huffman_slot * 0x11))
    header += bytes((scan.start, scan.end, scan.high << 4 | scan.low))
    return _segment(0xDA, header) + _EntropyCoder(picture, scan).data()


def _mcus(picture: Picture, scan: Scan) -> Iterator[list[tuple[int, Block]]]:
    planes = [(index, picture.planes[index]) for index in scan.components]
    if len(planes) == 1:
        ((index, plane),) = planes
        columns, rows = plane.real
        yield from ([(index, plane.blocks[y][x])] for y in range(rows) for x in range(columns))
        return
    first = planes[0][1]
    for row in range(len(first.blocks) // first.v):
        for column in range(len(first.blocks[0]) // first.h):
            yield [
                (index, plane.blocks[row * plane.v + y][column * plane.h + x])
                for index, plane in planes
                for y in range(plane.v)
                for x in range(plane.h)
            ]


def _value_bits(value: int) -> str:
    size = abs(value).bit_length()
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def _shifted(value: int, low: int) -> int:
    """Towards zero, as AC are (T.81, G.1.2.2)."""
    return (abs(value) >> low) * (1 if value > 0 else -1)


@dataclass(slots=True)
class _EntropyCoder:
    picture: Picture
    scan: Scan
    bits: list[str] = field(default_factory=list)
    run: int = 0
    #: Correction bits that follow the code of the run.
    waiting: list[str] = field(default_factory=list)
    predictions: dict[int, int] = field(default_factory=dict)

    def data(self) -> bytes:
        interval, pieces = self.picture.restart_interval, []
        for number, mcu in enumerate(_mcus(self.picture, self.scan)):
            if interval and number and number % interval == 0:
                pieces.append(self._finished() + bytes((0xFF, 0xD0 + (number // interval - 1) % 8)))
            for index, block in mcu:
                self._block(index, block)
        return b"".join((*pieces, self._finished()))

    def _finished(self) -> bytes:
        self._end_run()
        text = "".join(self.bits)
        text += "1" * (-len(text) % 8)
        self.bits, self.predictions = [], {}
        return int(text or "0", 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")

    def _symbol(self, symbol: int) -> None:
        self.bits.append(_codes(self.picture.lengths, self.picture.symbols)[symbol])

    def _block(self, index: int, block: Block) -> None:
        scan = self.scan
        if scan.start == 0:
            self._dc(index, block[0])
        if scan.end == 0:
            return
        band = [(k, _shifted(block[k], scan.low)) for k in range(max(scan.start, 1), scan.end + 1)]
        if scan.high:
            self._refined(band)
        else:
            self._first(band)

    def _dc(self, index: int, value: int) -> None:
        value >>= self.scan.low
        if self.scan.high:
            self.bits.append(str(value & 1))
            return
        difference = value - self.predictions.get(index, 0)
        self.predictions[index] = value
        dc_symbols = [symbol for symbol in self.picture.symbols if symbol < 12]
        self.bits += [_codes((0, 0, 0, 12), dc_symbols)[abs(difference).bit_length()], _value_bits(difference)]

    def _first(self, band: Sequence[tuple[int, int]]) -> None:
        zeros = 0
        for _, value in band:
            if value == 0:
                zeros += 1
                continue
            self._end_run()
            for _ in range(zeros // 16):
                self._symbol(0xF0)
            self._symbol(zeros % 16 << 4 | abs(value).bit_length())
            self.bits.append(_value_bits(value))
            zeros = 0
        if zeros:
            self._lengthen_run([])

    def _refined(self, band: Sequence[tuple[int, int]]) -> None:
        last_new = max((k for k, value in band if abs(value) == 1), default=-1)
        zeros, corrections = 0, list[str]()
        for k, value in band:
            if abs(value) > 1:
                corrections.append(str(abs(value) & 1))
                continue
            if value == 0:
                zeros += 1
                if zeros == 16 and k < last_new:
                    self._end_run()
                    self._symbol(0xF0)
                    self.bits += corrections
                    zeros, corrections = 0, []
                continue
            self._end_run()
            self._symbol(zeros << 4 | 1)
            self.bits += ["1" if value > 0 else "0", *corrections]
            zeros, corrections = 0, []
        if zeros or corrections:
            self._lengthen_run(corrections)

    def _lengthen_run(self, corrections: list[str]) -> None:
        if not self.picture.progressive:
            self._symbol(0)
            return
        self.run += 1
        self.waiting += corrections
        if self.run == 0x7FFF:
            self._end_run()

    def _end_run(self) -> None:
        if self.run:
            size = self.run.bit_length() - 1
            self._symbol(size << 4)
            self.bits += [f"{self.run - (1 << size):0{size}b}" if size else "", *self.waiting]
            self.run, self.waiting = 0, []
