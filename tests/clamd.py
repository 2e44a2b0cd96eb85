"""A real clamd for the tests: its own configuration and a signature database of one made-up piece of malware."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from parts import missing

MALWARE = b"lien-thong-gateway: this stands for malware in tests 4f1a"
"""What the made database knows; clamd names it MALWARE_NAME."""
MALWARE_NAME = "Test.Malware.UNOFFICIAL"
_START_SECONDS = 30


@dataclass
class Clamd:
    """One running daemon, reachable in both ways."""

    unix: str
    tcp: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def socket_path() -> Iterator[Path]:
    """Where a daemon may listen: a socket's path has at most 107 bytes, and a test's own folder may be longer."""
    with tempfile.TemporaryDirectory(prefix="clamd-", dir="/tmp") as folder:
        yield Path(folder) / "clamd.sock"


@contextmanager
def running(folder: Path, settings: Mapping[str, str] = {}, *, unix: Path | None = None) -> Iterator[Clamd]:
    """A daemon for as long as the block lasts; skips, loudly, where none can be had. `settings` are of clamd.conf."""
    program = shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        missing("clamd", "not installed (apt-get install --no-install-recommends clamav-daemon)")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.ndb").write_text(f"Test.Malware:0:*:{MALWARE.hex()}\n")
    with nullcontext(unix) if unix else socket_path() as path:
        yield from _started(program, folder, path, settings)


def _started(program: str, folder: Path, path: Path, settings: Mapping[str, str]) -> Iterator[Clamd]:
    port = _free_port()
    lines = {
        "DatabaseDirectory": str(folder),
        "LocalSocket": str(path),
        "TCPSocket": str(port),
        "TCPAddr": "127.0.0.1",
        "Foreground": "yes",
        "OfficialDatabaseOnly": "no",
        **({"User": "root"} if os.geteuid() == 0 else {}),
        **settings,
    }
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    with (folder / "clamd.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(folder / "clamd.conf")], stdout=log, stderr=log)
    try:
        _wait(path, process, folder)
        yield Clamd(unix=f"unix:{path}", tcp=f"tcp:127.0.0.1:{port}", process=process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START_SECONDS)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait(path: Path, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.connect(str(path))
                one.sendall(b"zPING\0")
                if one.recv(16) == b"PONG\0":
                    return
            except OSError:
                time.sleep(0.02)
    missing("clamd", "does not start: " + (folder / "clamd.log").read_text(errors="replace")[-300:])
