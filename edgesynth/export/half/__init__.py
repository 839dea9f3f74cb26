"""FP16 files, and what FP16 cannot hold."""
