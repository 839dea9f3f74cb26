import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.export import to_onnx
from edgesynth.export.onnx.rewriting.attention import attention
from edgesynth.export.onnx.runtime import run_onnx

LOWER = torch.ones(5, 7, dtype=torch.bool).tril()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"scale": 0.3},
        {"attn_mask": LOWER},
        {"attn_mask": torch.linspace(-2, 2, 35).reshape(5, 7)},
        {"is_causal": True},
    ],
)
def test_it_gives_what_torch_gives(given):
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 4, 7, 8), torch.randn(2, 4, 7, 6)
    torch.testing.assert_close(
        attention(query, key, value, **given), F.scaled_dot_product_attention(query, key, value, **given)
    )


def test_heads_of_the_query_share_those_of_key_and_value():
    query, key, value = torch.randn(2, 6, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    torch.testing.assert_close(
        attention(query, key, value, enable_gqa=True),
        F.scaled_dot_product_attention(query, key, value, enable_gqa=True),
    )


class Looking(nn.Module):
    """A transformer's layer over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, images):
        return self.head(self.layer(images[:, 0]).mean(1))


@pytest.mark.parametrize("opset", [13, 17])
def test_a_transformer_is_written_at_every_opset(tmp_path, opset):
    network, images = Looking().eval(), torch.randn(3, 1, 9, 12)
    to_onnx(network, (1, 9, 12), tmp_path / "model.onnx", opset=opset)
    torch.testing.assert_close(
        run_onnx(tmp_path / "model.onnx", images), network(images).detach(), atol=1e-5, rtol=1e-4
    )
