"""From a network to its graph: export, run, and walk with the rules."""
