#!/usr/bin/env bash
# Put a Jetson into a known state before a measurement, and back afterwards: power mode, clocks, model name.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: sudo ./prepare.sh --mode NAME    set nvpmodel's mode (a name or number of /etc/nvpmodel.conf, e.g. maxn; keep: leave
                                        it), pin all clocks to that mode's maximum, write the model's name for containers
       sudo ./prepare.sh --restore      put back the mode and the clocks that were found
       ./prepare.sh --help
TEXT
}

# A root folder in front of every path, for tests; empty on a board.
root="${JETSON_ROOT:-}"
modes_file="$root/etc/nvpmodel.conf"
model_file="$root/proc/device-tree/model"
# Where jetson-containers puts it too: /proc/device-tree is masked in containers.
container_model="$root/tmp/nv_jetson_model"
state="$root/var/lib/edgesynth"
stored_clocks="$state/clocks"
stored_mode="$state/mode"

refuse() {
    echo "prepare.sh: $1" >&2
    exit 2
}

fail() {
    echo "prepare.sh: $1" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" -eq 0 ] || refuse "clocks and power mode belong to root; run it with sudo"
}

need_tool() {
    command -v "$1" >/dev/null || refuse "$1 was not found; it is part of JetPack: run this on the board itself, outside any container"
}

# "NV Power Mode: MAXN", then the mode's number on a line of its own.
current_mode() {
    nvpmodel -q 2>/dev/null </dev/null | grep -E '^[0-9]+$' | tail -n 1
}

# One "number name" for each line of the form: < POWER_MODEL ID=0 NAME=MAXN >
all_modes() {
    sed -n 's/^[[:space:]]*<[[:space:]]*POWER_MODEL[[:space:]]*ID=\([0-9]*\)[[:space:]]*NAME=\([^[:space:]>]*\).*/\1 \2/p' "$modes_file"
}

number_of_mode() {
    all_modes | awk -v wanted="$1" 'tolower($2) == tolower(wanted) || $1 == wanted { print $1; exit }'
}

# nvpmodel asks whether to reboot where a mode needs one: it must not wait for an answer, and must not reboot.
set_mode() {
    nvpmodel -m "$1" </dev/null || true
    [ "$(current_mode)" = "$1" ]
}

prepare() {
    local mode="$1" number=""
    need_root
    need_tool jetson_clocks
    if [ "$mode" != keep ]; then
        need_tool nvpmodel
        [ -r "$modes_file" ] || refuse "$modes_file cannot be read, so no mode is known; pin the clocks alone with --mode keep"
        number="$(number_of_mode "$mode")"
        [ -n "$number" ] || refuse "this board has no mode '$mode'; it has: $(all_modes | awk '{ printf "%s%s (%s)", sep, $2, $1; sep = ", " }'); or --mode keep"
    fi

    mkdir -p "$state"
    # What is stored first is what the board was found in: a second call must not store its own pinned clocks.
    if [ ! -s "$stored_clocks" ]; then
        # jetson_clocks asks before it overwrites a file, so there must be none.
        rm -f "$stored_clocks" "$stored_mode"
        jetson_clocks --store "$stored_clocks" </dev/null
        [ -s "$stored_clocks" ] || fail "jetson_clocks did not store the clocks (it refuses in the first minutes after a start); nothing was changed"
        if [ -n "$number" ]; then
            current_mode >"$stored_mode" || fail "nvpmodel -q does not tell the present mode; nothing was changed"
        fi
    elif [ -n "$number" ] && [ ! -s "$stored_mode" ]; then
        current_mode >"$stored_mode" || fail "nvpmodel -q does not tell the present mode; the clocks stay pinned"
    fi

    # The mode first: jetson_clocks pins to the maximum of the mode that it finds.
    if [ -n "$number" ]; then
        set_mode "$number" || fail "nvpmodel did not go to mode $number (some modes need a restart: sudo nvpmodel -m $number); clocks are not pinned, ./prepare.sh --restore puts the old mode back"
    fi
    jetson_clocks </dev/null
    if [ -r "$model_file" ]; then
        tr -d '\0' <"$model_file" >"$container_model"
        chmod 644 "$container_model"
    fi
    echo "mode: ${number:-as it was}, clocks: pinned; ./prepare.sh --restore puts back what was found"
}

restore() {
    need_root
    [ -s "$stored_clocks" ] || refuse "nothing is stored in $state; prepare.sh --mode was not run here, or it was restored already"
    need_tool jetson_clocks
    if [ -s "$stored_mode" ]; then
        need_tool nvpmodel
        set_mode "$(cat "$stored_mode")" || fail "nvpmodel did not go back to mode $(cat "$stored_mode"); the stored state is kept in $state"
    fi
    # Last, because the stored clocks are those that the stored mode had.
    jetson_clocks --restore "$stored_clocks" </dev/null || fail "jetson_clocks did not restore the clocks; the stored state is kept in $state"
    rm -f "$stored_clocks" "$stored_mode" "$container_model"
    echo "mode and clocks: as they were found"
}

case "${1:-}" in
    --mode)
        [ $# -eq 2 ] && [ -n "$2" ] || refuse "--mode takes one name or number, e.g. --mode maxn"
        prepare "$2"
        ;;
    --restore)
        [ $# -eq 1 ] || refuse "--restore takes nothing after it"
        restore
        ;;
    -h | --help)
        usage
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac
