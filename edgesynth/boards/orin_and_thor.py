"""The boards of JetPack 5 to 7, Orin and Thor: part of the table of boards.

Sources, by the key in brackets, beside those of `table.py`:

    [brief]   NVIDIA Jetson AGX Orin Series technical brief: 2048 cores, 64 tensor cores, 170 sparse INT8 TOPS
    [rails]   NVIDIA Jetson Linux Developer Guide r36.4.3, "Software-Based Power Consumption Modeling": of AGX Orin,
              VIN_SYS_5V0 feeds the I/O and the DRAM, and the power of VDDQ_VDD2_1V8AO is also included in it
    [dts]     Linux, tegra234-p3701.dtsi and tegra234-p3767.dtsi: rails of AGX Orin, and of Orin Nano and NX
    [conf]    nvpmodel_p3767_0000_super.conf, _0001_super.conf and _0000.conf of L4T r36 and r35, in
              LineageOS/android_device_nvidia_concord: modes of the Orin NX and their caps
    [query]   deviceQuery of an Orin NX 16 GB: 8 multiprocessors, 1024 cores, 918 MHz
              (gist.github.com/atinfinity/8cede915acda05d0ff427c09604735dd)
    [igx]     NVIDIA IGX Thor user guide, "System Overview": the T5000 has a Blackwell GPU of 2560 cores; NVIDIA's
              forum, topic 356355: 20 multiprocessors of 128 cores
    [vin]     rbonghi/jetson_stats#900: an INA238 on Thor's carrier measures its input, VIN, which is the power of the
              whole system and taken in place of the module's rails
    [seen]    public scripts that measure on a Thor with L4T r38: modes MAXN, 120W, 90W and 70W have the ids 0 to 3;
              under jetson_clocks the devfreq `gpu-gpc-0` is at 1575 MHz and `bwmgr`, the memory, at 4266 MHz
    [recall]  NVIDIA's published figure, not checked against the page
"""

from edgesynth.boards.board import Board, PowerMode
from edgesynth.boards.jetpacks import JETPACK5, JETPACK6, JETPACK7, JETPACK7_2

# [dts]; that the others are parts of VDD_IN: [in] of `table.py`.
_NANO_RAILS = ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC")
_NANO_PARTS = {"VDD_CPU_GPU_CV": "VDD_IN", "VDD_SOC": "VDD_IN"}
# Half an AGX Orin: 8 multiprocessors [query] of four tensor cores.
_HALF_ORIN = {"fp32": 2048, "fp16": 32 * 512, "int8": 32 * 1024}

ORIN_NANO = Board(
    name="orin-nano",
    title="Jetson Orin Nano",
    aliases=("jetson-orin-nano",),
    soc="tegra234",
    modules=("p3767-0003", "p3767-0004", "p3767-0005"),  # [stats]: 8 GB, 4 GB, developer kit
    sm=(8, 7),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=True,  # [matrix]
    memory_gb=8,
    cuda_cores=1024,
    ops_per_cycle=dict(_HALF_ORIN),  # 40 sparse TOPS at 625 MHz
    # 625 MHz and 68 GB/s; from JetPack 6.1 on ("Super") 1020 MHz and 102 GB/s. Ids differ between JetPacks.
    modes=(PowerMode("MAXN_SUPER", None, 1020.0, 102.0), PowerMode("15W", None, 625.0, 68.0, 15.0)),
    rails=_NANO_RAILS,
    total_rails=("VDD_IN",),
    tensorrt=JETPACK5[1:] + JETPACK6,
    part_of=_NANO_PARTS,
)

