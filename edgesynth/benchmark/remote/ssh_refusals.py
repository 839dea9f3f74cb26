"""What ssh says when it cannot log in, in the words of what to do next."""

from typing import List

from edgesynth.benchmark.remote.address import Address

# Looked for in this order: a changed key is a failed verification too.
_CAUSES = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known here, so ssh refuses it; if the machine was set up anew, forget the "
        "old key with ssh-keygen -R '{known}', then log in once by hand: {by_hand}",
    ),
    (
        "Host key verification failed",
        "its host key is not known here; log in once by hand and compare the key: {by_hand}",
    ),
    ("Could not resolve hostname", "there is no host of that name; give its address, or enter it in ~/.ssh/config"),
    (
        "Permission denied",
        "the login was refused; it must work without a password (ssh-copy-id, ssh-agent): {by_hand}",
    ),
    ("Too many authentication failures", "the login was refused; name the key for this host in ~/.ssh/config"),
    ("Connection refused", "nothing listens for ssh there; start its sshd, or give the port: ssh://user@host:port"),
    ("timed out", "it does not answer; is it on, and in this network?"),
    ("No route to host", "it does not answer; is it on, and in this network?"),
    ("Network is unreachable", "it does not answer; is it on, and in this network?"),
)


def explain(address: Address, said: List[str], code: int) -> str:
    """One line on why ssh did not get in.

    Args:
        address: where to.
        said: its lines.
        code: its exit code.
    """
    for words, cause in _CAUSES:
        if any(words in line for line in said):
            port = address.port or 22
            known = address.host if port == 22 else "[{}]:{}".format(address.host, port)
            return cause.format(known=known, by_hand=address.by_hand)
    return "ssh ended with exit code {} ({}); try by hand: {}".format(
        code, said[-1] if said else "without a word", address.by_hand
    )
