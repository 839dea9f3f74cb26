/* A strict stand-in for NVML: two calls fail before nvmlInit_v2, one GPU of 200 W whose counter moves every 100 ms.
 * With -DJETPACK6 it opens, counts and names its GPU, and supports nothing else (ultralytics/ultralytics#20680). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef PROCESSES
#define PROCESSES nvmlDeviceGetComputeRunningProcesses_v3
#endif
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

static const char *setting(const char *name, const char *otherwise) {
    const char *text = getenv(name);
    return text ? text : otherwise;
}

int nvmlDeviceGetClockInfo(void *device, unsigned type, unsigned *mhz) {
    if (device != &gpu || type < 1 || type > 2) return 2; /* NVML_CLOCK_SM, NVML_CLOCK_MEM */
#ifdef JETPACK6
    return 3;
#endif
    *mhz = type == 2 ? 3201 : strtoul(setting("STANDIN_MHZ", "1980"), NULL, 10);
    return 0;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    if (device != &gpu) return 2;
#ifdef JETPACK6
    return 3;
#endif
    *reasons = strtoull(setting("STANDIN_SLOW", "0"), NULL, 16);
    return 0;
}

/* nvml.h: nvmlProcessInfo_t since 11.0 */
typedef struct {
    unsigned pid;
    unsigned long long usedGpuMemory;
    unsigned gpuInstanceId, computeInstanceId;
} process_info;

int PROCESSES(void *device, unsigned *count, process_info *infos) {
    const char *text = setting("STANDIN_PIDS", "");
    unsigned found = 0;
    if (device != &gpu) return 2;
#ifdef JETPACK6
    return 3;
#endif
    for (; *text; found++) {
        process_info info = {strtoul(text, (char **)&text, 10), 1ULL << 40, 0xffffffffU, 0xffffffffU};
        if (found < *count) infos[found] = info;
        text += *text == ',';
    }
    if (found > *count) { *count = found; return 7; }
    *count = found;
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj) {
    struct timespec now;
    if (device != &gpu) return 2;
#if defined(TOO_OLD) || defined(JETPACK6)
    return 3;
#endif
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* 200 W are 20 J in 100 ms. */
    *energy_mj = 20000ULL * (10ULL * now.tv_sec + now.tv_nsec / 100000000);
    return 0;
}
