"""Results of `edgesynth benchmark`: written, read back, flagged, compared and printed."""
