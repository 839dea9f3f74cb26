"""Open what is to be measured: a bundle folder, every file checked against its sha256, or a bare ONNX file.

A bundle is the folder that `edgesynth export` writes. Its manifest says which model serves which precision; `Target` is
what the rest of the package sees, so that nothing else asks whether it came from a bundle or from a bare file.
"""

import hashlib
import os
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

from edgesynth.benchmark.bundle.groups import Group, read_groups
from edgesynth.benchmark.bundle.samples import NoSamples, Samples, read_samples
from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json, unsealed
from edgesynth.files.onnx_external import check_external_files
from edgesynth.files.path_within import path_within

# 2 adds to each model its batch, where its external data lie, and its figures on the samples; 3 names the layers that
# stay in FP32, and keeps samples as pixels. Both before are read as well.
SCHEMA = 3
MANIFEST = "manifest.json"
SAMPLES = "samples.npz"
LAYERS = "layers.npz"
RANGES = "ranges.json"
AS_IS = "as-is"
KEPT = "kept_in_fp32"  # of the manifest: the layers that FP16 cannot compute, each with its name, operator and reason
# Stand for the plain model with the bundle's ranges, or with its calibration images, where a key of the manifest stands
# for a model.
CALIBRATED = "fp32 with ranges.json"
SAMPLED = "fp32 with samples.npz"
_EXTRA = {CALIBRATED: RANGES, SAMPLED: SAMPLES}

_JSON_NAMES: Dict[type, str] = {dict: "object", list: "list", str: "text"}


class Model(NamedTuple):
    """One model file.

    Attributes:
        path: where it lies.
        dialect: how its precision is written ("plain", "tensorrt", "onnxruntime-cpu"), None for a bare file.
        size_bytes: its size.
        ranges: the ranges.json to quantize it by; None where its own types decide, or there is none.
        samples: the samples.npz to calibrate it on; of `ranges`, its list of layers alone counts then.
        exact_on: the processors on which ONNX Runtime computes it exactly ("any", "vnni"); None where that is not said.
    """

    path: str
    dialect: Optional[str]
    size_bytes: int
    ranges: Optional[str] = None
    samples: Optional[str] = None
    exact_on: Optional[str] = None

    @property
    def file(self) -> str:
        """The file's name without its folder."""
        return os.path.basename(self.path)


class Target(NamedTuple):
    """What is measured.

    Attributes:
        path: the bundle's folder or the ONNX file.
        individual: the individual's name, None for a bare file.
        models: model of each key of the manifest ("fp32", "int8", "int8-cpu"), or of the one precision of a bare file.
        input_shape: (C, H, W) without batch; None for a bare file, whose own header says it.
        samples: labeled samples, or a `NoSamples` that says why there are none.
        manifest: the manifest as read; empty for a bare file.
        batch: images per run that the bundle's models are fixed to; None if free, or told by a bare file's own header.
    """

    path: str
    individual: Optional[str]
    models: Dict[str, Model]
    input_shape: Optional[Tuple[int, ...]]
    samples: Union[Samples, NoSamples]
    manifest: Dict[str, Any]
    batch: Optional[int] = None

    @property
    def is_bundle(self) -> bool:
        """Whether it came with a manifest."""
        return bool(self.manifest)

    def model(self, key: str) -> Optional[Model]:
        """The model of a key of the manifest, or of `CALIBRATED` or `SAMPLED`; None if there is none."""
        if key not in _EXTRA:
            return self.models.get(key)
        file = _EXTRA[key]
        if "fp32" not in self.models or file not in self.manifest.get("files", {}):
            return None
        plain = self.models["fp32"]._replace(ranges=self.ranges)
        return plain if key == CALIBRATED else plain._replace(samples=os.path.join(self.path, file))

    @property
    def forms(self) -> Dict[str, str]:
        """Path of the model of each key; a bare file, which is one form, is "fp32" whatever its nodes say."""
        return {key if self.is_bundle else "fp32": model.path for key, model in self.models.items()}

    @property
    def ranges(self) -> Optional[str]:
        """Path of ranges.json, by which a plain file is quantized; None if there is none."""
        file = _EXTRA[CALIBRATED]
        return os.path.join(self.path, file) if file in self.manifest.get("files", {}) else None

    @property
    def kept_in_fp32(self) -> Tuple[str, ...]:
        """Names of the nodes that FP16 cannot compute, in whichever model; none where export has not looked."""
        return tuple(layer["layer"] for layer in self.manifest.get(KEPT, ()))

    @property
    def groups(self) -> Tuple[Group, ...]:
        """Cluster groups of the bundle's network; none of a bare file, or where an older export wrote none."""
        return read_groups(self.manifest)

    @property
    def name(self) -> str:
        """The last part of the path: results hold no folder of the machine they were made on."""
        return os.path.basename(os.path.abspath(self.path))


def open_target(path: str, samples: bool = True) -> Target:
    """Open a bundle folder or a bare `.onnx` file.

    Args:
        path: the folder or the file.
        samples: see `open_bundle`.

    Returns:
        The target; of a bundle, every file has been checked against its sha256.

    Raises:
        UserError: the path does not exist, or is neither of the two, or the bundle is damaged.
    """
    check_target(path)
    return open_bundle(path, samples) if os.path.isdir(path) else open_bare_model(path)


def check_target(path: str) -> None:
    """Refuse a path that is neither a bundle nor an ONNX file, without opening it.

    Args:
        path: the folder or the file.

    Raises:
        UserError: the path does not exist, or is neither a folder nor an `.onnx` file.
    """
    if not os.path.exists(path):
        raise UserError(
            "{} does not exist; give the folder that `edgesynth export` wrote, or an .onnx file".format(path)
        )
    if not os.path.isdir(path) and not path.lower().endswith(".onnx"):
        raise UserError("{} is neither a bundle's folder nor an .onnx file; give one of the two".format(path))


def open_bare_model(path: str) -> Target:
    """Open an ONNX file that has no bundle around it.

    Args:
        path: the file.

    Returns:
        A target with one model, under "fp32" or, if the file holds quantized operators, under "as-is".

    Raises:
        UserError: the file does not exist, is no ONNX file, or its weights lie outside of its folder or are missing.
    """
    if not os.path.isfile(path):
        raise UserError("{} is not a file; give an .onnx file".format(path))
    check_external_files(path)
    precision = AS_IS if is_quantized(path) else "fp32"
    return Target(
        path=path,
        individual=None,
        models={precision: Model(path, None, os.path.getsize(path))},
        input_shape=None,
        samples=NoSamples("{} is a bare ONNX file without labeled samples".format(os.path.basename(path))),
        manifest={},
    )


def open_bundle(path: str, samples: bool = True) -> Target:
    """Open a bundle and check every file that its manifest lists.

    Args:
        path: the bundle's folder.
        samples: read the samples and the sketches of layers; where nothing is run, neither is opened.

    Returns:
        The target.

    Raises:
        UserError: the manifest is absent, broken or too new, or a file is missing or not the one that was exported, or
            names a file outside of the bundle.
    """
    manifest = _read_manifest(path)
    for name, facts in sorted(manifest["files"].items()):
        if samples or name not in (SAMPLES, LAYERS):
            _verify(path, name, facts)
    models = {}
    for key, facts in manifest["models"].items():
        file = _field(path, facts, "models.{}.file".format(key), str)
        if file not in manifest["files"]:
            raise not_ours(path, "models.{} names {}, which `files` does not list".format(key, file))
        model_path = os.path.join(path, file)
        _check_weights(path, model_path, manifest)
        models[key] = Model(
            model_path, facts.get("dialect"), os.path.getsize(model_path), exact_on=facts.get("exact_on")
        )
    for layer in _field(path, manifest, KEPT, list) if KEPT in manifest else ():
        for name in ("layer", "op", "why"):
            _field(path, layer, "{}.{}".format(KEPT, name), str)
    try:
        read_groups(manifest)
    except ValueError as why:
        raise not_ours(path, str(why)) from None
    shape = _field(path, manifest["input"], "input.shape", list)
    if not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise not_ours(path, "input.shape is {}, not a list of sizes".format(shape))
    labeled: Union[Samples, NoSamples] = NoSamples("the bundle has no {}".format(SAMPLES))
    if SAMPLES in manifest["files"] and samples:
        metric = _field(path, _field(path, manifest, "task", dict), "task.metric", str)
        decoding = manifest["output"].get("decoding") if isinstance(manifest.get("output"), dict) else None
        labeled = read_samples(
            os.path.join(path, SAMPLES), tuple(shape), metric, decoding if isinstance(decoding, dict) else None
        )
    return Target(path, manifest.get("individual"), models, tuple(shape), labeled, manifest, _batch(path, manifest))


