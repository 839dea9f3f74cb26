"""`jetson/run.sh`: the docker line, and what is refused before docker would fail in its own words."""

import itertools

import pytest


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "my bundle"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


def volumes(words):
    return {inside: source for source, inside in (word.split(":")[:2] for word in after(words, "-v"))}


def after(words, option):
    return [value for name, value in itertools.pairwise(words) if name == option]


def run_words(host):
    return (host.board / "run").read_text().splitlines()


def test_the_docker_line_mounts_the_bundle_and_asks_for_all_that_the_host_has(host, bundle):
    code, _, err = host.call("run.sh", bundle, "--precision", "fp16,int8", "--batch", "1,8")
    assert (code, err) == (0, "")
    words = run_words(host)
    assert after(words, "--runtime") == ["nvidia"]
    assert "--gpus" not in words
    assert after(words, "-e") == ["NVIDIA_REQUIRE_JETPACK=csv-mounts=all", "OPENBLAS_CORETYPE=ARMV8"]
    assert volumes(words)["/bundle"] == str(bundle)
    image = words.index("edgesynth:r32.7.1")
    assert words[image + 1 :] == ["benchmark", "/bundle", "--precision", "fp16,int8", "--batch", "1,8"]


def test_model_and_mode_go_into_the_container_as_files(host, bundle):
    host.call("run.sh", bundle)
    assert (host.state("nv_jetson_model"), host.state("nv_power_mode")) == ("NVIDIA Jetson TX2", "MAXP_CORE_ARM")
    inside = volumes(run_words(host))
    assert inside["/etc/nv_tegra_release"] == str(host.files / "etc/nv_tegra_release")


def test_built_engines_outlive_the_container(host, bundle):
    host.call("run.sh", bundle)
    assert volumes(run_words(host))["/root/.cache/edgesynth"] == str(host.files / "home/.cache/edgesynth")
    assert (host.files / "home/.cache/edgesynth").is_dir()


def test_a_measurement_in_a_container_locks_the_board_and_not_the_container(host, bundle):
    (host.files / "run/lock").mkdir(parents=True)
    host.call("run.sh", bundle)
    assert volumes(run_words(host))["/run/lock"] == str(host.files / "run/lock")


@pytest.mark.parametrize("given", [["-o", "out/r.json"], ["--output=out/r.json"], ["-oout/r.json"]])
def test_the_result_s_folder_is_mounted_and_its_name_kept(host, bundle, tmp_path, given):
    (tmp_path / "out").mkdir()
    code, _, err = host.call("run.sh", bundle, *given, "--batch", "8", cwd=tmp_path)
    assert (code, err) == (0, "")
    words = run_words(host)
    assert volumes(words)["/results"] == str(tmp_path / "out")
    assert words[-5:] == ["/bundle", "--batch", "8", "-o", "/results/r.json"]


def test_a_bare_model_is_mounted_with_its_folder(host, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"x")
    host.call("run.sh", "net.onnx", cwd=tmp_path)
    words = run_words(host)
    assert volumes(words)["/bundle"] == str(tmp_path)
    assert words[-2:] == ["benchmark", "/bundle/net.onnx"]


def test_another_image_is_taken_from_the_environment(host, bundle):
    (host.board / "image").write_text("mine:1\n")
    assert host.call("run.sh", bundle, EDGESYNTH_IMAGE="mine:1")[0] == 0
    assert "mine:1" in run_words(host)


def test_the_exit_code_is_that_of_the_benchmark(host, bundle):
    (host.board / "code").write_text("2\n")
    assert host.call("run.sh", bundle)[0] == 2


def test_the_files_for_the_container_are_gone_afterwards(host, bundle):
    host.call("run.sh", bundle, TMPDIR=str(host.files / "tmp"))
    assert list((host.files / "tmp").iterdir()) == []


def test_without_nvpmodel_it_runs_and_says_that_the_mode_is_not_known(host, bundle):
    host.without("nvpmodel")
    code, _, err = host.call("run.sh", bundle)
    assert code == 0
    assert err == "run.sh: nvpmodel does not tell the power mode; the result will not hold it (try with sudo)\n"
    assert "/tmp/nv_power_mode" not in volumes(run_words(host))


@pytest.mark.parametrize("part", ["cuda", "cudnn", "tensorrt"])
def test_a_list_of_mounts_that_is_not_there_names_its_package(host, bundle, part):
    (host.files / f"etc/nvidia-container-runtime/host-files-for-container.d/{part}.csv").unlink()
    code, _, err = host.call("run.sh", bundle)
    assert code == 2
    assert f"apt install --reinstall nvidia-container-csv-{part}" in err


def test_a_runtime_that_docker_does_not_know_is_named(host, bundle):
    (host.board / "runtimes").write_text('{"runc":{"path":"runc"}}')
    code, _, err = host.call("run.sh", bundle)
    assert code == 2
    assert "docker knows no runtime named nvidia" in err


def test_an_image_that_is_not_there_comes_with_the_line_that_builds_it(host, bundle):
    code, _, err = host.call("run.sh", bundle, EDGESYNTH_IMAGE="other:2")
    assert code == 2
    assert "docker build -f docker/Dockerfile.jetson -t other:2 ." in err


RELEASES = "# R{} (release), REVISION: 4.0, GCID: 1, BOARD: generic\n"


