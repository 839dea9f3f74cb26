"""A CUDA graph: what a stream is handed is captured once, then launched as a whole.

pycuda has no graphs (its pull request 343 is open), so the driver itself is called, which every version of CUDA from
10.1 on has them in: https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__GRAPH.html
"""

import ctypes
from typing import Any, Callable, Optional

LIBRARY = "libcuda.so.1"
# Only this thread's calls may break the capture, as trtexec has it.
_THREAD_LOCAL = 1
_Handle = ctypes.c_void_p


class NoGraphError(Exception):
    """There is no graph; the message says why."""


class CudaGraph:
    """A graph of one launch.

    Args:
        enqueue: hands work to a stream, given by its handle, and says whether that was accepted; it has run before.
        stream: the handle.
        why: gives the reason of a refusal, in words.
        library: file name of the driver.

    Raises:
        NoGraphError: the driver has no graphs, or the work cannot be captured; nothing is captured any more then.
    """

    def __init__(
        self, enqueue: Callable[[int], bool], stream: int, why: Callable[[], str], library: str = LIBRARY
    ) -> None:
        self._execution: Optional[Any] = None
        try:
            self._driver = ctypes.CDLL(library)
            begin, end = self._driver.cuStreamBeginCapture_v2, self._driver.cuStreamEndCapture
        except (OSError, AttributeError) as error:
            raise NoGraphError("the driver has none ({})".format(" ".join(str(error).split()))) from None
        self._call("cuStreamBeginCapture", begin, _Handle(stream), _THREAD_LOCAL)
        accepted, raised = False, None
        try:
            accepted = enqueue(stream)
        except Exception as error:  # whatever it is: the stream must not be left in a capture
            raised = error
        graph = _Handle()
        code = end(_Handle(stream), ctypes.byref(graph))
        if raised is not None:
            raise NoGraphError("it cannot be captured ({})".format(" ".join(str(raised).split())))
        if not accepted:
            if graph:
                self._driver.cuGraphDestroy(graph)
            raise NoGraphError("it cannot be captured ({})".format(why()))
        self._check("cuStreamEndCapture", code)
        try:
            self._execution = self._instantiated(graph)
        finally:
            self._driver.cuGraphDestroy(graph)

    def launch(self, stream: int) -> bool:
        """Enqueue it on a stream, given by its handle; whether that was accepted."""
        return bool(self._driver.cuGraphLaunch(self._execution, _Handle(stream)) == 0)

    def close(self) -> None:
        """Release it; the stream has nothing left to do."""
        if self._execution is not None:
            self._driver.cuGraphExecDestroy(self._execution)
            self._execution = None

    def _instantiated(self, graph: Any) -> Any:
        execution = _Handle()
        if hasattr(self._driver, "cuGraphInstantiateWithFlags"):  # since CUDA 11.4
            make = self._driver.cuGraphInstantiateWithFlags
            self._call("cuGraphInstantiate", make, ctypes.byref(execution), graph, ctypes.c_ulonglong(0))
        else:
            make = self._driver.cuGraphInstantiate
            none = _Handle()
            self._call("cuGraphInstantiate", make, ctypes.byref(execution), graph, none, none, ctypes.c_size_t(0))
        return execution

    def _call(self, name: str, function: Any, *arguments: Any) -> None:
        self._check(name, function(*arguments))

    def _check(self, name: str, code: int) -> None:
        if code != 0:
            words = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(words))
            raise NoGraphError("{} failed: {}".format(name, (words.value or b"error %d" % code).decode()))
