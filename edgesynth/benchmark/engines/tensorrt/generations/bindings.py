"""TensorRT 8.0 to 8.5: tensors are bindings with a number; precision is asked for by flags. JetPack 4 and 5."""

from typing import Any, Callable, List, Optional, Sequence, Tuple

from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation, Tensor, set_flags


class Bindings(Generation):
    """Explicit batch by flag, `max_workspace_size`, bindings, `execute_async_v2`."""

    def create_network(self, builder: Any) -> Any:
        """An empty network with an explicit batch, which the ONNX parser needs."""
        return builder.create_network(1 << int(self.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))

    def set_workspace(self, config: Any, size_bytes: int) -> None:
        """Set `max_workspace_size`, whose default is 16 MiB."""
        config.max_workspace_size = size_bytes

    def set_precision(self, config: Any, precision: str, quantized: bool, calibrator: Optional[Any]) -> None:
        """Set the builder's flags."""
        set_flags(self.trt, config, precision, quantized, calibrator)

    def tensors(self, engine: Any) -> List[Tensor]:
        """Inputs and outputs in the order of the bindings."""
        return [
            Tensor(
                engine.get_binding_name(number),
                bool(engine.binding_is_input(number)),
                engine.get_binding_dtype(number),
                tuple(engine.get_binding_shape(number)),
            )
            for number in range(engine.num_bindings)
        ]

    def set_input_shape(self, context: Any, number: int, name: str, shape: Tuple[int, ...]) -> bool:
        """By the number."""
        return bool(context.set_binding_shape(number, shape)) and bool(context.all_binding_shapes_specified)

    def shape_of(self, context: Any, number: int, name: str) -> Tuple[int, ...]:
        """By the number."""
        return tuple(context.get_binding_shape(number))

    def launcher(self, context: Any, names: Sequence[str], addresses: Sequence[int]) -> Callable[[int], bool]:
        """A call that hands over all addresses each time."""
        bindings = list(addresses)

        def launch(stream: int) -> bool:
            return bool(context.execute_async_v2(bindings, stream))

        return launch
