"""The table of boards; Orin and Thor are in `orin_and_thor.py`.

A figure without a comment of its own is covered by the comment above its group.

Sources, by the key in brackets:

    [stats]   rbonghi/jetson_stats, jetson_variables.py: modules, their memory, SoC, compute capability, JetPack of L4T
    [nvp]     nvpmodel.conf of the TX2 (L4T r32) and NVIDIA's tables of power modes in the L4T development guide
    [ck]      dividiti/ck-caffe-nvidia-tx1: clocks and bandwidth of the TX1 that was measured there
    [bench]   NVIDIA-AI-IOT/jetson_benchmarks: clocks of the Nano
    [dts]     device trees and the ina3221 driver of L4T r32; kernel documentation of hwmon/ina3221 for JetPack 5 and 6
    [in]      VDD_IN is the power of the whole module, and the other rails are parts of it: NVIDIA in its forum, topic
              200883 (Xavier NX); POM_5V_IN likewise: topic 73608, quoted in rbonghi/jetson_stats#51
    [6rails]  Jetson AGX Xavier design guide DG-09840-001, figure 5-14: GPU, CPU, SOC, CV and VDDRQ are measured at the
              input SYS_VIN_HV and SYS5V at the other one, SYS_VIN_MV, so that none is part of another
    [setup]   dusty-nv/jetson-containers, docs/setup.md: JetPack 4 on TX1, TX2, Nano; 5 on Xavier; 6 on Orin
    [nx]      NVIDIA DA-09366-001, data sheet of the Jetson Xavier NX
    [matrix]  NVIDIA TensorRT support matrix, "hardware and precision"
    [volta]   NVIDIA's figures for the AGX Xavier's GPU: 512 cores, 64 tensor cores, 11 TFLOPS FP16, 22 TOPS INT8; hence
              64 FP16 and 128 INT8 multiply-adds per tensor core and clock
    [recall]  NVIDIA's published figure, not checked against the page

FP32 operations per clock are 2 x CUDA cores; FP16 without tensor cores is twice that on sm_53 and sm_62 [matrix].
"""

from typing import Optional, Tuple

from edgesynth.boards.board import Board, PowerMode
from edgesynth.boards.jetpacks import JETPACK4, JETPACK5
from edgesynth.boards.orin_and_thor import AGX_ORIN, AGX_THOR, ORIN_NANO, ORIN_NX, ORIN_NX_8GB
from edgesynth.errors import UserError

TX1 = Board(
    name="tx1",
    title="Jetson TX1",
    aliases=("jetson-tx1",),
    soc="tegra210",
    modules=("p2180-1000",),  # [stats]
    sm=(5, 3),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=False,  # [matrix]: the GPU has no DP4A
    memory_gb=4,  # [setup]
    cuda_cores=256,
    ops_per_cycle={"fp32": 512, "fp16": 1024, "int8": None},
    # No table of the TX1's modes was found: it is run at its maximum, by jetson_clocks. [ck]
    modes=(PowerMode("MAXN", None, 998.4, 25.6),),
    rails=("VDD_IN", "VDD_GPU", "VDD_CPU"),  # [dts]
    total_rails=("VDD_IN",),
    tensorrt=JETPACK4,  # [stats], [setup]
    part_of={"VDD_GPU": "VDD_IN", "VDD_CPU": "VDD_IN"},  # [in]
)

TX2 = Board(
    name="tx2",
    title="Jetson TX2",
    aliases=("jetson-tx2", "tx2i", "tx2-4gb"),
    soc="tegra186",
    modules=("p3310-1000", "p3489-0000", "p3489-0888"),  # [stats]: TX2, TX2i, TX2 4GB
    sm=(6, 2),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=False,  # [matrix]; platform_has_fast_int8 is False there (wang-xinyu/tensorrtx#831)
    memory_gb=8,  # huggingface.co/hardware/jetson-tx2; the TX2 4GB has half
    cuda_cores=256,
    ops_per_cycle={"fp32": 512, "fp16": 1024, "int8": None},
    # Clocks [nvp], with the GPU's caps of 1120 and 850 MHz at the steps that exist, 1122 and 854 MHz; budgets of 15 and
    # 7.5 W: NVIDIA DRIVE docs. Bandwidth: 128 bits x 2 x EMC clock (uncapped, 1600 MHz or 1331.2 MHz).
    modes=(
        PowerMode("MAXN", 0, 1300.5, 59.7),
        PowerMode("MAXP_CORE_ALL", 2, 1122.0, 51.2, 15.0),
        PowerMode("MAXP_CORE_ARM", 3, 1122.0, 51.2, 15.0),
        PowerMode("MAXP_CORE_DENVER", 4, 1122.0, 51.2, 15.0),
        PowerMode("MAXQ", 1, 854.0, 42.6, 7.5),
    ),
    rails=("VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI", "VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR"),  # [dts]
    total_rails=("VDD_IN",),
    tensorrt=JETPACK4,
    part_of=dict.fromkeys(
        ("VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI", "VDD_SYS_CPU", "VDD_SYS_DDR"), "VDD_IN"
    ),  # [in]
)

