"""The simulated axis as a process."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from axis_requests import NOW, Caller

from gateway.axis.vxp.wire import Operation
from gateway.problems import Problem
from gateway.simulator.run import run
from gateway.simulator.serving import listening
from gateway.simulator.settings import SystemSpec

PROGRAM = """
from datetime import UTC, datetime
from gateway.simulator.run import run
from gateway.simulator.settings import SystemSpec
run(0, [SystemSpec.parse("00.99.H99:secret:H99")], ["html-502=once"], clock=lambda: datetime.now(UTC), seed=1,
    readings=["timestamp-window=none"])
"""


@pytest.mark.process
def test_it_says_where_it_is_ready_and_cleans_up_when_told_to_stop(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        words, _, address = line.strip().rpartition(" ")
        assert words == "axis-sim ready on"
        assert next(tmp_path.glob("axis-sim-*")).is_dir()
        with httpx2.Client(timeout=10, trust_env=False) as http:
            caller = Caller(address, "00.99.H99", "secret", http)
            headers = {"Content-Type": "application/json"}
            assert http.post(f"{address}/getAgenciesList", headers=headers).status_code == 502
            assert [row["code"] for row in caller.json(Operation.AGENCIES)["data"]] == ["H99"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not list(tmp_path.glob("axis-sim-*"))


def test_a_port_that_is_taken_is_a_problem(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(Problem, match=r"simulator\.port"):
            run(port, [SystemSpec.parse("a:b:H99")], [], clock=lambda: NOW)


def test_an_answer_does_not_wait_for_an_acknowledgement_of_tcp() -> None:
    with listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
