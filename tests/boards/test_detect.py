import pytest

from edgesynth.boards.detect import board_named, detect_board, this_gpu
from edgesynth.errors import UserError


def found(machine):
    detected = detect_board(str(machine.root))
    return detected.board.name if detected.board else None


@pytest.mark.parametrize(
    ("model", "board"),
    [
        ("jetson_tx1", "tx1"),
        ("NVIDIA Jetson TX1 Developer Kit", "tx1"),
        ("quill", "tx2"),
        ("NVIDIA Jetson TX2 NX Developer Kit", "tx2-nx"),
        ("NVIDIA Jetson Nano Developer Kit", "nano"),
        ("Jetson-AGX", "agx-xavier"),
        ("NVIDIA Jetson Xavier NX Developer Kit", "xavier-nx"),
        ("NVIDIA Jetson Orin Nano Developer Kit Super", "orin-nano"),
        ("NVIDIA Jetson AGX Orin Developer Kit", "agx-orin"),
        ("NVIDIA Jetson Orin NX Engineering Reference", "orin-nx"),
        ("NVIDIA Jetson AGX Thor Developer Kit", "agx-thor"),
        ("NVIDIA Jetson T4000", None),
        ("Raspberry Pi 4 Model B Rev 1.4", None),
    ],
)
@pytest.mark.parametrize("folder", ["proc/device-tree", "sys/firmware/devicetree/base"])
def test_the_model_of_the_device_tree_tells_the_board(machine, model, board, folder):
    machine.tree(model, folder)
    assert found(machine) == board


def test_a_model_that_is_no_board_of_the_table_is_named(machine):
    machine.tree("NVIDIA Jetson T4000")
    machine.gpu("gpu-gpc-0", "sys/class/devfreq")
    detected = detect_board(str(machine.root))
    assert detected.board is None and "T4000" in detected.how and "no board of the table" in detected.how


def test_the_module_number_tells_an_orin_nx_of_8_gb_from_one_of_16(machine):
    machine.tree("NVIDIA Jetson Orin NX Engineering Reference", compatible=["nvidia,p3768-0000+p3767-0001"])
    assert found(machine) == "orin-nx-8gb"


@pytest.mark.parametrize(
    "entries",
    [
        {"nvidia,boardids": ["3310:1000:B02"]},
        {"nvidia,dtsfilename": ["/kernel-dts/tegra186-quill-p3310-1000-c03-00-base.dts"]},
        {"compatible": ["nvidia,p2597-0000+p3310-1000", "nvidia,tegra186"]},
    ],
)
def test_a_module_number_outweighs_the_model(machine, entries):
    machine.tree("storm", **entries)
    detected = detect_board(str(machine.root))
    assert detected.board.name == "tx2" and "p3310-1000" in detected.how


def test_the_release_names_the_jetpack_where_we_know_it(machine):
    machine.tree("quill")
    machine.release(32, "7.1")
    assert detect_board(str(machine.root))[3:] == ("32.7.1", "4.6.1")
    machine.release(36, "9.9")
    assert detect_board(str(machine.root))[3:] == ("36.9.9", None)


def test_in_a_container_the_model_that_the_host_wrote_tells_the_board(machine):
    machine.write("tmp/nv_jetson_model", "NVIDIA Jetson TX2 NX Developer Kit\0")
    machine.gpu("17000000.gp10b")
    detected = detect_board(str(machine.root))
    assert detected.board.name == "tx2-nx" and "host" in detected.how


def tx1(machine):
    machine.gpu("57000000.gpu", "sys/class/devfreq")
    machine.iio("1-0040", ["VDD_IN", "VDD_GPU", "VDD_CPU"])
    machine.iio("1-0042", ["VDD_MUX", "VDD_5V_IO_SYS", "VDD_3V3_SYS"])


def tx2(machine):
    machine.gpu("17000000.gp10b")
    machine.iio("0-0040", ["VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI"], "iio:device0")
    machine.iio("0-0041", ["VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR"], "iio:device1")


def tx2_nx(machine):
    machine.gpu("17000000.gp10b")
    machine.iio("0-0040", ["VDD_IN", "VDD_CPU_GPU", "VDD_SOC"], "iio:device0")


