"""Defaults of options that a command and a function share, each written once (Python 3.6).

Nothing is imported here, so that `--help` of a command needs no library. Options of a run have theirs in `Config`.
"""

# `benchmark`
DURATION_S = 3.0
WARM_UP_S = 0.5
STEADY_S = 120.0
REBUILDS = 0
STREAMS = 1
THREADS = 1
SCENARIO = "plain"
PYTHON = "python3"  # on another machine; of `evolve --measure-on` too

# `probe`
PROBE_DURATION_S = 600.0
PROBE_EACH_S = 0.2
PROBE_WARM_UP_S = 0.05
PROBE_FINEST = 8  # channels
PROBE_INPUT_WIDTHS = 1
PROBE_BATCH = 1
PROBE_THREADS = 1

# `compare`
TOLERANCE_PERCENT = 5.0  # of the median latency and of the energy per image
MAX_ACCURACY_LOSS = 0.5  # percentage points

# `export`
CALIBRATION_IMAGES = 512
MAX_INT8_LOSS = 0.5  # percentage points of the metric
LICENSE = "not stated"
INT8_CPU_TARGET = "any"
INT8_CPU_LAYERS = "faster"

# `evolve`: where offspring are nurtured
EXECUTOR = "process"
GPUS_PER_OFFSPRING = 0.0