def sha256_of(path: str) -> str:
    """Hash a file.

    Args:
        path: the file.

    Returns:
        Its sha256 as 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def is_quantized(path: str) -> bool:
    """Whether a file holds quantized operators.

    Args:
        path: an ONNX file.
    """
    # Operator names stand in the file as plain bytes: no ONNX package is needed (the board has none).
    with open(path, "rb") as file:
        content = file.read()
    return any(mark in content for mark in (b"QuantizeLinear", b"DequantizeLinear", b"QLinear", b"ConvInteger"))


def _read_manifest(path: str) -> Dict[str, Any]:
    manifest_path = path_within(path, MANIFEST, path)
    missing = "{} is a folder without {}; give the folder that `edgesynth export` wrote, or an .onnx file"
    manifest = read_json(manifest_path, missing.format(path, MANIFEST), "export the bundle again")
    if not isinstance(manifest, dict):
        raise not_ours(path, "it is not a JSON object")
    schema = manifest.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise not_ours(path, "schema is {!r}".format(schema))
    if schema > SCHEMA:
        raise UserError(
            "{} has schema {} and this edgesynth reads up to {}; install a newer edgesynth here, "
            "or export with the version that is installed here".format(manifest_path, schema, SCHEMA)
        )
    manifest = unsealed(manifest, manifest_path, "export the bundle again or restore the file")
    for key in ("files", "models", "input"):
        _field(path, manifest, key, dict)
    return manifest


def _batch(path: str, manifest: Dict[str, Any]) -> Optional[int]:
    """The batch of the models, which one export fixes for all of them; None if free, as in schema 1."""
    batches = [facts.get("batch") for facts in manifest["models"].values()]
    batch = batches[0] if batches else None
    if any(other != batch for other in batches) or not (batch is None or (isinstance(batch, int) and batch > 0)):
        raise not_ours(path, "the models' batch is {}, not null or one number for all".format(batches))
    return batch


def _check_weights(path: str, model: str, manifest: Dict[str, Any]) -> None:
    """Refuse external weights of a model that the manifest does not list."""
    for weights_file in check_external_files(model):
        name = os.path.relpath(weights_file, os.path.abspath(path))
        if name not in manifest["files"]:
            raise not_ours(path, "{} keeps weights in {}, which `files` does not list".format(model, name))


def _verify(path: str, name: str, facts: Any) -> None:
    if name != os.path.basename(name) or name in ("", ".", ".."):
        raise not_ours(path, "files lists {!r}, which is not a plain file name".format(name))
    file = path_within(path, name, os.path.join(path, MANIFEST))
    expected = _field(path, facts, "files.{}.sha256".format(name), str)
    if not os.path.isfile(file):
        state = "no file" if os.path.exists(file) else "missing"
        raise UserError("{} is {} and the manifest lists it; export again or restore the file".format(file, state))
    if sha256_of(file) != expected:
        raise UserError(
            "{} is not the file that was exported: its sha256 differs from the manifest's; "
            "export again or restore the file".format(file)
        )


def _field(path: str, container: Any, name: str, kind: type) -> Any:
    """The field at the end of a dotted name, if it has the right kind."""
    key = name.split(".")[-1]
    if not isinstance(container, dict) or not isinstance(container.get(key), kind):
        raise not_ours(path, "{} is missing or no {}".format(name, _JSON_NAMES[kind]))
    return container[key]


def not_ours(path: str, why: str) -> UserError:
    """The error of a manifest that edgesynth did not write like this."""
    manifest = os.path.join(path, MANIFEST)
    return UserError("{} is not a manifest of edgesynth: {}; export the bundle again".format(manifest, why))
