"""TensorRT of each JetPack: NVIDIA's JetPack release notes.

JetPack 7: dusty-nv/jetson-containers#1263 (TensorRT 10.13 beside CUDA 13); NVIDIA's TensorRT release notes have 11.4
for AGX Orin and Thor with JetPack 7.2.2.
"""

from typing import Tuple

from edgesynth.boards.board import Version

Releases = Tuple[Tuple[Version, str], ...]

JETPACK4: Releases = (((8, 0), "JetPack 4.6"), ((8, 2), "JetPack 4.6.1 to 4.6.6"))
JETPACK5: Releases = (((8, 4), "JetPack 5.0"), ((8, 5), "JetPack 5.1"))
JETPACK6: Releases = (((8, 6), "JetPack 6.0"), ((10, 3), "JetPack 6.1 and 6.2"))
JETPACK7: Releases = (((10, 13), "JetPack 7.0"),)
JETPACK7_2: Releases = (((11, 4), "JetPack 7.2.2"),)
