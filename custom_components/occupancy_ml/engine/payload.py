"""State as bytes: a JSON header, then raw little-endian arrays, then a checksum. Nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping
import json
import struct
from typing import Any
import zlib

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"OMLA"
_VERSION = 1
_HEAD = struct.Struct("<4sII")  # magic, version, bytes of the JSON header
_TAIL = struct.Struct("<I")  # CRC-32 of all before
_DTYPES = {"<f8": np.dtype("<f8"), "<i8": np.dtype("<i8"), "|b1": np.dtype("|b1")}

Array = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]


class PayloadError(ValueError):
    """The bytes are damaged, of another kind, or of a version this code does not know."""


def pack(kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Bytes of a header (JSON values) and named arrays (float64, int64, bool), exactly.

    Raises:
        ValueError: an array of another type, or a number in the header that JSON has no word for.
    """
    entries = []
    chunks = []
    for name, array in arrays.items():
        little = array.dtype.newbyteorder("<").str
        if little not in _DTYPES:
            raise ValueError(f"array {name!r} has type {array.dtype}")
        chunks.append(np.ascontiguousarray(array, dtype=_DTYPES[little]).tobytes())
        entries.append([name, little, list(array.shape)])
    document = {"kind": kind, "header": dict(header), "arrays": entries}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    body = b"".join((_HEAD.pack(_MAGIC, _VERSION, len(text)), text, *chunks))
    return body + _TAIL.pack(zlib.crc32(body))


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and the arrays (writable copies) of `pack`.

    Raises:
        PayloadError: damaged, another kind or an unknown version.
    """
    if len(data) < _HEAD.size + _TAIL.size:
        raise PayloadError("the state is cut off")
    magic, version, length = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise PayloadError("these bytes are no saved state")
    if version != _VERSION:
        raise PayloadError(f"the state has version {version}, this code reads {_VERSION}")
    end = len(data) - _TAIL.size
    if zlib.crc32(data[:end]) != _TAIL.unpack_from(data, end)[0]:
        raise PayloadError("the state is damaged")
    try:
        document = json.loads(data[_HEAD.size : _HEAD.size + length])
        if document["kind"] != kind:
            raise PayloadError(f"the state is of kind {document['kind']!r}, not {kind!r}")
        offset = _HEAD.size + length
        arrays: dict[str, NDArray[Any]] = {}
        for name, dtype, shape in document["arrays"]:
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(data, _DTYPES[dtype], count, offset).reshape(shape).copy()
            offset += arrays[name].nbytes
        header = document["header"]
    except (KeyError, TypeError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, PayloadError):
            raise
        raise PayloadError(f"the state cannot be read: {error}") from error
    if offset != end or not isinstance(header, dict):
        raise PayloadError("the state has parts too many or too few")
    return header, arrays
