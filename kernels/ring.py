"""The reading side of the record ring, and both sides of the feature ring.

**Records.** `scan_records` walks over bytes that another process wrote, so it trusts nothing: a size that
leaves the area or the handed-off limit, a wrong magic number, an unknown kind, parts longer than their record
end the walk with a fault. The numbers below restate `sidecar.ring.layout` (kernels import nothing of
sidecar); a test compares the two. The area is read as little-endian int64 words, a record's first being size
(32 bits), kind (8), writer's epoch (8), magic (16).

**Feature ring.** Rows of F float64 columns and a stamp each, a power of two of them; positions count rows
and never wrap. Header words, each on a cache line of its own (two of 64 bytes, for the adjacent-line
prefetcher):

    HEAD      rows published       stored by the writer with release after the rows, loaded by the reader with
    acquire TAIL      rows taken           stored by the reader with release after its loads, loaded by the
    writer with acquire CLAIMED   rows being written   stored by the writer before it touches their places,
    for `latest_rows`

`latest_rows` copies rows that the reader has taken and the writer may be overwriting: the copy is checked
afterwards against CLAIMED (a seqlock: claim, fence, rows | copy, fence, claim), and what may be torn is not
counted.
"""

from __future__ import annotations

from kernels.atomics import I64, fence, load_acquire, store_release
from kernels.binning import F64
from kernels.jit import kernel

MAGIC = 0x5ECA
EXCHANGE = 1
REQUEST_PIECE = 2
RESPONSE_PIECE = 3
TUNNEL_UP = 4
TUNNEL_DOWN = 5
PAD = 255
EXCHANGE_BYTES = 176
PIECE_BYTES = 48
N_OUTCOMES = 7

# Columns of scan_records' rows; those of a piece after MONO_NS are BODY_OFFSET and PIECE_SIZE only.
POSITION = 0
SIZE = 1
KIND = 2
EPOCH = 3
SEQ = 4
EXCHANGE_ID = 5
MONO_NS = 6
ORDINAL = 7
START_UNIX_NS = 8
FORWARDED_NS = 9
FIRST_BYTE_NS = 10
END_NS = 11
REQUEST_BODY_BYTES = 12
RESPONSE_BODY_BYTES = 13
PART_1 = 14  # to PART_4 = 17: lengths of the parts
STATUS = 18
FLAGS = 19
OUTCOME = 20
TRACE_FLAGS = 21
N_COLUMNS = 22
BODY_OFFSET = 7
PIECE_SIZE = 8

FAULT_NONE = 0
FAULT_SIZE = 1
FAULT_MAGIC = 2
FAULT_KIND = 3
FAULT_PARTS = 4

HEAD = 0
TAIL = 16
CLAIMED = 32
HEADER_WORDS = 48

_LOW = 0xFFFFFFFF
_PARTS = 19  # an exchange's words: two that hold the parts' lengths, then status, flags and outcome
_LAST = 21


@kernel()
def _parts_fault(words: I64, w: int, size: int, kind: int) -> int:
    if kind == EXCHANGE:
        if size < EXCHANGE_BYTES:
            return FAULT_SIZE
        parts = EXCHANGE_BYTES
        for i in range(_PARTS, _LAST):
            parts += (words[w + i] & _LOW) + ((words[w + i] >> 32) & _LOW)
        if parts > size or parts + 8 <= size or (words[w + _LAST] >> 32) & 0xFF >= N_OUTCOMES:
            return FAULT_PARTS
    elif REQUEST_PIECE <= kind <= TUNNEL_DOWN:
        if size < PIECE_BYTES:
            return FAULT_SIZE
        parts = PIECE_BYTES + (words[w + 5] & _LOW)
        if parts > size or parts + 8 <= size:
            return FAULT_PARTS
    elif kind != PAD:
        return FAULT_KIND
    return FAULT_NONE


@kernel()
def _fault_at(words: I64, position: int, limit: int) -> int:
    offset = position & (words.shape[0] * 8 - 1)
    to_end = words.shape[0] * 8 - offset
    first = words[offset >> 3]
    size = first & _LOW
    kind = (first >> 32) & 0xFF
    if (first >> 48) & 0xFFFF != MAGIC:
        return FAULT_MAGIC
    if size < 8 or size & 7 or size > to_end or position + size > limit:
        return FAULT_SIZE
    if kind == PAD and size != to_end:
        return FAULT_SIZE
    return int(_parts_fault(words, offset >> 3, size, kind))


@kernel()
def _fill_row(words: I64, position: int, row: I64) -> None:
    w = (position & (words.shape[0] * 8 - 1)) >> 3
    first = words[w]
    row[POSITION] = position
    row[SIZE] = first & _LOW
    row[KIND] = (first >> 32) & 0xFF
    row[EPOCH] = (first >> 40) & 0xFF
    row[SEQ] = words[w + 1]
    row[EXCHANGE_ID] = words[w + 2]
    row[MONO_NS] = words[w + 3]
    if row[KIND] != EXCHANGE:
        row[BODY_OFFSET] = words[w + 4]
        row[PIECE_SIZE] = words[w + 5] & _LOW
        return
    for i in range(7):  # ordinal to the response's size, which lie in one run on both sides
        row[ORDINAL + i] = words[w + 4 + i]
    for i in range(2):
        row[PART_1 + 2 * i] = words[w + _PARTS + i] & _LOW
        row[PART_1 + 2 * i + 1] = (words[w + _PARTS + i] >> 32) & _LOW
    last = words[w + _LAST]
    row[STATUS] = last & 0xFFFF
    row[FLAGS] = (last >> 16) & 0xFFFF
    row[OUTCOME] = (last >> 32) & 0xFF
    row[TRACE_FLAGS] = (last >> 40) & 0xFF


