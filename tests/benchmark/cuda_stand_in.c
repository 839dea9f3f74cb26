/* A stand-in for the part of libcuda.so.1 that makes graphs: it checks its arguments and calls back into Python, where
   the stand-in for pycuda keeps what its streams have to do. */

#include <stddef.h>

static size_t (*begin)(size_t, size_t), (*end)(size_t), (*copy)(size_t), (*launch)(size_t, size_t), (*forget)(size_t);

void standin_hooks(void *first, void *second, void *third, void *fourth, void *fifth)
{
    begin = first, end = second, copy = third, launch = fourth, forget = fifth;
}

int cuGetErrorName(int code, const char **name)
{
    *name = code == 901   ? "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
            : code == 900 ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
            : code == 801 ? "CUDA_ERROR_NOT_SUPPORTED"
                          : "CUDA_ERROR_INVALID_VALUE";
    return 0;
}

int cuStreamBeginCapture_v2(void *stream, int mode) { return (int)begin((size_t)stream, (size_t)mode); }

int cuStreamEndCapture(void *stream, void **graph)
{
    size_t made = end((size_t)stream);
    *graph = (void *)made;
    return made ? 0 : 901;
}

int cuGraphDestroy(void *graph) { return (int)forget((size_t)graph); }

static int instantiate(void **execution, void *graph)
{
#ifdef NO_INSTANCE
    return 801;
#endif
    *execution = (void *)copy((size_t)graph);
    return *execution ? 0 : 1;
}

#ifdef OLD /* CUDA 10.2 */
int cuGraphInstantiate(void **execution, void *graph, void *node, char *log, size_t size)
{
    return node || log || size ? 1 : instantiate(execution, graph);
}
#else
int cuGraphInstantiateWithFlags(void **execution, void *graph, unsigned long long flags)
{
    return flags ? 1 : instantiate(execution, graph);
}
#endif

int cuGraphLaunch(void *execution, void *stream) { return (int)launch((size_t)execution, (size_t)stream); }

int cuGraphExecDestroy(void *execution) { return (int)forget((size_t)execution); }
