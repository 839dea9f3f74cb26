"""TensorRT 8.6 to 10: tensors have names, memory has pools; precision is still asked for by flags. JetPack 6."""

from typing import Any, Callable, List, Optional, Sequence, Tuple

from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation, Tensor, set_flags


class NamedTensors(Generation):
    """Memory pools, tensors by name, `execute_async_v3`."""

    def create_network(self, builder: Any) -> Any:
        """An empty network with an explicit batch; version 10 ignores the flag."""
        return builder.create_network(1 << int(self.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))

    def set_workspace(self, config: Any, size_bytes: int) -> None:
        """Set the limit of the workspace's memory pool."""
        config.set_memory_pool_limit(self.trt.MemoryPoolType.WORKSPACE, size_bytes)

    def set_precision(self, config: Any, precision: str, quantized: bool, calibrator: Optional[Any]) -> None:
        """Set the builder's flags."""
        set_flags(self.trt, config, precision, quantized, calibrator)

    def tensors(self, engine: Any) -> List[Tensor]:
        """Inputs and outputs in the engine's order."""
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        return [
            Tensor(
                name,
                engine.get_tensor_mode(name) == self.trt.TensorIOMode.INPUT,
                engine.get_tensor_dtype(name),
                tuple(engine.get_tensor_shape(name)),
            )
            for name in names
        ]

    def set_input_shape(self, context: Any, number: int, name: str, shape: Tuple[int, ...]) -> bool:
        """By the name."""
        return bool(context.set_input_shape(name, shape)) and bool(context.all_binding_shapes_specified)

    def shape_of(self, context: Any, number: int, name: str) -> Tuple[int, ...]:
        """By the name."""
        return tuple(context.get_tensor_shape(name))

    def launcher(self, context: Any, names: Sequence[str], addresses: Sequence[int]) -> Callable[[int], bool]:
        """A call whose addresses are set once, before it."""
        for name, address in zip(names, addresses):
            context.set_tensor_address(name, address)

        def launch(stream: int) -> bool:
            return bool(context.execute_async_v3(stream))

        return launch
