"""What a build leaves to be known: TensorRT's warnings, and the tensors that keep layers in floating point."""

from typing import Any, Dict, List

_SHOWN = 3


def notes_of_build(built: Dict[str, Any]) -> List[str]:
    """Lines on a build; none of a result from before they were recorded.

    Args:
        built: of a measurement; see `TensorRt.built`.
    """
    without, warnings = built.get("without_range") or [], built.get("warnings") or []
    lines = []
    if without:
        lines.append(
            "{} tensors have no range, and the layers around them stay in floating point: {}".format(
                len(without), _first(without)
            )
        )
    lines += ["TensorRT warns: {}".format(warning) for warning in warnings[:_SHOWN]]
    if len(warnings) > _SHOWN:
        lines.append("TensorRT warns of {} things more, which the result lists".format(len(warnings) - _SHOWN))
    return lines


def _first(names: List[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
