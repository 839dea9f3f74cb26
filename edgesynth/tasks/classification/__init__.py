"""Image classification and its data sets."""
