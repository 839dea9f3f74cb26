"""What runs on the other machine of `edgesynth benchmark --on ssh://...`; `remote` is what asks for it.

Only `worker` needs more than the standard library: with `--docker`, the packages are the image's.
"""
