"""What a stretch of work costs: processor time of each process, requests and commits of the gateways."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.line import Line

_TICK = os.sysconf("SC_CLK_TCK")
_COUNTED = re.compile(
    r"^(gateway_http_requests_total|gateway_axis_calls_total|gateway_database_commits_total)\S* (\S+)$", re.M
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Sums since the processes began. `cpu` in seconds by process; `requests` answered and asked; `commits`."""

    at: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    requests: float = 0.0
    commits: float = 0.0

    def since(self, earlier: "Costs") -> "Costs":
        """What came between two looks; a process that began between them is counted from its beginning."""
        return Costs(
            at=self.at - earlier.at,
            cpu={name: seconds - earlier.cpu.get(name, 0.0) for name, seconds in self.cpu.items()},
            requests=self.requests - earlier.requests,
            commits=self.commits - earlier.commits,
        )


async def look(pids: Mapping[str, int], gateways: Mapping[str, Line], postgres: int | None) -> Costs:
    """Look now. `postgres` is the server's first process."""
    cpu = {name: _own(pid) for name, pid in pids.items()}
    cpu["database"] = _with_children(postgres) if postgres is not None else 0.0
    cpu["caller"] = time.process_time()
    requests, commits = 0.0, 0.0
    for line in gateways.values():
        found = _COUNTED.findall((await line.get("/metrics")).body.decode())
        commits += sum(float(value) for name, value in found if "commits" in name)
        requests += sum(float(value) for name, value in found if "commits" not in name)
    return Costs(at=time.monotonic(), cpu=cpu, requests=requests, commits=commits)


def _own(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def _with_children(pid: int) -> float:
    """The same of a server with its workers, those that ended too."""
    fields = _stat(pid)
    ended = (int(fields[13]) + int(fields[14])) / _TICK if fields else 0.0
    workers = (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())
    return _own(pid) + ended + sum(_own(one) for one in workers if (found := _stat(one)) and found[1] == str(pid))


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc(5) counts it as the third); none of a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
