"""What is set on a parsed network before it is built: ranges of its tensors, precisions of its layers."""
