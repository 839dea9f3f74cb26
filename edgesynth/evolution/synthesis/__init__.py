"""Synthesis: DNA x environment, drawn to a genome (Deep Learning with Darwin; Evolution in Groups)."""
