"""How a saliency network's outputs are shown: as a gray map, white where a pixel is salient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgesynth.tasks.task.presentation import Panel, Picture, Presentation, Row, SamplePredictions, presents

MOST_LOG_ODDS = 60.0  # beyond them a probability is 0 or 1, and `exp` may overflow


@presents("map")
class MapPresentation(Presentation):
    """Outputs are (1, H, W) log-odds."""

    output_text = "a map of log-odds an image, channels first; 1 / (1 + exp(-x)) is how salient a pixel is, 0 to 1"
    decoding_code = (
        "from PIL import Image",
        "levels = np.rint(255 / (1 + np.exp(-logits[0])))  # white: salient",
        'Image.fromarray(levels.astype(np.uint8)).save("map.png")',
    )

    def picture(self, predictions: SamplePredictions, names: Sequence[str]) -> Picture:
        """Four rows: images, masks, and the maps of both individuals."""
        maps = [
            1 / (1 + np.exp(-logits[:, 0].astype(np.float64).clip(-MOST_LOG_ODDS, MOST_LOG_ODDS)))
            for logits in (predictions.ancestor, predictions.offspring)
        ]
        titles = ("image", "mask", *predictions.individuals)
        stacks = (predictions.images, predictions.labels[:, 0], *maps)
        return Picture([Row(title, [*map(Panel, stack)]) for title, stack in zip(titles, stacks, strict=True)])
