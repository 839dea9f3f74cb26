"""TensorRT's calibration cache: written from a bundle's ranges.json for the version of TensorRT that reads it.

TensorRT rejects a cache of another version, so the cache is made on the board and not in the bundle. The text is one
header, `TRT-8201-EntropyCalibration2`, and a line `tensor: 3caa54fc` for each tensor: the bits of its scale, amax / 127
as float32, in hexadecimal without leading zeros. The formats of TensorRT 7 to 10; from 11 on there are no calibrators.
"""

import os
import re
import struct
import tempfile
from typing import Dict, NamedTuple, Tuple

from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json

ALGORITHM = "EntropyCalibration2"
LEVELS = 127.0  # steps of symmetric int8 on either side of zero
RANGES_SCHEMA = 2  # 1 has no list of layers that stay in floating point, and is read as well

_HEADER = re.compile(r"TRT-(\d+)-(\w+)")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:\.\w+)*")


class CalibrationCache(NamedTuple):
    """What a cache says.

    Attributes:
        version: number of the TensorRT that reads it, e.g. 8201.
        algorithm: the calibrator that reads it, e.g. "EntropyCalibration2".
        scales: scale of each tensor, float32, in the order of the text; 0 for a tensor that TensorRT left out.
    """

    version: int
    algorithm: str
    scales: Dict[str, float]


class Ranges(NamedTuple):
    """What a bundle's ranges.json says.

    Attributes:
        amax: {ONNX tensor: its largest magnitude}.
        floating: names of the nodes that stay in floating point where others are INT8; none before schema 2.
    """

    amax: Dict[str, float]
    floating: Tuple[str, ...]


def version_number(tensorrt: str) -> int:
    """The number by which a cache names a version of TensorRT: 8.2.1.8 is 8201, 10.14.1 is 101401.

    Args:
        tensorrt: `tensorrt.__version__`, at least major.minor.patch.

    Raises:
        UserError: it is no version, or of a TensorRT that has no calibration cache.
    """
    match = _VERSION.fullmatch(tensorrt.strip())
    if not match:
        raise UserError("{!r} is not a version of TensorRT; give at least three numbers, as in 8.2.1".format(tensorrt))
    major, minor, patch = (int(part) for part in match.groups())
    if not 7 <= major <= 10:
        raise UserError(
            "TensorRT {} takes no calibration cache (7 to 10 do); from 11 on INT8 comes from a Q/DQ file, "
            "model.int8.onnx".format(tensorrt)
        )
    # NvInferVersion.h: four digits up to 9, six since 10.
    return major * (10000 if major >= 10 else 1000) + minor * 100 + patch


def scale_of(amax: float) -> float:
    """The float32 scale, amax / 127, of a tensor whose largest magnitude is `amax`.

    Raises:
        UserError: `amax` is not a finite number above 0, or its scale is none in float32.
    """
    number = isinstance(amax, (int, float)) and not isinstance(amax, bool)
    try:
        scale = struct.unpack("<f", struct.pack("<f", amax / LEVELS))[0] if number else 0.0
    except OverflowError:
        scale = 0.0
    # Comparisons with NaN are false.
    if not 0 < scale < float("inf"):
        raise UserError("amax is {!r}; it must be a finite number above 0: export the bundle again".format(amax))
    return float(scale)


def cache_from_ranges(amax: Dict[str, float], tensorrt: str, algorithm: str = ALGORITHM) -> CalibrationCache:
    """The cache that a version of TensorRT reads.

    Args:
        amax: largest magnitude of each ONNX tensor, above 0.
        tensorrt: `tensorrt.__version__`.
        algorithm: the calibrator that will read it.

    Raises:
        UserError: there are no ranges, one of them is not a finite number above 0, a name cannot be written, or the
            version has no such cache.
    """
    number = version_number(tensorrt)
    if not amax:
        raise UserError("there are no ranges to write a calibration cache from; export the bundle again")
    scales = {}
    for name, value in amax.items():
        if not name or len(name.splitlines()) != 1:
            raise UserError("{!r} is not a tensor's name that a calibration cache can hold".format(name))
        try:
            scales[name] = scale_of(value)
        except UserError as error:
            raise UserError("range of tensor {}: {}".format(name, error)) from None
    return CalibrationCache(number, algorithm, scales)