def nano(machine):
    machine.gpu("57000000.gpu")
    machine.iio("6-0040", ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"])


def xavier_nx(machine):
    machine.gpu("17000000.gv11b")
    machine.hwmon("7-0040", ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"])


def agx_xavier(machine):
    machine.gpu("17000000.gv11b")
    machine.hwmon("1-0040", ["GPU", "CPU", "SOC"])
    machine.hwmon("1-0041", ["CV", "VDDRQ", "SYS5V"])


def agx_orin(machine):
    machine.gpu("17000000.ga10b", "sys/devices/platform/bus@0")
    machine.hwmon("1-0040", ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"])
    machine.hwmon("1-0041", ["NC", "VDDQ_VDD2_1V8AO", "NC"])


def agx_thor(machine):
    machine.gpu("gpu-gpc-0", "sys/class/devfreq")
    machine.hwmon("2-0040", ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"])
    machine.hwmon("2-0044", ["VIN"], "ina238")


@pytest.mark.parametrize("build", [tx1, tx2, tx2_nx, nano, xavier_nx, agx_xavier, agx_orin, agx_thor])
def test_in_a_container_without_the_model_gpu_and_rails_tell_the_board(machine, build):
    build(machine)
    assert found(machine) == build.__name__.replace("_", "-")


@pytest.mark.parametrize("node", ["17000000.ga10b", "17000000.gpu"])  # of JetPack 5, of JetPack 6
def test_what_orin_nano_and_nx_share_is_not_guessed(machine, node):
    machine.gpu(node, "sys/devices/platform")
    machine.hwmon("1-0040", ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"])
    detected = detect_board(str(machine.root))
    assert detected.board is None and "/tmp/nv_jetson_model" in detected.how


def test_an_agx_orin_with_jetpack_6_is_told_by_its_rails(machine):
    machine.gpu("17000000.gpu", "sys/class/devfreq")
    machine.hwmon("1-0040", ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"])
    machine.hwmon("1-0041", ["NC", "VDDQ_VDD2_1V8AO", "NC"])
    assert found(machine) == "agx-orin"


def test_a_gpu_without_sensors_is_not_guessed_either(machine):
    machine.gpu("57000000.gpu")  # TX1, or a Nano of 2 GB
    assert found(machine) is None


def program(tmp_path, text):
    path = tmp_path / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("line", "sm", "fp16", "int8"),
    [
        ("NVIDIA H100 80GB HBM3, 9.0, 81559", "sm_90", True, True),
        ("Tesla P4, 6.1, 7611", "sm_61", False, True),
        ("GeForce GTX 980, 5.2, 4096", "sm_52", None, None),
    ],
)
def test_the_gpu_of_a_pc_is_asked_of_nvidia_smi(tmp_path, line, sm, fp16, int8):
    board = this_gpu(str(tmp_path), program(tmp_path, f"echo '{line}'"))
    assert (board.title, board.sm_name, board.native_fp16, board.native_int8) == (line.split(",")[0], sm, fp16, int8)
    assert board.memory_gb == int(line.split()[-1]) / 1024


def test_an_nvidia_smi_that_a_signal_ended_is_told(tmp_path):
    with pytest.raises(UserError, match=r"nvidia-smi ended with signal 9 \(SIGKILL"):
        this_gpu(str(tmp_path), program(tmp_path, "kill -KILL $$"))


@pytest.mark.parametrize("text", ["echo 'NVIDIA-SMI has failed'; exit 9", "exit 0", "echo 'a, b, c'"])
def test_a_pc_without_a_gpu_is_told_what_to_name_instead(tmp_path, text):
    with pytest.raises(UserError, match=r"this-gpu names the GPU of this machine.*choose from: tx1"):
        this_gpu(str(tmp_path), program(tmp_path, text))
    with pytest.raises(UserError, match="this-gpu names"):
        this_gpu(str(tmp_path), str(tmp_path / "absent"))


def test_this_gpu_on_a_board_is_that_board(machine):
    tx2(machine)
    assert board_named("This_GPU", str(machine.root)).name == "tx2"
    assert board_named("nano", str(machine.root)).name == "nano"
