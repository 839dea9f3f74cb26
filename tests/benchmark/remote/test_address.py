import pytest

from edgesynth.benchmark.remote.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://user@tx2", Address("tx2", "user", None)),
        ("ssh://TX2-Lab", Address("TX2-Lab", None, None)),
        ("ssh://user@192.168.55.1:2222/", Address("192.168.55.1", "user", 2222)),
        ("ssh://user@[fe80::1%usb0]:22", Address("fe80::1%usb0", "user", 22)),
    ],
)
def test_an_address_is_taken_apart(text, address):
    assert parse_address(text) == address


def test_the_line_to_log_in_by_hand():
    assert parse_address("ssh://user@tx2:2222").by_hand == "ssh -p 2222 user@tx2"
    assert parse_address("ssh://tx2").by_hand == "ssh tx2"
