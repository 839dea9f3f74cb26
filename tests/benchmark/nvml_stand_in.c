/* A strict stand-in for NVML: two calls fail before nvmlInit_v2, one GPU of 200 W whose counter moves every 100 ms. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifndef GPUS
#define GPUS 1
#endif

static int initialised;
static int gpu;

int nvmlInit_v2(void) { initialised = 1; return 0; }

const char *nvmlErrorString(int code) { return code == 1 ? "Uninitialized" : code == 3 ? "Not Supported" : "Invalid Argument"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    if (!initialised) return 1;
    *count = GPUS;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (!initialised) return 1;
    if (index >= GPUS) return 2;
    *device = &gpu;
    return 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (!initialised) return 1;
    if (strcmp(uuid, "GPU-right") != 0) return 2;
    *device = &gpu;
    return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    if (device != &gpu) return 2;
    snprintf(name, length, "Stand-in GPU");
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj) {
    struct timespec now;
    if (device != &gpu) return 2;
#ifdef TOO_OLD
    return 3;
#endif
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* 200 W are 20 J in 100 ms. */
    *energy_mj = 20000ULL * (10ULL * now.tv_sec + now.tv_nsec / 100000000);
    return 0;
}