def with_jetpack(host, release):
    """JetPack 5 or later: its images hold CUDA and TensorRT, and there are no lists of what the host would mount."""
    host.write("etc/nv_tegra_release", RELEASES.format(release))
    for part in ("cuda", "cudnn", "tensorrt"):
        (host.files / f"etc/nvidia-container-runtime/host-files-for-container.d/{part}.csv").unlink()


@pytest.mark.parametrize(
    ("release", "image", "settings"),
    [(35, "edgesynth:r35.4.1", ["OPENBLAS_CORETYPE=ARMV8"]), (36, "edgesynth:r36.4.0", [])],
)
def test_jetpack_5_and_6_have_an_image_of_their_own_that_asks_for_no_mounts(host, bundle, release, image, settings):
    with_jetpack(host, release)
    code, _, err = host.call("run.sh", bundle, "--precision", "fp16")
    assert (code, err) == (0, "")
    words = run_words(host)
    assert after(words, "--runtime") == ["nvidia"] and after(words, "-e") == settings
    assert words[words.index(image) + 1 :] == ["benchmark", "/bundle", "--precision", "fp16"]
    assert host.state("nv_power_mode") == "MAXP_CORE_ARM"


@pytest.mark.parametrize(
    ("release", "line"),
    [
        (35, "-f docker/Dockerfile.jetpack --build-arg BASE=nvcr.io/nvidia/l4t-jetpack:r35.4.1 -t edgesynth:r35.4.1 ."),
        (36, "-f docker/Dockerfile.jetpack -t edgesynth:r36.4.0 ."),
    ],
)
def test_an_image_of_another_jetpack_comes_with_the_line_that_builds_it(host, bundle, release, line):
    with_jetpack(host, release)
    (host.board / "image").write_text("edgesynth:r32.7.1\n")
    code, _, err = host.call("run.sh", bundle)
    assert code == 2
    assert f"docker build {line}" in err


def test_another_l4t_is_refused_unless_an_image_is_named(host, bundle):
    with_jetpack(host, 38)
    code, _, err = host.call("run.sh", bundle)
    assert code == 2
    assert "this board has L4T R38 and there are images for R32, R35 and R36 (JetPack 4.6, 5 and 6)" in err
    (host.board / "image").write_text("mine:1\n")
    assert host.call("run.sh", bundle, EDGESYNTH_IMAGE="mine:1")[0] == 0
    assert "mine:1" in run_words(host)


@pytest.mark.parametrize(
    ("code", "reason"), [(132, "numpy 1.19.5"), (137, "too little memory"), (139, "TensorRT or CUDA")]
)
def test_a_container_that_a_signal_ended_is_explained(host, bundle, code, reason):
    (host.board / "code").write_text(f"{code}\n")
    ended, _, err = host.call("run.sh", bundle)
    (line,) = err.splitlines()
    assert ended == code
    assert line.startswith(f"run.sh: it ended with signal {code - 128} (SIG") and reason in line
    # Where a workstation began it, that explains it, from the code.
    assert host.call("run.sh", bundle, EDGESYNTH_CONTAINER="edgesynth-run")[::2] == (code, "")


def test_the_user_s_own_setting_of_openblas_is_handed_in(host, bundle):
    host.call("run.sh", bundle, OPENBLAS_CORETYPE="CORTEXA57")
    assert "OPENBLAS_CORETYPE=CORTEXA57" in after(run_words(host), "-e")


def test_a_workstation_is_told_what_to_run_instead(host, bundle):
    (host.files / "etc/nv_tegra_release").unlink()
    code, _, err = host.call("run.sh", bundle)
    assert code == 2
    assert "this is no Jetson; on a workstation run `edgesynth benchmark`" in err


def test_bad_targets_and_results_are_refused_before_docker_is_asked(host, bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a:b").mkdir()
    (tmp_path / "a:b/manifest.json").write_text("{}")
    for arguments, fragment in [
        ([tmp_path / "absent"], "does not exist"),
        ([tmp_path / "empty"], "holds no manifest.json"),
        ([tmp_path / "a:b"], "holds a colon"),
        ([bundle, "-o"], "-o takes a file"),
        ([bundle, "-o", tmp_path / "absent/r.json"], "make it first"),
        ([bundle, "-o", tmp_path / "empty"], "is a folder"),
        ([], "usage: ./run.sh"),
        (["--precision", "fp16"], "usage: ./run.sh"),
    ]:
        code, out, err = host.call("run.sh", *arguments)
        assert (code, out) == (2, "")
        assert fragment in err
    assert "docker" not in (host.board / "log").read_text()


def test_a_probe_is_run_in_the_same_container_and_its_table_s_folder_is_mounted(host, bundle, tmp_path):
    code, _, err = host.call("run.sh", "probe", bundle, "--finest", "16", "-o", "table.json", cwd=tmp_path)
    assert (code, err) == (0, "")
    words = run_words(host)
    assert words[-6:] == ["probe", "/bundle", "--finest", "16", "-o", "/results/table.json"]
    assert volumes(words)["/results"] == str(tmp_path)


def test_a_probe_without_a_table_is_refused_before_docker_is_asked(host, bundle):
    code, _, err = host.call("run.sh", "probe", bundle)
    assert (code, err) == (2, "run.sh: probe writes a table and needs its name: give -o table.json\n")
    assert not (host.board / "run").exists()
