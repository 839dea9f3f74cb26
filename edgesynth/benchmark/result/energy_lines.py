"""Energy as plain text, below the table: the GPU's rail, what is above idle, and what no interval has in it."""

from typing import Any, Dict, List

_Measurements = List[Dict[str, Any]]


def energy_lines(measurements: _Measurements, part_of: Dict[str, str]) -> List[str]:
    """All lines of a result's energy; none where it has none.

    Args:
        measurements: of a result of any schema.
        part_of: rails that are inside of another one, and of which.
    """
    lines = []
    for measurement in measurements:
        lines += _beside_the_total(measurement) + _parts(measurement, part_of)
    return lines + _sensor_error(measurements)


def interval_of(figures: Dict[str, Any]) -> str:
    """The 95 % interval in brackets; a result of schema 1 has none."""
    bounds = figures.get("images_per_joule_95")
    return " ({:.1f} to {:.1f})".format(*bounds) if bounds else ""


def _beside_the_total(measurement: Dict[str, Any]) -> List[str]:
    form = "{name} x{batch}, {what}: {per_image_mj:.3f} mJ, {images_per_joule:.1f} images/J"
    name = {"name": measurement["precision"], "batch": measurement["batch"]}
    energy, lines = measurement["energy"], []
    gpu, above = energy.get("gpu"), energy.get("above_idle")
    if gpu and list(energy["rails_mj"]) != [gpu["rail"]]:
        lines.append(form.format(what=gpu["rail"], **name, **gpu) + interval_of(gpu))
    if above:
        what = "above idle ({:.0f} mW)".format(energy["idle_power_mw"])
        lines.append(form.format(what=what, **name, **above) + interval_of(above))
    external = energy.get("wattmeter")
    if external and external["reason"] is None:
        lines.append(form.format(what="by the wattmeter", **name, **external) + interval_of(external))
    elif external:
        lines.append("{name} x{batch}: not measured by the wattmeter: {reason}".format(**name, **external))
    return lines


def _parts(measurement: Dict[str, Any], part_of: Dict[str, str]) -> List[str]:
    """Lines on rails that are inside of a total and are neither the total nor the GPU's, such as that of the DRAM."""
    energy, lines = measurement["energy"], []
    gpu = (energy.get("gpu") or {}).get("rail")
    images = sum(window["images"] for window in energy.get("windows", []) if window["reason"] is None)
    for rail, whole in part_of.items():
        if rail != gpu and images and rail in energy.get("rails_mj", {}):
            lines.append(
                "{} x{}, {}, which is part of {}: {:.3f} mJ".format(
                    measurement["precision"], measurement["batch"], rail, whole, energy["rails_mj"][rail] / images
                )
            )
    return lines


def _sensor_error(measurements: _Measurements) -> List[str]:
    """One line for all: the largest, for the offset weighs more the less power there is."""
    errors = [(measurement["energy"].get("sensor_error"), measurement["energy"]) for measurement in measurements]
    known = [(error, energy) for error, energy in errors if error is not None]
    if not known:
        return []
    error, energy = max(known, key=lambda pair: pair[0]["percent"] or 0.0)
    if error["percent"] is None:
        return ["the sensor's own error ({}) is in no interval: {}".format(energy["meter"], error["source"])]
    return [
        "beside the interval, the sensor ({}) itself may be off by {:.1f} % ({})".format(
            energy["meter"], error["percent"], error["source"]
        )
    ]
