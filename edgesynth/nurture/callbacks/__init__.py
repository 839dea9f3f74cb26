"""What acts on a network in training besides the gradient."""
