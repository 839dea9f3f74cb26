"""One ssh connection to the application on another machine: bytes are sent, lines come back."""

import os
import select
import shlex
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any, Dict, Iterator, Optional, Type

from edgesynth.benchmark.interruption import tell
from edgesynth.benchmark.remote.address import Address
from edgesynth.benchmark.remote.application import application, bootstrap_of
from edgesynth.benchmark.remote.ssh_refusals import explain
from edgesynth.benchmark.result.result import MOST_BYTES
from edgesynth.benchmark.service.bootstrap import MARK
from edgesynth.benchmark.service.serving import STOP
from edgesynth.children import end_of
from edgesynth.errors import UserError
from edgesynth.files.json_file import parse_json

BEAT_S = 5.0
FAREWELL_S = 15.0
# A measurement ends within a window of it; a build of TensorRT may take longer, and is then ended by hanging up.
STOP_S = 60.0
_QUIETLY = ["-T", "-a", "-x", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "BatchMode=yes"]
_NOT_FOR_EVER = ["-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
_NOT_FOUND = (126, 127)


class Connection:
    """The application, running on the other machine, from `with` to its end.

    Args:
        address: where.
        python: the Python there, a name or a path.

    Attributes:
        beating: whether to show the other side, as long as it says nothing, that somebody still waits; to be set when
            all that it waits for is sent.

    Raises:
        UserError: there is no ssh here.
    """

    def __init__(self, address: Address, python: str) -> None:
        self.address = address
        self.python = python
        self.beating = False
        self._heard = False
        self._farewell_s = FAREWELL_S
        self._stop_until_s: Optional[float] = None
        self._application = application()
        # Paths of ~/ are relative to where a login begins; a locale of UTF-8 for names that are not ASCII.
        home = python[2:] if python.startswith("~/") else python
        code = shlex.quote(bootstrap_of(self._application))
        there = "exec env LC_ALL=C.UTF-8 {} -c {}".format(shlex.quote(home), code)
        user = ["-l", address.user] if address.user else []
        port = ["-p", str(address.port)] if address.port else []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the connection)
        try:
            self._ssh = subprocess.Popen(
                ["ssh"] + _QUIETLY + _NOT_FOR_EVER + user + port + ["--", address.host, there],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for us: what runs there must have the time to end
            )
        except FileNotFoundError:
            self._said.close()
            raise UserError("ssh was not found; install it: apt install openssh-client") from None
        assert self._ssh.stdin and self._ssh.stdout
        self._there, self._back = self._ssh.stdin, self._ssh.stdout

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """Close the connection: what runs there ends and cleans up, then ssh ends."""
        self._there.close()
        try:
            if self._heard:
                self._drain(time.monotonic() + self._farewell_s)
        finally:
            self._ssh.kill()
            self._ssh.wait()
            self._back.close()
            self._said.close()

    def send(self, content: bytes) -> None:
        """Send bytes; where the other side is gone, `frames` tells why."""
        view = memoryview(content)
        try:
            while view:
                view = view[self._there.write(view) :]
        except BrokenPipeError:
            pass

    def stop(self) -> None:
        """First Ctrl-C: stop the measurement there and receive what it has measured.

        Raises:
            KeyboardInterrupt: nothing is measured there yet.
        """
        if not self.beating:
            raise KeyboardInterrupt
        tell("it is stopped on {}, and what was measured is fetched (again: at once)".format(self.address.host))
        self._stop_until_s = time.monotonic() + STOP_S
        self.send(STOP)

    def abandon(self) -> None:
        """Second Ctrl-C: close the connection without waiting; what runs there ends by itself.

        Raises:
            KeyboardInterrupt: always.
        """
        self._farewell_s = 0.0
        raise KeyboardInterrupt

    def frames(self) -> Iterator[Dict[str, Any]]:
        """Send the application, then yield its messages until it ends; other output of the shell is skipped.

        Raises:
            UserError: it was to stop and does not, or says what no edgesynth says.
        """
        self.send(self._application)
        rest = b""
        while True:
            while self.beating and not select.select([self._back], [], [], self._patience_s())[0]:
                self.send(b"\n")
            part = os.read(self._back.fileno(), 1 << 16)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > MOST_BYTES:
                raise self._not_ours("a line of more than {:,} bytes".format(MOST_BYTES))
            for line in lines:
                _, mark, frame = line.partition(MARK.encode())
                if mark:
                    self._heard = True
                    try:
                        document = parse_json(frame)
                    except ValueError as error:
                        raise self._not_ours(str(error)) from None
                    if not isinstance(document, dict):
                        raise self._not_ours("no object")
                    yield document

    def _not_ours(self, why: str) -> UserError:
        return UserError("on {}: what came back is not of edgesynth ({}); try again".format(self.address.host, why))

    def why_not(self) -> UserError:
        """Why the other side ended without saying so."""
        code = self._ssh.wait()
        self._said.seek(0)
        said = [line.strip() for line in self._said.read().decode("utf-8", "replace").splitlines() if line.strip()]
        if self._heard and code == 255:
            # ssh has no words for a process that was killed there.
            killed = "what ran there was killed; the likely cause is too little memory, which dmesg tells there"
            broke = "the connection broke ({})".format(said[-1]) if said else killed
            why = broke + "; nothing was written here: measure again"
        elif self._heard:
            why = "it ended there ({}); measure again".format(said[-1] if said else end_of(code, by_shell=True))
        elif code < 0:
            why = "ssh was ended here by {}".format(end_of(code))
        elif code in _NOT_FOUND:
            advice = "install it (sudo apt install python3), or name another with --remote-python"
            why = "{} was not found there; {}".format(self.python, advice)
        else:
            why = explain(self.address, said, code)
        return UserError("on {}: {}".format(self.address.host, why))

    def _patience_s(self) -> float:
        """Seconds to wait for a message until the next beat is due."""
        if self._stop_until_s is None:
            return BEAT_S
        left_s = self._stop_until_s - time.monotonic()
        if left_s <= 0:
            raise UserError(
                "on {}: the measurement did not stop within {:g} s of Ctrl-C and is ended there; nothing was written "
                "here: measure again".format(self.address.host, STOP_S)
            )
        return min(BEAT_S, left_s)

    def _drain(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            ready = select.select([self._back], [], [], max(0.0, until_s - time.monotonic()))[0]
            if ready and not os.read(self._back.fileno(), 1 << 16):
                return
