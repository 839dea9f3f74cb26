#!/usr/bin/env bash
# Run `edgesynth benchmark`, or `edgesynth probe`, in the board's container: the docker line, with what L4T makes go wrong handled.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: ./run.sh BUNDLE [options of edgesynth benchmark]
       ./run.sh ../bundle --precision fp16,int8 --batch 1,8 -o result.json
       ./run.sh probe BUNDLE -o table.json [options of edgesynth probe]

BUNDLE is a bundle's folder or an .onnx file. Without -o the result goes into the bundle (beside the file).
EDGESYNTH_IMAGE is the image; if it is not set, that of the board's JetPack: edgesynth:r32.7.1 (4.6), edgesynth:r35.4.1 (5)
or edgesynth:r36.4.0 (6).
TEXT
}

# A root folder in front of every path, for tests; empty on a board.
root="${JETSON_ROOT:-}"
release="$root/etc/nv_tegra_release"
mounts="$root/etc/nvidia-container-runtime/host-files-for-container.d"

refuse() {
    echo "run.sh: $1" >&2
    exit 2
}

verb=benchmark
if [ "${1:-}" = probe ]; then
    verb=probe
    shift
fi
case "${1:-}" in
    -h | --help)
        usage
        exit 0
        ;;
    "" | -*)
        usage >&2
        exit 2
        ;;
esac
target="$1"
shift

# The result is written in the container: its folder is mounted, and the option names the file there.
options=()
output=""
while [ $# -gt 0 ]; do
    case "$1" in
        -o | --output)
            [ $# -ge 2 ] || refuse "$1 takes a file, e.g. -o result.json"
            output="$2"
            shift
            ;;
        --output=*) output="${1#--output=}" ;;
        -o?*) output="${1#-o}" ;;
        *) options+=("$1") ;;
    esac
    shift
done

[ "$verb" = benchmark ] || [ -n "$output" ] || refuse "probe writes a table and needs its name: give -o table.json"
[ -e "$target" ] || refuse "$target does not exist; give the folder that \`edgesynth export\` wrote, or an .onnx file"
if [ -d "$target" ]; then
    [ -f "$target/manifest.json" ] || refuse "$target holds no manifest.json; give the folder that \`edgesynth export\` wrote"
    folder="$(cd "$target" && pwd)"
    inside="/bundle"
else
    folder="$(cd "$(dirname "$target")" && pwd)"
    inside="/bundle/$(basename "$target")"
fi

# docker cannot be told of a folder whose name holds a colon: it parts the words of -v.
check_name() {
    case "$1" in *:*) refuse "$1 holds a colon, which docker takes for the end of the name; rename the folder" ;; esac
}
check_name "$folder"
volumes=(-v "$folder:/bundle")
if [ -n "$output" ]; then
    [ -d "$(dirname "$output")" ] || refuse "the folder of $output does not exist; make it first"
    [ ! -d "$output" ] || refuse "$output is a folder; give the result a file name, e.g. -o $output/result.json"
    results="$(cd "$(dirname "$output")" && pwd)"
    check_name "$results"
    volumes+=(-v "$results:/results")
    options+=(-o "/results/$(basename "$output")")
fi

[ -r "$release" ] || refuse "$release is not there: this is no Jetson; on a workstation run \`edgesynth benchmark\`"
l4t="$(sed -n '1s/^# \(R[0-9]*\).*/\1/p' "$release")"
# What the image is made of, and what is installed where docker or its runtime is not there.
case "$l4t" in
    R32)
        default=edgesynth:r32.7.1
        made="-f docker/Dockerfile.jetson"
        packages=nvidia-docker2
        ;;
    R35)
        default=edgesynth:r35.4.1
        made="-f docker/Dockerfile.jetpack --build-arg BASE=nvcr.io/nvidia/l4t-jetpack:r35.4.1"
        packages=nvidia-jetpack
        ;;
    R36)
        default=edgesynth:r36.4.0
        made="-f docker/Dockerfile.jetpack"
        packages=nvidia-jetpack
        ;;
    *)
        [ -n "${EDGESYNTH_IMAGE:-}" ] || refuse "this board has L4T ${l4t:-of an unknown release} and there are images for R32, R35 and R36 (JetPack 4.6, 5 and 6); install edgesynth on the board instead, or name an image of yours: EDGESYNTH_IMAGE=..."
        default=""
        made="-f docker/Dockerfile.jetpack --build-arg BASE=..."
        packages=nvidia-jetpack
        ;;