def format_cache(cache: CalibrationCache) -> str:
    """The text that TensorRT reads."""
    lines = ["TRT-{}-{}".format(cache.version, cache.algorithm)]
    lines += [
        "{}: {:x}".format(name, struct.unpack("<I", struct.pack("<f", scale))[0])
        for name, scale in cache.scales.items()
    ]
    return "\n".join(lines) + "\n"


def parse_cache(text: str) -> CalibrationCache:
    """Read the text of a cache, ours or one that TensorRT wrote.

    Raises:
        UserError: it is not such a text; the line is named.
    """
    lines = text.splitlines()
    header = _HEADER.fullmatch(lines[0].strip()) if lines else None
    if not header:
        raise UserError(
            "the calibration cache does not begin with a line such as TRT-8201-{}: not a cache of TensorRT "
            "(ONNX Runtime writes another file of that name); make it from ranges.json".format(ALGORITHM)
        )
    scales: Dict[str, float] = {}
    for number, line in enumerate(lines[1:], 2):
        name, colon, bits = line.rpartition(": ")
        if not line.strip():
            continue
        if not colon or not name or not re.fullmatch(r"[0-9a-fA-F]{1,8}", bits.strip()):
            raise UserError("line {} of the calibration cache is {!r}, not `tensor: hexadecimal`".format(number, line))
        if name in scales:
            raise UserError("line {} of the calibration cache names {} again".format(number, name))
        scale = struct.unpack("<f", struct.pack("<I", int(bits, 16)))[0]
        if not 0 <= scale < float("inf"):
            raise UserError("line {} of the calibration cache has the scale {}".format(number, scale))
        scales[name] = scale
    return CalibrationCache(int(header.group(1)), header.group(2), scales)


def read_ranges(path: str) -> Ranges:
    """Read a bundle's ranges.json.

    Raises:
        UserError: it is missing, or not such a file.
    """
    missing = "{} is not a file; give the ranges.json of a bundle".format(path)
    ranges = read_json(path, missing, "export the bundle again")
    if not isinstance(ranges, dict) or not isinstance(ranges.get("amax"), dict):
        raise UserError("{} holds no ranges (`amax`); export the bundle again".format(path))
    schema = ranges.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= RANGES_SCHEMA:
        raise UserError(
            "{} has schema {!r} and this edgesynth reads up to {}; install a newer one, or export again".format(
                path, schema, RANGES_SCHEMA
            )
        )
    floating = ranges.get("floating_point", [])
    if not isinstance(floating, list) or not all(isinstance(name, str) for name in floating):
        raise UserError(
            "{} has {!r} as `floating_point`, which is no list of names; export the bundle again".format(path, floating)
        )
    return Ranges(ranges["amax"], tuple(floating))


def write_cache(ranges_path: str, cache_path: str, tensorrt: str) -> CalibrationCache:
    """Write the calibration cache of a bundle, whole or not at all.

    Args:
        ranges_path: the bundle's ranges.json.
        cache_path: the file to write; replaced if it is there.
        tensorrt: `tensorrt.__version__` on this board.

    Raises:
        UserError: see `read_ranges` and `cache_from_ranges`.
    """
    cache = cache_from_ranges(read_ranges(ranges_path).amax, tensorrt)
    folder = os.path.dirname(os.path.abspath(cache_path))
    handle, temporary = tempfile.mkstemp(prefix=".calibration-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(format_cache(cache))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # read by another user inside the container
        os.replace(temporary, cache_path)
    except BaseException:
        os.unlink(temporary)
        raise
    return cache
