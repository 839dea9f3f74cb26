"""Whether a bundle still computes on this machine what it did at export, and from which tensor on it does not."""
