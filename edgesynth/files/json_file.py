"""Reading JSON that may come from anywhere: bounded in size and depth, and nothing in it that our writers never write.

A document may be sealed: its field `sha256` is the sum of the rest, so that no damage to it goes unnoticed. It is no
proof of who wrote it.
"""

import hashlib
import json
import math
import os
import re
from typing import Any, Dict, Iterable, List, Tuple

from edgesynth.errors import UserError

SEAL = "sha256"
MOST_BYTES = 8 << 20
DEEPEST = 64
_MOST_DIGITS = 40
_DIGITS = bytes(48 if 48 <= code < 58 else 32 for code in range(256))  # for `translate`: any digit is a 0
_EXPONENT = re.compile(b"[eE][+]?[0-9]{3}")


def read_json(path: str, missing: str, again: str, most_bytes: int = MOST_BYTES) -> Any:
    """What a file holds.

    Args:
        path: of the file.
        missing: what to say if there is nothing, and what to give instead.
        again: what to do if it is damaged, such as "measure again".
        most_bytes: size that is still read.

    Raises:
        UserError: there is no such file, it is too large, or not JSON as `parse_json` takes it.
    """
    if not os.path.exists(path) and not os.path.islink(path):
        raise UserError(missing)
    # What is no regular file may have no end, or never begin.
    if not os.path.isfile(path):
        raise UserError("{} is no file (a folder, a pipe, a device or a broken link); {}".format(path, again))
    if os.path.getsize(path) > most_bytes:
        raise UserError(
            "{} has {:,} bytes, and such a file has at most {:,}; {}".format(
                path, os.path.getsize(path), most_bytes, again
            )
        )
    try:
        with open(path, "rb") as file:
            content = file.read()
        # What is that large is an object of ours, or not worth the time.
        if len(content) > MOST_BYTES and content.lstrip()[:1] != b"{":
            raise ValueError("it is no object")
        return parse_json(content)
    except ValueError as error:
        raise UserError("{} is not JSON ({}); {}".format(path, error, again)) from None


def parse_json(content: bytes) -> Any:
    """Parse UTF-8 JSON; refuse numbers, texts and depths that would fail later.

    Raises:
        ValueError: it is no JSON, names a key twice, is nested too deeply, or holds NaN, infinity, numbers of very many
            digits, or halves of characters.
    """
    # A function for every number takes most of the time: only where there is one that may be refused.
    long = b"0" * (_MOST_DIGITS + 1) in content.translate(_DIGITS)
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refused_constant,
            parse_float=_finite if long or _EXPONENT.search(content) else None,
            parse_int=_whole if long else None,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if b"\\ud" in content or b"\\uD" in content:
        _check_texts(value)
    if content.count(b"[") + content.count(b"{") > DEEPEST:
        _check_depth(value)
    return value


def sealed(document: Dict[str, Any]) -> Dict[str, Any]:
    """A document with its seal, as plain JSON values."""
    plain = json.loads(json.dumps({name: value for name, value in document.items() if name != SEAL}))
    return dict(plain, **{SEAL: sum_of(plain)})


def unsealed(document: Dict[str, Any], path: str, again: str) -> Dict[str, Any]:
    """A document without its seal; one that has none is taken as it is.

    Args:
        document: as read.
        path: where it is from, for the refusal.
        again: what to do if it was changed.

    Raises:
        UserError: it is not what was sealed.
    """
    rest = {name: value for name, value in document.items() if name != SEAL}
    if SEAL in document and document[SEAL] != sum_of(rest):
        raise UserError("{} was changed or damaged since it was written (its own sum differs); {}".format(path, again))
    return rest


def sum_of(plain: Any) -> str:
    """sha256 of plain JSON values in their order, whatever the white space of the file that they stand in."""
    return hashlib.sha256(json.dumps(plain, separators=(",", ":")).encode("ascii")).hexdigest()


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError("{!r} is there twice".format(next(name for name in names if names.count(name) > 1)))
    return document


def _refused_constant(name: str) -> Any:
    raise ValueError("{} is no number of JSON".format(name))


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("{:.20} is too large a number".format(digits))
    return number


def _whole(digits: str) -> int:
    # Python reads a million digits in the square of the time.
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number of {:,} digits".format(len(digits)))
    return int(digits)


def _check_texts(value: Any) -> None:
    """Refuse unpaired surrogates, which JSON allows and no file name or output does."""
    for text in _texts(value):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("{!r:.40} holds half of a character".format(text)) from None


def _texts(value: Any) -> List[str]:
    texts, waiting = [], [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            texts += item
    return texts


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [item for container in level for item in _items(container) if isinstance(item, (dict, list))]
        if not level:
            return
    raise ValueError("nested more than {} deep".format(DEEPEST))


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
