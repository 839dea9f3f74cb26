"""Another machine: a real sshd on loopback with keys and a home of its own, and an ssh that knows the way to it."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
SSH = shutil.which("ssh")
QUICK = ("--duration-s", "0.05", "--warm-up-s", "0", "--idle-s", "0", "--precision", "fp32")
LONG = ("--duration-s", "60", "--warm-up-s", "0", "--idle-s", "0", "--precision", "fp32")


class Machine:
    """The other machine; `folder` holds its cache, `mark` is in the environment of all that runs there."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.python = sys.executable
        self.cache = folder / "cache"
        self.mark = f"EDGESYNTH_TEST={folder}"
        for name in ("host", "user"):
            self._keygen(name)
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.user = getpass.getuser()
        self.address = f"ssh://{self.user}@127.0.0.1:{self.port}"
        settings = {
            "XDG_CACHE_HOME": self.cache,
            "EDGESYNTH_LOCK": folder / "lock",
            "EDGESYNTH_TEST": folder,
            **environment,
        }
        given = " ".join(f'"{name}={value}"' for name, value in settings.items())
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin yes\nSetEnv {given}\n"
        )
        self.knows((folder / "host.pub").read_text())
        (folder / "bin").mkdir()
        self.ssh(f"-F {folder}/ssh_config")
        (folder / "ssh_config").write_text(
            f"IdentityFile {folder}/user\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n"
            "GlobalKnownHostsFile /dev/null\n"
        )
        self.daemon = None

    def _keygen(self, name):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)

    def ssh(self, options):
        """The ssh on our PATH: the system's, with options before ours."""
        (self.folder / "bin/ssh").write_text(f'#!/bin/sh\nexec {SSH} {options} "$@"\n')
        (self.folder / "bin/ssh").chmod(0o755)

    def knows(self, key):
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {key}")

    def start(self):
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd of root insists on it
        log = self.folder / "sshd.log"
        self.daemon = subprocess.Popen([SSHD, "-D", "-f", self.folder / "sshd_config", "-E", log])
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.05)
        pytest.skip(f"sshd does not start here: {log.read_text()}")

    def stop(self):
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()

    def environment(self, **more):
        return {**os.environ, "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}", **more}

    def processes(self):
        """Process ids of all that runs there, of edgesynth or begun by it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def session(self):
        """The process of sshd that holds the one connection."""
        children = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        (child,) = children
        return int(child)

    def is_clean(self, within_s=30.0):
        """Whether nothing runs there and no run's folder is left, soon."""
        until = time.monotonic() + within_s
        while self.processes() or self.runs():
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def worker(self):
        """The process that measures."""
        (found,) = [
            process for process in self.processes() if b"\0benchmark\0" in Path(f"/proc/{process}/cmdline").read_bytes()
        ]
        return found

    def runs(self):
        return list(self.cache.glob("edgesynth/remote/run-*"))

    def call(self, *arguments, cwd, python=sys.executable, **environment):
        """Run `edgesynth benchmark --on` this machine to its end."""
        done = subprocess.run(
            self.words(*arguments, python=python),
            cwd=cwd,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=90,
        )
        return done.returncode, done.stdout, done.stderr

    def begin(self, *arguments, cwd, **environment):
        """Start a long measurement there; it is returned when it has begun."""
        words = self.words(*LONG, *arguments)
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=self.environment(**environment),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=heeds_ctrl_c,
        )
        for line in process.stderr:
            if line.startswith("measuring"):
                return process
        raise AssertionError(f"it ended with {process.wait()} before it measured")

    def words(self, *arguments, python=sys.executable):
        edgesynth = Path(sys.executable).with_name("edgesynth")
        return [str(edgesynth), "benchmark", *map(str, arguments), "--on", self.address, "--remote-python", str(python)]


def heeds_ctrl_c():
    """A job in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def machine(tmp_path):
    if SSHD is None or SSH is None:
        pytest.skip("no OpenSSH server and client here: apt install openssh-server")
    folder = tmp_path / "machine"
    folder.mkdir()
    there = Machine(folder)
    try:
        there.start()
        yield there
    finally:
        there.stop()
