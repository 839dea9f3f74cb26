"""The generations of TensorRT: what differs between them as one interface, and a file for each of the three."""