@kernel("i8(Array(i8, 1, 'C', True), i8, i8, i8[:,::1], i8[::1])")
def scan_records(words: I64, start: int, limit: int, rows: I64, state: I64) -> int:
    """Walk over records and note where they lie and what their fixed parts say.

    Args:
        words: the data area, shape (size / 8,), int64, read-only; the size is a power of two.
        start: position of the first record, a multiple of 8.
        limit: position behind the last one, as it was handed off; limit - start <= size of the area.
        rows: shape (n, N_COLUMNS), int64, filled from the first row on; padding gets none.
        state: shape (2,), int64; gets the position to go on at and a FAULT_ code, which is about that
            position.

    Returns:
        How many rows were filled.

    Called by: reader only.

    Ordering: `limit` came through the pipe, so what lies before it is seen; see sidecar.ring.layout.
    """
    position = start
    n = 0
    fault = FAULT_NONE
    while position < limit and n < rows.shape[0]:
        fault = _fault_at(words, position, limit)
        if fault != FAULT_NONE:
            break
        first = words[(position & (words.shape[0] * 8 - 1)) >> 3]
        if (first >> 32) & 0xFF != PAD:
            _fill_row(words, position, rows[n])
            n += 1
        position += first & _LOW
    state[0] = position
    state[1] = fault
    return n


@kernel("void(i8[::1], i8, i8)")
def release_tail(header: I64, word: int, tail: int) -> None:
    """Give the room before a position back to the writer.

    Args:
        header: the segment's header, int64.
        word: which word the tail is.
        tail: the position, at least the one stored.

    Called by: reader only.

    Ordering: a release; the reader's loads of the records, and its counters, come before it.
    """
    store_release(header, word, tail)


@kernel("i8(f8[:,::1], i8[::1], f8[:,::1], i8[::1], i8[::1])")
def push_rows(rows: F64, row_stamps: I64, data: F64, stamps: I64, header: I64) -> int:
    """Write as many rows as there is room for.

    Args:
        rows: shape (n, F), float64.
        row_stamps: what is written beside each of them, shape (n,), int64.
        data: shape (capacity, F), float64; capacity is a power of two.
        stamps: shape (capacity,), int64.
        header: shape (HEADER_WORDS,), int64.

    Returns:
        How many of the first rows were written, 0 to n.

    Called by: writer only.

    Ordering: claim before rows, rows before head.
    """
    capacity, width = data.shape
    head = header[HEAD]
    n: int = min(rows.shape[0], capacity - (head - load_acquire(header, TAIL)))
    store_release(header, CLAIMED, head + n)
    fence()
    for i in range(n):
        slot = (head + i) & (capacity - 1)
        stamps[slot] = row_stamps[i]
        for f in range(width):
            data[slot, f] = rows[i, f]
    store_release(header, HEAD, head + n)
    return n


@kernel("i8(f8[:,::1], i8[::1])")
def peek_rows(data: F64, header: I64) -> int:
    """How many rows wait in one run, from the tail's place on; the rest of them begins at the area's
    beginning.

    Args:
        data: shape (capacity, F), float64.
        header: shape (HEADER_WORDS,), int64.

    Returns:
        0 to capacity.

    Called by: reader only.

    Ordering: acquires the head, so the rows may be read.
    """
    capacity = data.shape[0]
    tail = header[TAIL]
    n: int = min(load_acquire(header, HEAD) - tail, capacity - (tail & (capacity - 1)))
    return n


@kernel("void(i8[::1], i8)")
def take_rows(header: I64, n: int) -> None:
    """Give the first waiting rows' places back to the writer.

    Args:
        header: shape (HEADER_WORDS,), int64.
        n: how many, at most as many as wait.

    Called by: reader only.

    Ordering: a release; the reader's loads of these rows come before it.
    """
    store_release(header, TAIL, header[TAIL] + n)


@kernel("i8(i8[::1])")
def waiting_rows(header: I64) -> int:
    """How many rows wait.

    Args:
        header: shape (HEADER_WORDS,), int64.

    Returns:
        At least 0; exact for the reader but for rows that come meanwhile.

    Called by: either.
    """
    tail = load_acquire(header, TAIL)
    return load_acquire(header, HEAD) - tail


@kernel("i8(f8[:,::1], i8[::1], f8[:,::1])")
def latest_rows(data: F64, header: I64, into: F64) -> int:
    """Copy the newest rows, taken or not, oldest first.

    Args:
        data: shape (capacity, F), float64.
        header: shape (HEADER_WORDS,), int64.
        into: shape (n, F), float64, n <= capacity; the rows end at its end.

    Returns:
        How many of the last rows of `into` are whole, 0 to n.

    Called by: any thread.

    Ordering: copy, fence, claim; see above.
    """
    capacity, width = data.shape
    head = load_acquire(header, HEAD)
    n = min(into.shape[0], head)
    skip = into.shape[0] - n
    for i in range(n):
        slot = (head - n + i) & (capacity - 1)
        for f in range(width):
            into[skip + i, f] = data[slot, f]
    fence()
    overwritten = load_acquire(header, CLAIMED) - capacity - (head - n)
    whole: int = max(0, n - max(0, overwritten))
    return whole
