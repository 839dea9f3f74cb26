"""The measurement: models are chosen for precisions, loaded, timed and turned into figures."""
