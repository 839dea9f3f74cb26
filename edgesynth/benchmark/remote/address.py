"""The address of another machine: `ssh://user@host[:port]`."""

import re
from typing import NamedTuple, Optional

from edgesynth.errors import UserError

LOCAL = "local"
# A name that begins with a dash would be an option to ssh; an IPv6 address stands in brackets.
_FORM = re.compile(
    r"ssh://(?:(?P<user>[^@/:\s-][^@/:\s]*)@)?(?:\[(?P<ipv6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^@/:\[\]\s-][^@/:\[\]\s]*))"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)


class Address(NamedTuple):
    """Where ssh goes.

    Attributes:
        host: a name (of `~/.ssh/config` too) or an address.
        user: None for what ssh takes by itself.
        port: None for what ssh takes by itself.
    """

    host: str
    user: Optional[str]
    port: Optional[int]

    @property
    def by_hand(self) -> str:
        """The line that logs in by hand."""
        port = "-p {} ".format(self.port) if self.port else ""
        return "ssh {}{}{}".format(port, self.user + "@" if self.user else "", self.host)


def parse_address(text: str) -> Address:
    """Read an address.

    Args:
        text: `ssh://user@host[:port]`; the user may be left out.

    Raises:
        UserError: it is of another form.
    """
    match = _FORM.fullmatch(text)
    port = int(match.group("port")) if match and match.group("port") else None
    if match is None or port == 0 or (port or 0) > 65535:
        raise UserError(
            "{!r} is no machine to measure on; give {} (this one) or ssh://user@host[:port]".format(text, LOCAL)
        )
    return Address(match.group("ipv6") or match.group("host"), match.group("user"), port)