TX2_NX = Board(
    name="tx2-nx",
    title="Jetson TX2 NX",
    aliases=("jetson-tx2-nx", "tx2nx"),
    soc="tegra186",
    modules=("p3636-0001",),  # [stats]
    sm=(6, 2),  # [stats]
    native_fp16=True,  # the TX2's GPU
    native_int8=False,
    memory_gb=None,
    cuda_cores=256,
    ops_per_cycle={"fp32": 512, "fp16": 1024, "int8": None},
    modes=(PowerMode("MAXN"),),  # no source for its clocks
    rails=("VDD_IN", "VDD_CPU_GPU", "VDD_SOC"),  # [dts]
    total_rails=("VDD_IN",),
    tensorrt=JETPACK4,
    part_of={"VDD_CPU_GPU": "VDD_IN", "VDD_SOC": "VDD_IN"},  # [in]
)

NANO = Board(
    name="nano",
    title="Jetson Nano",
    aliases=("jetson-nano",),
    soc="tegra210",
    modules=("p3448-0000", "p3448-0002", "p3448-0003"),  # [stats]; 0003 is the 2 GB kit, without power sensor
    sm=(5, 3),  # [stats]
    native_fp16=True,  # the TX1's GPU, halved
    native_int8=False,
    memory_gb=4,  # [stats]
    cuda_cores=128,
    ops_per_cycle={"fp32": 256, "fp16": 512, "int8": None},
    # NVIDIA's table of the Nano's modes: 921.6 and 640 MHz [bench], memory at 1600 MHz in both.
    modes=(PowerMode("MAXN", 0, 921.6, 25.6, 10.0), PowerMode("5W", 1, 640.0, 25.6, 5.0)),
    rails=("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"),  # [dts]
    total_rails=("POM_5V_IN",),
    tensorrt=JETPACK4,
    part_of={"POM_5V_GPU": "POM_5V_IN", "POM_5V_CPU": "POM_5V_IN"},  # [in]
)

XAVIER_NX = Board(
    name="xavier-nx",
    title="Jetson Xavier NX",
    aliases=("jetson-xavier-nx",),
    soc="tegra194",
    modules=("p3668-0000", "p3668-0001", "p3668-0003"),  # [stats]
    sm=(7, 2),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=True,  # [matrix]
    memory_gb=8,  # [nx]; p3668-0003 has 16
    cuda_cores=384,  # [nx]
    ops_per_cycle={
        "fp32": 768,
        "fp16": 48 * 128,
        "int8": 48 * 256,
    },  # 48 tensor cores [nx], [volta]; INT8 at twice FP16
    # GPU and memory of the 15 W mode: its nvpmodel.conf (1109.25 MHz; EMC 1600 MHz x 128 bits [nx]).
    modes=(PowerMode("MODE_15W_2CORE", 0, 1109.25, 51.2, 15.0),),
    rails=("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"),  # [dts]
    total_rails=("VDD_IN",),
    tensorrt=JETPACK4 + JETPACK5,  # [setup]
    part_of={"VDD_CPU_GPU_CV": "VDD_IN", "VDD_SOC": "VDD_IN"},  # [in]
)

AGX_XAVIER = Board(
    name="agx-xavier",
    title="Jetson AGX Xavier",
    aliases=("jetson-agx-xavier", "xavier", "jetson-xavier", "xavier-agx"),
    soc="tegra194",
    modules=("p2888-0001", "p2888-0003", "p2888-0004", "p2888-0005", "p2888-0006", "p2888-0008"),  # [stats]
    sm=(7, 2),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=True,  # [matrix]
    memory_gb=32,  # [stats]: p2888-0003 and -0004; others have 8, 16 and 64
    cuda_cores=512,  # deviceQuery of the board
    ops_per_cycle={"fp32": 1024, "fp16": 64 * 128, "int8": 64 * 256},  # [volta]
    # Names and budgets: jetsonhacks.com, 2018/10/07. 1377 MHz: its nvpmodel.conf; 137 GB/s: [recall].
    modes=(
        PowerMode("MAXN", 0, 1377.0, 137.0),
        PowerMode("MODE_30W_ALL", 3, budget_w=30.0),
        PowerMode("MODE_15W", 2, budget_w=15.0),
        PowerMode("MODE_10W", 1, budget_w=10.0),
    ),
    rails=("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # [dts]
    total_rails=("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # [6rails]: it does not measure its input
    tensorrt=JETPACK4 + JETPACK5,  # [setup]
)

BOARDS = (
    TX1,
    TX2,
    TX2_NX,
    NANO,
    XAVIER_NX,
    AGX_XAVIER,
    ORIN_NANO,
    ORIN_NX,
    ORIN_NX_8GB,
    AGX_ORIN,
    AGX_THOR,
)
THIS_GPU = "this-gpu"


def find_board(name: str) -> Board:
    """A board of the table by its name or an alias, in any case, with `_` or blanks for `-`.

    Raises:
        UserError: there is no such board.
    """
    wanted = "-".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
    for board in BOARDS:
        if wanted == board.name or wanted in board.aliases:
            return board
    raise UserError(
        "there is no board {!r}; choose from: {}, or {} for the GPU of this machine, or give a FILE.json".format(
            name, ", ".join(board.name for board in BOARDS), THIS_GPU
        )
    )


def native_precisions(sm: Tuple[int, int]) -> Tuple[Optional[bool], Optional[bool]]:
    """Whether a GPU has (FP16, INT8) by hardware, from its compute capability [matrix]; None where that is unknown."""
    if sm >= (7, 0):
        return True, True
    return {(5, 3): (True, False), (6, 0): (True, False), (6, 1): (False, True), (6, 2): (True, False)}.get(
        sm, (None, None)
    )
