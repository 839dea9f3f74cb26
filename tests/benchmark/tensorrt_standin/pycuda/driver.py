"""pycuda's driver, unless $STANDIN_PYCUDA is "no"; see `standin_device`."""

import os

if os.environ.get("STANDIN_PYCUDA") == "no":
    raise ImportError("No module named 'pycuda'")

from standin_device import (  # noqa: F401
    Device,
    DeviceAllocation,
    Error,
    Event,
    LogicError,
    MemoryError,
    RuntimeError,
    Stream,
    ctx_flags,
    device_attribute,
    get_driver_version,
    host_alloc_flags,
    init,
    managed_empty,
    mem_alloc,
    mem_attach_flags,
    mem_get_info,
    memcpy_dtoh_async,
    memcpy_htod,
    memcpy_htod_async,
    pagelocked_empty,
)
