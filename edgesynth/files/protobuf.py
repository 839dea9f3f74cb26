"""As much of protobuf as ONNX files need, to read and to write: the board has neither its package nor ONNX's."""

from typing import Iterator, List, Tuple, Union

Value = Union[int, memoryview]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Beyond these, protobuf's own readers drop bits: what they then read would be another file than the one read here.
_MOST_BITS, _MOST_TAG = 64, (1 << 32) - 1


def fields_of(message: memoryview) -> Iterator[Tuple[int, Value]]:
    """Pairs of a field's number and its value: bytes as they are, numbers as int.

    Raises:
        ValueError: it is no protobuf, or cut off.
    """
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        if not 8 <= tag <= _MOST_TAG:
            raise ValueError("field number {}".format(tag >> 3))
        kind, value = tag & 7, 0  # type: Tuple[int, Value]
        if kind == _VARINT:
            value, place = _read_varint(message, place)
        elif kind == _BYTES:
            length, place = _read_varint(message, place)
            if length > len(message) - place:
                raise ValueError("cut off")
            value, place = message[place : place + length], place + length
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("wire type {}".format(kind))
        if place > len(message):
            raise ValueError("cut off")
        yield tag >> 3, value


def contents(message: memoryview, number: int) -> Iterator[memoryview]:
    """The messages, or bytes, of one field."""
    for field, value in fields_of(message):
        if field == number and isinstance(value, memoryview):
            yield value


def text(value: Union[Value, None]) -> str:
    """A field of text; "" for one that is not there."""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else ""


def numbers(message: memoryview, number: int) -> List[int]:
    """A repeated field of whole numbers, one by one or packed."""
    values = []
    for field, value in fields_of(message):
        if field == number and isinstance(value, memoryview):
            place = 0
            while place < len(value):
                element, place = _read_varint(value, place)
                values.append(element)
        elif field == number and isinstance(value, int):
            values.append(value)
    return values


def field(number: int, value: Union[int, bytes, str]) -> bytes:
    """A field: its number and wire type, and a number of at least 0, bytes (of a message too) or text."""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    content = value.encode("utf-8") if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the top bit says that more follow."""
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(content) + bytes([value])


def _read_varint(message: memoryview, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message):
            raise ValueError("cut off")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if value >> _MOST_BITS:
            raise ValueError("a number of more than 64 bits")
        if byte < 0x80:
            return value, place
