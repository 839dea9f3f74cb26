#!/usr/bin/env bash
# Build the workstation's image with buildah, which needs no daemon, and walk through it as its user, from evolve to report.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: docker/try_image.sh [options of buildah bud]
       docker/try_image.sh
       docker/try_image.sh --from localhost/my-python --volume /srv/wheels:/wheels:ro --build-arg TORCH_INDEX=file:///wheels

As root. The image stays in buildah's store as localhost/edgesynth:try. Where no container can be started, in another one
say: BUILDAH_ISOLATION=chroot docker/try_image.sh
TEXT
}

refuse() {
    echo "try_image.sh: $1" >&2
    exit 2
}

case "${1:-}" in
    -h | --help)
        usage
        exit 0
        ;;
esac
command -v buildah >/dev/null || refuse "buildah is not here; on Debian and Ubuntu: apt-get install buildah"
[ "$(id -u)" = 0 ] || refuse "the image's user has to write into a folder of its own: run this as root"

image=localhost/edgesynth:try
cd "$(dirname "${BASH_SOURCE[0]}")/.."
buildah bud --file docker/Dockerfile --tag "$image" "$@" .

container="$(buildah from "$image")"
runs="$(mktemp -d)"
finish() {
    buildah rm "$container" >/dev/null
    rm -rf "$runs"
}
trap finish EXIT
chown 1000 "$runs"
# buildah's `run` leaves the entry point out, docker's does not.
entry="$(buildah inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$container")"

walk() {
    echo "+ $entry $*"
    buildah run --volume "$runs:/home/edgesynth/runs" "$container" -- "$entry" "$@"
}
walk --version
walk evolve --task digits --ancestor-epochs 3 --epochs 1 --final-epochs 1 --generations 1 --run runs/digits
walk export runs/digits --int8 -o runs/digits/bundles/best
walk benchmark runs/digits/bundles/best --precision fp32,int8 --duration-s 1
walk report runs/digits
