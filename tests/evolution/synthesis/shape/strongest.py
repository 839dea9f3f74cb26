"""A shape as `Anatomy.plan` takes it, of the strongest units: the network whose amounts the program tells."""

from edgesynth.evolution.synthesis.shape.terms.candidates import by_worth


def kept_of(shape, anatomy, kept, viability):
    """{group or branch: units that are kept} of a shape, of a parent that has `kept`."""
    chosen = {name: list(units) for name, units in kept.items()}
    for name, width in shape.widths.items():
        if width:
            units = kept.get(name, range(anatomy.group(name).size))
            chosen[name] = sorted(by_worth(viability[name], units)[:width])
    return {**chosen, **{name: [] for name, alive in shape.lives.items() if not alive}}
