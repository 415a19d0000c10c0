"""Real servers for tests: PostgreSQL, Slurm, SSH; each with files in a new temporary folder, on 127.0.0.1 or a socket.

Where one can't be had the test is skipped, and the reason says which. `.ci/run` installs them.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds that a server may take to start, on a busy machine
_PDEATHSIG = 1  # of prctl(2), Linux
TOOLS = (*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin")


def tool(name: str, server: str, *more: Path) -> str:
    """A program of a server; skips the test where there is none."""
    found = shutil.which(name, path=":".join((*TOOLS, *map(str, more))))
    if found is None:
        pytest.skip(f"no {server} here: {name} is missing")
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(there: Callable[[], bool], what: str, log: Path) -> None:
    """Wait until something is there; the log says why it never was."""
    end = time.monotonic() + PATIENCE
    while not there():
        if time.monotonic() > end:
            said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise AssertionError(f"{what} didn't start in {PATIENCE:.0f} s: {said}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def folder_of(user: int | None) -> Iterator[Path]:
    """A new folder, which belongs to `user`."""
    with tempfile.TemporaryDirectory(prefix="cimlearn-server-", ignore_cleanup_errors=True) as name:
        if user is not None:
            os.chown(name, user, -1)
        yield Path(name)


@contextmanager
def running(
    command: list[str], log: Path, stop: signal.Signals = signal.SIGTERM, **more: object
) -> Iterator[None]:
    """A server that runs meanwhile, and ends with this process even if that is killed."""
    end_with_parent = partial(ctypes.CDLL(None).prctl, _PDEATHSIG, stop)
    with log.open("wb") as out:
        pipes: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, **more}
        process = subprocess.Popen(command, preexec_fn=end_with_parent, **pipes)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database of a PostgreSQL server, which listens on a socket in its folder alone."""
    pytest.importorskip("psycopg", reason="no driver of PostgreSQL here: psycopg is missing")
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb, server = (tool(name, "PostgreSQL", *there) for name in ("initdb", "postgres"))
    user, who = (None, pwd.getpwuid(os.getuid()).pw_name)
    if os.getuid() == 0:  # it refuses to run as root
        with suppress(KeyError):
            user, who = pwd.getpwnam("postgres").pw_uid, "postgres"
        if user is None:
            pytest.skip("no PostgreSQL here: there is no user postgres, and it refuses to run as root")
    with folder_of(user) as folder:
        data, log = folder / "data", folder / "log"
        own: dict[str, object] = {"user": user, "cwd": folder}
        made = [initdb, "-D", str(data), "-A", "trust", "-U", who, "--no-sync", "--no-instructions"]
        subprocess.run(made, check=True, capture_output=True, **own)  # type: ignore[call-overload]
        settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with running([server, "-D", str(data), *words], log, signal.SIGQUIT, **own):
            until(lambda: (folder / ".s.PGSQL.5432").exists(), "PostgreSQL", log)
            yield f"postgresql+psycopg://{who}@/postgres?host={folder}"


_SLURM = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/node.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE
"""


@contextmanager
def slurm() -> Iterator[Mapping[str, str]]:
    """The environment in which Slurm's commands talk to a controller and a node of this machine."""
    munged, controller, node, _ = (
        tool(name, "Slurm") for name in ("munged", "slurmctld", "slurmd", "sbatch")
    )
    if os.getuid() != 0:
        pytest.skip("no Slurm here: slurmd must be started by root")
    with folder_of(None) as folder:
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        ports = {"controller": free_port(), "node": free_port()}
        host = socket.gethostname().split(".")[0]
        (folder / "slurm.conf").write_text(_SLURM.format(folder=folder, host=host, user="root", **ports))
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        files = {
            "socket": "socket",
            "key-file": "key",
            "log-file": "log",
            "pid-file": "pid",
            "seed-file": "seed",
        }
        munge = [f"--{word}={folder}/munge.{name}" for word, name in files.items()]
        logs = {name: folder / f"{name}.log" for name in ("munged", "slurmctld", "slurmd")}
        with running([munged, "--foreground", "--force", *munge], logs["munged"]):
            until(lambda: (folder / "munge.socket").exists(), "munged", logs["munged"])
            with running([controller, "-D", "-i"], logs["slurmctld"], env=environment):
                until(lambda: answers(ports["controller"]), "slurmctld", logs["slurmctld"])
                with running([node, "-D"], logs["slurmd"], env=environment):
                    asked = ["sinfo", "--noheader", "--format=%T"]
                    until(
                        lambda: subprocess.run(asked, env=environment, capture_output=True).stdout == b"idle\n",
                        "Slurm's node", logs["slurmd"],
                    )  # fmt: skip
                    yield environment


@contextmanager
def sshd() -> Iterator[tuple[int, Path]]:
    """The port of an SSH server on 127.0.0.1 and the file of a key that it takes."""
    server, keygen = tool("sshd", "SSH server"), tool("ssh-keygen", "SSH server")
    pytest.importorskip("asyncssh", reason="no SSH client here: asyncssh is missing")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it refuses to start without
    with folder_of(None) as folder:
        for name in ("host", "user"):
            made = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(made, check=True, capture_output=True)
        shutil.copyfile(folder / "user.pub", folder / "authorized")
        port = free_port()
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            f"PidFile {folder}/pid\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        )
        log = folder / "log"
        with running([server, "-D", "-e", "-f", str(folder / "config")], log):
            until(lambda: answers(port), "sshd", log)
            yield port, folder / "user"