esac
image="${EDGESYNTH_IMAGE:-$default}"
command -v docker >/dev/null || refuse "docker was not found; it is part of JetPack: sudo apt install $packages"
runtimes="$(docker info --format '{{json .Runtimes}}')" || refuse "docker does not answer; run it with sudo, or enter the group docker"
case "$runtimes" in
    *'"nvidia"'*) ;;
    *) refuse "docker knows no runtime named nvidia; install JetPack's nvidia-container-runtime and restart docker" ;;
esac
settings=()
if [ "$l4t" = R32 ]; then
    # The base image is empty of CUDA and TensorRT: these lists say what the runtime mounts from the host. From version
    # 1.10 on, NVIDIA's toolkit mounts the drivers alone unless it is asked for the rest. Images of R35 and R36 hold all.
    for part in cuda cudnn tensorrt; do
        [ -s "$mounts/$part.csv" ] || refuse "$mounts/$part.csv is not there, so the container would have no $part; sudo apt install --reinstall nvidia-container-csv-$part"
    done
    settings+=(-e NVIDIA_REQUIRE_JETPACK=csv-mounts=all)
fi
# An image may have numpy 1.19.5, which has wheels for the Python of JetPack 4 and 5 and dies there of an illegal instruction.
case "$l4t" in R32 | R35) settings+=(-e OPENBLAS_CORETYPE="${OPENBLAS_CORETYPE:-ARMV8}") ;; esac
docker image inspect "$image" >/dev/null 2>&1 || refuse "there is no image $image here; build it in the repository's root: docker build $made -t $image ."

# /proc/device-tree and nvpmodel's state cannot be seen in a container: both go in as files.
facts="$(mktemp -d)"
trap 'rm -rf "$facts"' EXIT
chmod 755 "$facts"
if [ -r "$root/proc/device-tree/model" ]; then
    tr -d '\0' <"$root/proc/device-tree/model" >"$facts/model"
    volumes+=(-v "$facts/model:/tmp/nv_jetson_model:ro")
fi
mode="$(nvpmodel -q 2>/dev/null </dev/null | sed -n 's/^NV Power Mode:[[:space:]]*//p' || true)"
if [ -n "$mode" ]; then
    echo "$mode" >"$facts/mode"
    volumes+=(-v "$facts/mode:/tmp/nv_power_mode:ro")
else
    echo "run.sh: nvpmodel does not tell the power mode; the result will not hold it (try with sudo)" >&2
fi
volumes+=(-v "$release:/etc/nv_tegra_release:ro")
# The lock against two measurements at once holds between containers, and between them and the host.
if [ -d "$root/run/lock" ]; then
    volumes+=(-v "$root/run/lock:/run/lock")
fi
# Built engines outlive the container: a build takes minutes on a TX1.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/edgesynth"
mkdir -p "$cache"
check_name "$cache"
volumes+=(-v "$cache:/root/.cache/edgesynth")

# From a workstation (`edgesynth benchmark --on ssh://... --docker`): its edgesynth instead of the image's, and a name to
# end the container by.
command=("$image")
name=()
if [ -n "${EDGESYNTH_APPLICATION:-}" ]; then
    check_name "$EDGESYNTH_APPLICATION"
    volumes+=(-v "$EDGESYNTH_APPLICATION:/edgesynth.pyz:ro")
    command=(--entrypoint python3 "$image" /edgesynth.pyz)
fi
[ -z "${EDGESYNTH_CONTAINER:-}" ] || name=(--name "$EDGESYNTH_CONTAINER")

code=0
docker run --rm --runtime nvidia --network none ${name[@]+"${name[@]}"} ${settings[@]+"${settings[@]}"} \
    "${volumes[@]}" "${command[@]}" "$verb" "$inside" ${options[@]+"${options[@]}"} || code=$?
# docker gives 128 and the number of a signal. A workstation that began this explains it itself.
if [ -z "${EDGESYNTH_CONTAINER:-}" ]; then
    case "$code" in
        132) echo "run.sh: it ended with signal 4 (SIGILL, an illegal instruction); the likely cause is numpy 1.19.5 in the image: build it with numpy 1.19.4" >&2 ;;
        137) echo "run.sh: it ended with signal 9 (SIGKILL); the likely cause is too little memory, which dmesg tells: use a smaller --batch, end other work, or add swap" >&2 ;;
        139) echo "run.sh: it ended with signal 11 (SIGSEGV); the likely cause is a TensorRT or CUDA of the image that does not fit this board's L4T: build the image for it" >&2 ;;
    esac
fi
exit "$code"