ORIN_NX = Board(
    name="orin-nx",
    title="Jetson Orin NX",
    aliases=("jetson-orin-nx", "orin-nx-16gb"),
    soc="tegra234",
    modules=("p3767-0000",),  # [stats]
    sm=(8, 7),  # [query]
    native_fp16=True,  # [matrix]
    native_int8=True,  # [matrix]
    memory_gb=16,  # [stats]
    cuda_cores=1024,  # [query]
    ops_per_cycle=dict(_HALF_ORIN),
    # [conf], with the GPU's caps; MAXN_SUPER has none, and that of the 40 W mode is the highest that is named there.
    # MAXN is that of JetPack 5 and of 6 without "Super" [query]. In the modes of 15 and 10 W half of the GPU is off, so
    # that their clock tells nothing. Memory at 3199 MHz x 128 bits: [recall].
    modes=(
        PowerMode("MAXN_SUPER", None, 1173.0, 102.4),
        PowerMode("40W", 4, 1173.0, 102.4, 40.0),
        PowerMode("MAXN", None, 918.0, 102.4),
        PowerMode("25W", 3, 408.0, 102.4, 25.0),
        PowerMode("15W", 2, budget_w=15.0),
        PowerMode("10W", 1, budget_w=10.0),
    ),
    rails=_NANO_RAILS,
    total_rails=("VDD_IN",),
    tensorrt=JETPACK5[1:] + JETPACK6,
    part_of=_NANO_PARTS,
)

ORIN_NX_8GB = ORIN_NX._replace(
    name="orin-nx-8gb",
    title="Jetson Orin NX 8GB",
    aliases=("jetson-orin-nx-8gb",),
    modules=("p3767-0001",),  # [stats]
    memory_gb=8,  # [stats]
    # [conf], as above; its clock without "Super" has no source.
    modes=(
        PowerMode("MAXN_SUPER", None, 1173.0, 102.4),
        PowerMode("40W", 4, 1173.0, 102.4, 40.0),
        PowerMode("MAXN"),
        PowerMode("20W", 3, 408.0, 102.4, 20.0),
        PowerMode("15W", 2, budget_w=15.0),
        PowerMode("10W", 1, budget_w=10.0),
    ),
)

AGX_ORIN = Board(
    name="agx-orin",
    title="Jetson AGX Orin",
    aliases=("jetson-agx-orin", "orin", "jetson-orin", "orin-agx"),
    soc="tegra234",
    modules=("p3701-0000", "p3701-0004", "p3701-0005"),  # [stats]
    sm=(8, 7),  # [stats]
    native_fp16=True,  # [matrix]
    native_int8=True,  # [matrix]
    memory_gb=64,  # p3701-0004 has 32
    cuda_cores=2048,  # [brief]
    ops_per_cycle={
        "fp32": 4096,
        "fp16": 64 * 512,
        "int8": 64 * 1024,
    },  # 170 sparse, 85 dense INT8 TOPS at 1.3 GHz [brief]
    modes=(PowerMode("MAXN", 0, 1300.0, 204.8),),  # [brief], [recall]
    rails=("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"),  # [dts]
    total_rails=("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    tensorrt=JETPACK5 + JETPACK6 + JETPACK7_2,
    part_of={"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"},  # [rails]
)

AGX_THOR = Board(
    name="agx-thor",
    title="Jetson AGX Thor",
    aliases=("jetson-agx-thor", "thor", "jetson-thor", "thor-agx", "t5000", "jetson-t5000"),
    soc="tegra264",
    modules=("p3834-0008",),  # Linux, tegra264-p4071-0000+p3834-0008.dts, "Jetson AGX Thor Developer Kit"
    sm=(11, 0),  # [stats]
    native_fp16=True,  # tensor cores, as all since Volta
    native_int8=True,
    memory_gb=128,  # [recall]
    cuda_cores=2560,  # [igx]
    ops_per_cycle={"fp32": 5120, "fp16": None, "int8": None},  # no source for its dense FP16 and INT8
    # [seen]; that the memory has 256 bits: [recall]. The caps of the others have no source.
    modes=(
        PowerMode("MAXN", 0, 1575.0, 273.0),
        PowerMode("120W", 1, budget_w=120.0),
        PowerMode("90W", 2, budget_w=90.0),
        PowerMode("70W", 3, budget_w=70.0),
    ),
    rails=("VIN", "VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"),
    total_rails=("VIN",),  # [vin]
    tensorrt=JETPACK7 + JETPACK7_2,
    part_of=dict.fromkeys(("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"), "VIN"),  # [vin]
    total_scope="the whole board with its carrier",
)
