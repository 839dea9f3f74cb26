"""Cluster groups of a bundle: which layers of its model make the channels that live and die together.

`edgesynth export` enters them in the manifest, so that a time measured on a board is told of what evolution can cut.
"""

from typing import Any, Dict, List, NamedTuple, Tuple

GROUPS = "groups"  # of the manifest


class Group(NamedTuple):
    """One cluster group.

    Attributes:
        name: as `edgesynth anatomy` lists it.
        clusters: channels that the individual has of it.
        removable: whether evolution can cut it.
        layers: {node of model.onnx: layer of the network} of the layers that make its channels.
    """

    name: str
    clusters: int
    removable: bool
    layers: Dict[str, str]

    def to_json(self) -> Dict[str, Any]:
        """As the manifest has it."""
        return {
            "name": self.name,
            "clusters": self.clusters,
            "removable": self.removable,
            "layers": [{"node": node, "layer": layer} for node, layer in self.layers.items()],
        }


def read_groups(manifest: Dict[str, Any]) -> Tuple[Group, ...]:
    """Groups of a manifest; none where an older edgesynth wrote it.

    Raises:
        ValueError: they are of another form.
    """
    listed = manifest.get(GROUPS, [])
    if not isinstance(listed, list):
        raise ValueError("{} is no list".format(GROUPS))
    return tuple(_group(entry) for entry in listed)


def layer_of(node: str) -> str:
    """The layer of a node by the name that torch's exporter gives it.

    Each part of the path is a module; one that begins with the part before it is its full name.

    Args:
        node: such as `/layer1/layer1.0/conv1/Conv`.

    Returns:
        `layer1.0.conv1`; the name itself where it is no such path.
    """
    parts = node.strip("/").split("/")
    if not node.startswith("/") or len(parts) < 2:
        return node
    path: List[str] = []
    for part in parts[:-1]:
        if path and part.startswith(path[-1] + "."):
            path.pop()
        path.append(part)
    return ".".join(path)


def _group(entry: Any) -> Group:
    kinds = {"name": str, "clusters": int, "removable": bool, "layers": list}
    for name, kind in kinds.items():
        if not isinstance(entry, dict) or not isinstance(entry.get(name), kind):
            raise ValueError("{}.{} is missing or of another kind".format(GROUPS, name))
    layers = {}
    for pair in entry["layers"]:
        if not isinstance(pair, dict) or not all(isinstance(pair.get(key), str) for key in ("node", "layer")):
            raise ValueError("{}.layers has an entry without node and layer".format(GROUPS))
        layers[pair["node"]] = pair["layer"]
    return Group(entry["name"], entry["clusters"], entry["removable"], layers)
