import subprocess
import sys

import pytest

from edgesynth.errors import UserError
from edgesynth.optional import optional, torchvision


def test_a_module_that_is_there_is_returned():
    assert optional("json", "any").loads("[1]") == [1]


def test_a_module_that_is_not_there_is_refused_with_the_extra_to_install():
    with pytest.raises(UserError, match=r"needs not_there, which is not installed: pip install 'edgesynth\[fancy\]'"):
        optional("not_there.part", "fancy")


def test_a_module_that_lacks_a_module_of_its_own_is_refused_by_both_names(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="half_there needs not_there, which is not installed"):
        optional("half_there", "fancy")


def test_torchvision_builds_networks_and_transforms_whether_its_operators_are_compiled_or_not():
    code = (
        "from edgesynth.optional import torchvision; vision = torchvision();"
        "import torch; from torchvision.transforms import v2;"
        "assert v2.CenterCrop(4)(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 4, 4);"
        "print(vision.models.resnet18().fc.out_features)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "1000", result.stderr


def test_a_torchvision_that_is_not_installed_is_named_with_the_torch_that_it_must_match(monkeypatch):
    import torch

    monkeypatch.setitem(sys.modules, "torchvision", None)
    release = torch.__version__.partition("+")[0]
    with pytest.raises(UserError, match=f"torchvision.*pip install torchvision torch=={release}"):
        torchvision.__wrapped__()
