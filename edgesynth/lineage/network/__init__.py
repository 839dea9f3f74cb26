"""From an individual in its run directory to a network, and which batches that network takes."""
