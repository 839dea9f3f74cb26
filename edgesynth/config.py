"""The configuration of a run: resolved, validated, versioned, kept as `config.toml`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from edgesynth.dependent_defaults import IN_WORDS, dependent_defaults
from edgesynth.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


MOST_BYTES = 1 << 20

# Fields that are no options: edgesynth alone sets them.
INTERNAL = ("schema_version", "board_facts", "vector_floats")

# Options of `edgesynth evolve` that do not change what is bred.
OF_THE_CALL = (
    "run",
    "config",
    "resume",
    "json",
    "executor",
    "ray_address",
    "gpus_per_offspring",
    "docker",
    "remote_python",
    "verbose",
    "quiet",
    "debug",
    "help_all",
)
AUTO = "auto"
MOST = (1 << 63) - 1  # of a count
SEAL = "sha256"  # of the content of a run's config.toml; a user's file needs none


SHARE = re.compile(r"[0-9]*\.?[0-9]+x")
OwnClass = Annotated[str, Field(pattern="^[^:]+:[^:]+$")]  # package.module:Class


class Config(BaseModel):
    """Everything that an individual is a function of, besides its parents and its place.

    Each field stands for the option of the same name on the command line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[2] = 2
    ancestor: str = Field("lenet5", description="network to start from")
    task: str = Field("digits", description="data, loss and metric")
    weights: Path | None = Field(
        None,
        description="tensors that the ancestor starts from: .safetensors, .pth, or torchvision for what it trained of "
        "this network (unset: drawn by chance)",
    )
    data_root: Path | None = Field(None, description="folder of the task's data")
    image_size: int = Field(64, ge=1, le=16384, description="side that tasks of files bring their images to, pixels")
    class_weights: Literal["none", "median-frequency"] = Field(
        "none", description="classification, segmentation, saliency: how classes weigh in the loss"
    )
    generations: int = Field(6, ge=1, le=999, description="generations to breed at most")
    offspring: int = Field(
        2, ge=1, le=99, description="offspring a generation; the best by validation is the next parent"
    )
    strategy: Literal["heredity", "generative"] = Field(
        "heredity",
        description="offspring drawn from their parent's DNA, or (experimental) from a generator that an inquisitor "
        "moves",
    )
    search: Literal["inquisitor", "random", "cross-entropy"] = Field(
        "inquisitor", description="generative: what moves the generator (the last two are controls)"
    )
    probes: int = Field(8, ge=2, le=999, description="generative: networks generated and scored a generation")
    probe_epochs: int = Field(1, ge=0, le=10000, description="generative: epochs of a generated network's nurture")
    encoding: Literal["synapse", "cluster"] = Field("cluster", description="what the DNA speaks of")
    environment: Literal["faithful", "calibrated"] = Field(
        "calibrated",
        description="the papers' rule (with --strength magnitude, norm or random), or solved for --keep",
    )
    strength: Literal["magnitude", "norm", "lamp", "fisher", "taylor", "random"] | OwnClass = Field(
        "fisher", description="what makes a synapse strong (a class of your own: package.module:Class)"
    )
    normalizer: Literal["max", "percentile"] = Field(
        "max", description="magnitude and norm: strength counts against a layer's largest, or its 99.9th percentile"
    )
    allocation: Literal["strength", "macs", "params", "budgets", "shape"] = Field(
        "strength",
        description="clusters compete by strength alone, or for each MAC, parameter or share of the budgets that dies "
        "with them; or an integer program chooses how many each layer keeps (shape)",
    )
    branches: bool = Field(False, description="shape: whether whole branches can die, such as residual ones")
    # Where no shape is chosen it has no effect, and stays what runs of before have.
    round_to: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        8, description="shape: widths are multiples of this, 1 to 256, or auto: of what the engine likes"
    )
    vector_floats: int | None = Field(
        None, ge=1, description="floats in a vector of the processor that the run was begun on, where widths go by them"
    )
    temperature: float = Field(
        0.1, gt=0, le=10, description="calibrated draws: lower is closer to keeping the strongest"
    )
    variation: float = Field(
        0.0,
        ge=0,
        le=10,
        description="how much the environments of siblings differ in the layers that they favor: standard deviation "
        "of a factor's logarithm (0: all are alike)",
    )
    keep: float = Field(
        0.5,
        gt=0,
        le=1,
        description="calibrated: share of synapses expected to survive a generation (1: they die with their clusters "
        "alone); faithful: the factor F (1: likewise)",
    )
    keep_clusters: float | None = Field(
        None,
        gt=0,
        le=1,
        description="the same for clusters; 1: none is drawn (unset: calibrated, the square root of keep; faithful, "
        "keep)",
    )
    parents: int = Field(1, ge=1, le=5, description="parents of an offspring: the best of the previous generation")
    mating: Literal["intersection", "quorum"] = Field(
        "quorum", description="what several parents pass on: what all of them have, or a share of them"
    )
    quorum: float = Field(0.6, gt=0, le=1, description="share of the parents that must have a cluster or synapse")
    selection: Literal["validation", "pareto"] = Field(
        "validation", description="next parents: the most accurate, or by Pareto fronts of accuracy and size"
    )
    proxy_epochs: int = Field(
        0, ge=0, le=10000, description="epochs of a first, short nurture; the best of it get the full one (0: all do)"
    )
    survivors: int = Field(1, ge=1, le=99, description="offspring that get the full nurture after the short one")
    patience: int = Field(
        0, ge=0, le=9, description="times that a generation below the floor is drawn again, each time milder"
    )
    precision: Literal["fp32", "fp16", "int8", "int7", "int6", "int5", "int4", "int3", "int2"] = Field(
        "fp32", description="of synapses and activations in every layer of an offspring"
    )
    layer_precision: str | None = Field(
        None, description="the same for single layers, such as conv1=int8,fc1=int4; they go before --precision"
    )
    precision_at: Literal["start", "end"] = Field(
        "start", description="trained at that precision in every generation, or rounded when the last is trained"
    )
    min_accuracy: float | None = Field(
        None,
        ge=0,
        le=100,
        description="floor on the validation metric (accuracy, F-beta, ...), percent; unset: by --max-loss",
    )
    max_loss: float | None = Field(
        None, ge=0, le=100, description="the same floor as points below the ancestor's (unset: 1)"
    )
    objective: Literal["budgets", "latency"] = Field(
        "budgets",
        description="what generations are bred for: to meet the budgets, or to be the fastest that keeps the floor of "
        "accuracy; then each is faster, by --keep-clusters, until the floor breaks",
    )
    max_synapses: int | None = Field(
        None, ge=1, le=MOST, description="budget: stop when an individual has at most so many"
    )
    max_clusters: int | None = Field(
        None, ge=1, le=MOST, description="budget: stop when an individual has at most so many"
    )
    max_macs: int | None = Field(None, ge=1, le=MOST, description="budget: stop when an individual has at most so many")
    max_params: int | None = Field(
        None, ge=1, le=MOST, description="budget: stop when an individual has at most so many"
    )
    max_bytes: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="budget: stop when an individual has at most so many sparse_bytes, counted as float32 whatever "
        "--precision is",
    )
    board: str | None = Field(
        None,
        description="board whose latency and energy are predicted, such as tx2, or FILE.json; local: this machine's "
        "latency, from times of its layers (unset: nothing is predicted)",
    )
    board_facts: str | None = Field(None, description="what the FILE.json of --board held at the start, as JSON")
    board_precision: Literal["auto", "fp32", "fp16", "int8"] = Field(
        "auto",
        description="of the engine on the board, predicted and measured (int8 is calibrated on training images); "
        "auto: fp16 where the board has it by hardware, else fp32",
    )
    measure_on: str | None = Field(
        None,
        description="measure the feasible front of each generation: local, or ssh://user@host (unset: nothing is "
        "measured, budgets of latency and energy go by --board)",
    )
    measure_duration_s: float = Field(1.0, gt=0, le=3600, description="timed seconds of each of these measurements")
    speedup: float | None = Field(
        None,
        gt=1,
        le=1000,
        description="budget of latency as a ratio: the ancestor's, measured with --measure-on, else predicted, over "
        "this",
    )
    max_latency: str | None = Field(None, description="the same as a share of the ancestor's latency, such as 0.4x")
    max_latency_ms: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="budget: stop when an image takes at most so long, predicted for --board, or measured with "
        "--measure-on: by the worse end of the 95 % interval",
    )
    min_images_per_joule: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="budget: stop when a joule is enough for so many images, likewise"
    )
    opset: int = Field(
        13,
        ge=13,
        le=18,
        description="of the ONNX files that are measured and exported (TensorRT 8.2, of the TX1 and TX2, ends at 13)",
    )
    ancestor_epochs: int = Field(20, ge=0, le=10000, description="epochs of the ancestor's training")
    epochs: int = Field(4, ge=0, le=10000, description="epochs of an offspring's nurture")
    final_epochs: int = Field(
        12, ge=0, le=10000, description="epochs where every budget is met, or of the last generation"
    )
    batch_size: int = Field(128, ge=1, le=1 << 20, description="images a step")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="AdamW's rate at the start of a cosine")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="AdamW's decoupled weight decay")
    distillation: float = Field(0.5, ge=0, le=1, description="the ancestor's share of an offspring's loss; 0: untaught")
    distillation_temperature: float = Field(4.0, gt=0, le=100, description="softens what the ancestor teaches")
    feature_distillation: float = Field(
        0.0, ge=0, le=100, description="weight of the distance to the ancestor's features in an offspring's loss"
    )
    ema: float = Field(0.0, ge=0, lt=1, description="decay a step of an average of weights that is kept; 0: the last")
    inheritance: Literal["heritable", "rewound", "newborn"] = Field(
        "heritable", description="weights to begin with: the parent's, the ancestor's of early training, or fresh ones"
    )
    final_inheritance: Literal["heritable", "rewound", "newborn"] | None = Field(
        None,
        description="the same for an offspring that meets every budget or is of the last generation (unset: alike)",
    )
    reestimate: bool = Field(True, description="measure running statistics of normalization anew after synthesis")
    stress: Literal["none", "synapses", "clusters", "both", "decay"] = Field(
        "none", description="what is weakened while a coming parent is nurtured; decay is the control"
    )
    stress_factor: float = Field(0.8, gt=0, lt=1, description="what stress multiplies weights by in the end")
    stress_tail: float = Field(0.15, ge=0, lt=1, description="share of a nurture without stress at its end")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train; auto: a GPU if there is one")
    autocast: Literal["auto", "none", "bf16"] = Field(
        "auto", description="number format of layers in training; auto: bf16 where it pays"
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="CPU threads for each individual; its last bits depend on them (unset: torch's)",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="source of every random draw")

    @model_validator(mode="before")
    @classmethod
    def _with_dependent_defaults(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {**dependent_defaults(given), **given}

    @field_validator("max_latency")
    @classmethod
    def _is_share(cls, text: str | None) -> str | None:
        if text is not None and not (SHARE.fullmatch(text) and 0 < float(text[:-1]) < 1):
            raise ValueError(
                "it must be a share of the ancestor's latency, above 0 and below 1, followed by x; milliseconds are "
                "given by --max-latency-ms"
            )
        return text

    @property
    def latency_ratio(self) -> float | None:
        """The ancestor's latency over the most that is allowed, where the budget is given as a ratio to it."""
        if self.speedup is not None or self.max_latency is None:
            return self.speedup
        return 1 / float(self.max_latency[:-1])

    @property
    def share_of_clusters(self) -> float:
        """Share of its clusters that a generation is to keep."""
        return self.keep**0.5 if self.keep_clusters is None else self.keep_clusters

    @property
    def rewinds(self) -> bool:
        """Whether some offspring begin with the ancestor's weights of early training."""
        return "rewound" in (self.inheritance, self.final_inheritance)

    def to_toml(self) -> str:
        """TOML text; what is unset is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def default_of(name: str) -> Any:
    """The default of an option as its help says it; None where it has none."""
    return IN_WORDS.get(name, Config.model_fields[name].default)


def resolve(config_file: Path | None, given: dict[str, Any], begun: Config | None = None) -> Config:
    """Defaults, overlaid by the file, overlaid by what was given on the command line.

    The file may be the config.toml of a run, edited or not: its sha256 is no option.

    Args:
        config_file: the file.
        given: {option: value}, as on the command line.
        begun: configuration of the run that is resumed: defaults that depend on other options stay what they were.

    Raises:
        UserError: the file cannot be read, a name is unknown or a value is out of its range.
    """
    read = _read(config_file) if config_file else {}
    kept = {} if begun is None else {name: getattr(begun, name) for name in (*IN_WORDS, "vector_floats")}
    source = {**kept, **{name: value for name, value in read.items() if name != SEAL}, **given}
    if "board" in given and "board_facts" not in given:
        source.pop("board_facts", None)  # those of another board
    try:
        config = Config(**source)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        option = f"--{name.replace('_', '-')}"
        if first["type"] == "extra_forbidden":
            raise UserError(f"{config_file} sets {name!r}, which is {_not_of_a_run(name)}") from None
        if name == "schema_version":
            raise UserError(
                f"{config_file or 'the configuration'} has schema_version {first['input']} and this edgesynth reads "
                f"{Config.model_fields[name].default}; leave it out, or use the edgesynth that wrote it"
            ) from None
        where = f"{config_file}: " if config_file and name in read and name not in given else ""
        raise UserError(f"{where}{option} is {first['input']}; {_allowed(name, first['msg'])}") from None
    _check_text(config)
    return config


def _check_text(config: Config) -> None:
    """Refuse texts and paths that are not UTF-8, which TOML cannot hold."""
    for name, value in config:
        if isinstance(value, (str, Path)) and (text := str(value)) != text.encode(errors="replace").decode():
            raise UserError(
                f"--{name.replace('_', '-')} is {text.encode(errors='backslashreplace').decode()}, a name that is not "
                "UTF-8; rename it, or give a link to it that is"
            )


def _not_of_a_run(name: str) -> str:
    """Why a name is no field, and what to do about it."""
    if name in OF_THE_CALL:
        return f"no part of a run; give --{name.replace('_', '-')} on the command line"
    options = (option for option in Config.model_fields if option not in INTERNAL)
    return f"not an option; the options are {', '.join(options)}"


def _allowed(name: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    text = text[0].lower() + text[1:]
    description = Config.model_fields[name].description
    return f"{text.replace('input should', 'it must')} (default {default_of(name)}: {description})"


def _read(path: Path) -> dict[str, Any]:
    try:
        # A FIFO would be waited for, and a device never ends; no configuration is large.
        if path.exists() and not path.is_file():
            raise UserError(f"--config {path} cannot be read: it is no file")
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise UserError(f"--config {path} has {path.stat().st_size:,} bytes; a configuration has a few thousand")
        return parse_toml(path.read_bytes())
    except OSError as error:
        raise UserError(f"--config {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"--config {path} is not TOML: {error}") from None


def names_in(config_file: Path) -> set[str]:
    """Names of the options that a file sets.

    Raises:
        UserError: the file cannot be read.
    """
    return set(_read(config_file))


def parse_toml(content: bytes) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
        ValueError: it is none.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class EvolveOptions(TypedDict, total=False):
    """The fields of `Config` as types of keywords, so that a type checker refuses an option that is misspelt.

    A test holds them to be the same. Text is enough for a path.
    """

    weights: str | Path | None
    data_root: str | Path | None
    image_size: int
    class_weights: Literal["none", "median-frequency"]
    generations: int
    offspring: int
    strategy: Literal["heredity", "generative"]
    search: Literal["inquisitor", "random", "cross-entropy"]
    probes: int
    probe_epochs: int
    encoding: Literal["synapse", "cluster"]
    environment: Literal["faithful", "calibrated"]
    strength: Literal["magnitude", "norm", "lamp", "fisher", "taylor", "random"] | str
    normalizer: Literal["max", "percentile"]
    allocation: Literal["strength", "macs", "params", "budgets", "shape"]
    branches: bool
    round_to: int | Literal["auto"]
    temperature: float
    variation: float
    keep: float
    keep_clusters: float | None
    parents: int
    mating: Literal["intersection", "quorum"]
    quorum: float
    selection: Literal["validation", "pareto"]
    proxy_epochs: int
    survivors: int
    patience: int
    precision: Literal["fp32", "fp16", "int8", "int7", "int6", "int5", "int4", "int3", "int2"]
    layer_precision: str | None
    precision_at: Literal["start", "end"]
    min_accuracy: float | None
    max_loss: float | None
    objective: Literal["budgets", "latency"]
    max_synapses: int | None
    max_clusters: int | None
    max_macs: int | None
    max_params: int | None
    max_bytes: int | None
    board: str | None
    board_precision: Literal["auto", "fp32", "fp16", "int8"]
    measure_on: str | None
    measure_duration_s: float
    speedup: float | None
    max_latency: str | None
    max_latency_ms: float | None
    min_images_per_joule: float | None
    opset: int
    ancestor_epochs: int
    epochs: int
    final_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    distillation: float
    distillation_temperature: float
    feature_distillation: float
    ema: float
    inheritance: Literal["heritable", "rewound", "newborn"]
    final_inheritance: Literal["heritable", "rewound", "newborn"] | None
    reestimate: bool
    stress: Literal["none", "synapses", "clusters", "both", "decay"]
    stress_factor: float
    stress_tail: float
    device: Literal["auto", "cpu", "cuda"]
    autocast: Literal["auto", "none", "bf16"]
    threads: int | None
    seed: int
