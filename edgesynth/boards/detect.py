"""Which board this is: from the device tree, or inside a container, where that is masked, from what sysfs still shows.

In order: the device tree's module number and model; `/tmp/nv_jetson_model`, into which the host writes the model for a
container; the GPU's node together with the power rails, which no two boards of the table share but Orin Nano and NX.
JetPack 6 calls the GPU's node of an Orin `17000000.gpu` (its nvpmodel.conf), JetPack 7 that of Thor `gpu-gpc-0`.
"""

import glob
import os
import re
import subprocess
from typing import List, NamedTuple, Optional, Set, Tuple

from edgesynth.boards.board import Board, PowerMode
from edgesynth.boards.board_file import is_board_file, read_board
from edgesynth.boards.table import BOARDS, THIS_GPU, find_board, native_precisions
from edgesynth.children import end_of
from edgesynth.errors import UserError

_TREES = ("proc/device-tree", "sys/firmware/devicetree/base")
_HOST_MODEL = "tmp/nv_jetson_model"
_RELEASE = "etc/nv_tegra_release"
# What older L4T releases give as the model: "quill" is the code name of the TX2.
_OLD_MODELS = {"quill": "tx2", "jetson agx": "agx-xavier"}
_GPU_NODES = {
    "57000000.gpu": "tegra210",
    "17000000.gp10b": "tegra186",
    "17000000.gv11b": "tegra194",
    "17000000.ga10b": "tegra234",
    "17000000.gpu": "tegra234",
    "gpu-gpc-0": "tegra264",
}
_GPU_FOLDERS = ("sys/devices", "sys/class/devfreq", "sys/devices/platform", "sys/devices/platform/bus@0")
_LABELS = (
    "sys/bus/i2c/drivers/ina3221x/*/iio*device*/rail_name_*",
    "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in*_label",
    "sys/bus/i2c/drivers/ina238/*/hwmon/hwmon*/in1_label",
)
# rbonghi/jetson_stats, jetson_variables.py.
_JETPACKS = {
    "32.6.1": "4.6",
    "32.7.1": "4.6.1",
    "32.7.2": "4.6.2",
    "32.7.3": "4.6.3",
    "32.7.4": "4.6.4",
    "32.7.5": "4.6.5",
    "32.7.6": "4.6.6",
    "34.1.1": "5.0.1",
    "35.1.0": "5.0.2",
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "36.3.0": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",  # rbonghi/jetson_stats#666
    "38.2.0": "7.0",  # rbonghi/jetson_stats#698
}


class Detected(NamedTuple):
    """What was found.

    Attributes:
        board: the board; None if it is none of the table.
        model: what the machine calls itself; None if nothing says it.
        how: by what the board was told, or why it could not be.
        l4t: release of L4T, "32.7.1"; None on another system.
        jetpack: the JetPack of that release; None where the release is not in our list.
    """

    board: Optional[Board]
    model: Optional[str]
    how: str
    l4t: Optional[str]
    jetpack: Optional[str]


def detect_board(root: str = "/") -> Detected:
    """Which board this machine is.

    Args:
        root: folder that holds `proc`, `sys`, `etc` and `tmp`.
    """
    l4t = l4t_release(root)
    board, model, how = _from_tree(root) or _from_host(root) or _from_sysfs(root)
    return Detected(board, model, how, l4t, _JETPACKS.get(l4t or ""))


def l4t_release(root: str = "/") -> Optional[str]:
    """Release of L4T such as "32.7.1"; None on another system. Its BOARD field is left alone: it is unreliable."""
    text = _read(os.path.join(root, _RELEASE)) or ""
    match = re.match(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text)
    return "{}.{}".format(*match.groups()) if match else None


