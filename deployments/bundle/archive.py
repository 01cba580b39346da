"""The zip format as far as a bundle needs it: one local header and one central record per file, in the order of their paths.

Each file is deflated by itself and every size is known before its header is written. So its bytes in the archive depend on that file
alone: this lets the next archive copy them. No archive reaches the 4 GiB where offsets need zip64; the count of files does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import deflate as libdeflate

LOCAL = struct.Struct("<4s3HL3L2H")
CENTRAL = struct.Struct("<4s4HL3L5H2L")
OFFSET = struct.Struct("<L")
OFFSET_AT = 42
CENTRAL_SIZE_AT = struct.Struct("<24xL10xL")  # size after unpacking ... the attributes, seen from a record's beginning
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")

VERSION, VERSION_64, MADE_ON_UNIX = 20, 45, 3 << 8
UTF8_NAMES = 0x800
STORED, DEFLATED = 0, 8
LEVEL = 1
MOST_ENTRIES = 0xFFFF
LAYOUT = "1"
COMPRESSED = (b".png", b".jpg", b".jpeg", b".gif", b".webp", b".woff", b".woff2", b".gz", b".zip", b".mp4")
_SAMPLE = b"".join(
    b"%d: <?php echo $this->getBlock('name_%d')->toHtml(); // %x\n" % (n, n % 7, n * 2654435761 % 2**32) for n in range(1000)
)


def deflate(path: bytes, content: bytes) -> tuple[int, bytes]:
    """How it is kept, and the bytes that are: as it is where deflating gains nothing."""
    if not content or path.endswith(COMPRESSED):
        return STORED, content
    packed = bytes(libdeflate.deflate_compress(content, LEVEL))
    return (DEFLATED, packed) if len(packed) < len(content) else (STORED, content)


def codec() -> str:
    """Names the bytes that this machine's deflate makes. Archives of another codec are not renewed with this one."""
    return f"{LAYOUT}-{libdeflate.crc32(deflate(b'', _SAMPLE)[1]):08x}"


def stamp(sha: str) -> int:
    """The time of a file, in a zip's form, made from its content's id: never now, equal for equal content, and another one when it changes.

    A single fixed time would do for equal archives, but web servers and PHP's opcode cache tell a new file from an old one by its time.
    """
    bits = int(sha[:8], 16)
    time = bits & 15 | (bits >> 4 & 31) << 5 | (bits >> 9 & 15) << 11
    date = 1 + (bits >> 13 & 15) | 1 + (bits >> 17 & 7) << 5 | 1 + (bits >> 20 & 31) << 9
    return date << 16 | time


def attributes(mode: str) -> int:
    """Unix permissions of a git mode, where unzip looks for them."""
    return {"100755": 0o100755, "120000": 0o120777}.get(mode, 0o100644) << 16


def record(path: bytes, mode: str, sha: str, content: bytes) -> tuple[bytes, bytes, bytes]:
    """One file: its local header, its kept bytes, and its central record with the offset still zero."""
    method, kept = deflate(path, content)
    facts = (UTF8_NAMES, method, stamp(sha), libdeflate.crc32(content), len(kept), len(content), len(path))
    local = LOCAL.pack(b"PK\3\4", VERSION, *facts, 0) + path
    central = CENTRAL.pack(b"PK\1\2", MADE_ON_UNIX | VERSION, VERSION, *facts, 0, 0, 0, 0, attributes(mode), 0) + path
    return local, kept, central


def set_offsets(central: bytearray, positions: Iterable[int], offsets: Iterable[int]) -> None:
    """Write where each file begins into its central record."""
    put = OFFSET.pack_into
    for position, offset in zip(positions, offsets, strict=True):
        put(central, position + OFFSET_AT, offset)


def ending(entries: int, central_size: int, central_at: int) -> bytes:
    """What closes the archive; with zip64's records where the count does not fit into 16 bits."""
    count = min(entries, MOST_ENTRIES)
    end = END.pack(b"PK\5\6", 0, 0, count, count, central_size, central_at, 0)
    if entries < MOST_ENTRIES:
        return end
    end64 = END64.pack(b"PK\6\6", END64.size - 12, MADE_ON_UNIX | VERSION_64, VERSION_64, 0, 0, entries, entries, central_size, central_at)
    return end64 + LOCATOR64.pack(b"PK\6\7", 0, central_at + central_size, 1) + end