def this_gpu(root: str = "/", nvidia_smi: str = "nvidia-smi") -> Board:
    """The board that this machine is, or its NVIDIA GPU as a board.

    Args:
        root: see `detect_board`.
        nvidia_smi: the program that knows a PC's GPU.

    Raises:
        UserError: there is no GPU of NVIDIA here that could be asked.
    """
    detected = detect_board(root)
    if detected.board is not None:
        return detected.board
    command = [nvidia_smi, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        text = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode < 0:
            text = "nvidia-smi ended with {}".format(end_of(done.returncode))
    except (OSError, subprocess.TimeoutExpired) as error:
        text = str(error)
    match = re.match(r"(.+), *(\d+)\.(\d+), *(\d+)$", text.split("\n")[0])
    if not match:
        raise UserError(
            "{} names the GPU of this machine, and none can be asked here ({}; {}); choose from: {}".format(
                THIS_GPU, detected.how, text.split("\n")[0] or "nvidia-smi says nothing", _names()
            )
        )
    title, major, minor, mebibytes = match.groups()
    sm = (int(major), int(minor))
    native_fp16, native_int8 = native_precisions(sm)
    return Board(
        name=THIS_GPU,
        title=title,
        aliases=(),
        soc=None,
        modules=(),
        sm=sm,
        native_fp16=native_fp16,
        native_int8=native_int8,
        memory_gb=int(mebibytes) / 1024.0,
        cuda_cores=None,
        ops_per_cycle={},
        modes=(PowerMode("as it is set"),),
        rails=(),
        total_rails=(),
        tensorrt=(),
    )


def board_named(name: str, root: str = "/") -> Board:
    """A board by its name, `this-gpu` included, or one that a JSON file describes.

    Args:
        name: of a board, or a path that ends with `.json`.
        root: see `detect_board`.

    Raises:
        UserError: there is no such board or file, the file describes none, or there is no GPU here.
    """
    if is_board_file(name):
        return read_board(name)
    return this_gpu(root) if name.strip().lower().replace("_", "-") == THIS_GPU else find_board(name)


_Identified = Tuple[Optional[Board], Optional[str], str]


def _from_tree(root: str) -> Optional[_Identified]:
    for tree in _TREES:
        model = _read(os.path.join(root, tree, "model"))
        parts = [
            _read(os.path.join(root, tree, name)) or ""
            for name in ("nvidia,boardids", "nvidia,dtsfilename", "compatible")
        ]
        # boardids are written 3310:1000:..., file names and `compatible` p3310-1000.
        text = " ".join([re.sub(r"\b(\d{4}):(\d{4})", r"p\1-\2", parts[0])] + parts[1:])
        for board in BOARDS:
            for module in board.modules:
                if module in text:
                    return board, model, "module {} in the device tree".format(module)
        if model:
            return _from_model(model, "the device tree's model")
    return None


def _from_host(root: str) -> Optional[_Identified]:
    model = _read(os.path.join(root, _HOST_MODEL))
    return _from_model(model, "the model that the host wrote to /{}".format(_HOST_MODEL)) if model else None


def _from_model(model: str, how: str) -> _Identified:
    words = " ".join(re.split(r"[\s_-]+", model.lower()))
    if words in _OLD_MODELS:
        return find_board(_OLD_MODELS[words]), model, how
    # The longest title first: a "Jetson TX2 NX" is not a "Jetson TX2".
    for board in sorted(BOARDS, key=lambda board: -len(board.title)):
        if re.search(r"\b{}\b".format(board.title.lower()), words):
            return board, model, how
    return None, model, "{} is {!r}, which is no board of the table".format(how, model)


def _from_sysfs(root: str) -> _Identified:
    nodes = [name for folder in _GPU_FOLDERS for name in _list(os.path.join(root, folder)) if name in _GPU_NODES]
    if not nodes:
        return None, None, "no device tree of a Jetson, no /{} and no GPU node of one in sysfs".format(_HOST_MODEL)
    rails = _rails(root)
    fitting = [b for b in BOARDS if b.soc == _GPU_NODES[nodes[0]] and set(b.rails) <= rails]
    seen = "GPU node {} and power rails {}".format(nodes[0], ", ".join(sorted(rails)) or "none")
    if len(fitting) == 1:
        return fitting[0], None, seen
    return (
        None,
        None,
        "{} do not tell which board; on the host: cat /proc/device-tree/model > /{}, and mount it".format(
            seen, _HOST_MODEL
        ),
    )


def _rails(root: str) -> Set[str]:
    """Names of all rails that INA3221 sensors measure, in the layouts of L4T r32 and of hwmon."""
    paths = [path for label in _LABELS for path in glob.glob(os.path.join(glob.escape(root), label))]
    return {name for name in map(_read, paths) if name}


def _names() -> str:
    return ", ".join(board.name for board in BOARDS)


def _list(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read(path: str) -> Optional[str]:
    """A file's text without the zero bytes that end and part the strings of a device tree; None if it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return " ".join(file.read().replace("\0", " ").split()) or None
    except OSError:
        return None
