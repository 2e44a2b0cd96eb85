"""One agency: its gateway in a process, and its document system, which is this program."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from demo.processes import Processes, StepFailed

STEP_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class UnitSpec:
    """A unit with the name it bears."""

    code: str
    name: str


class Agency:
    """A gateway and what its document system does with it over HTTP."""

    def __init__(self, *, name: str, system_id: str, units: tuple[UnitSpec, ...], folder: Path) -> None:
        self.name = name
        self.units = units
        self.key = ""
        self.address = ""
        self._system_id = system_id
        self._folder = folder
        self._seen = 0
        self._http = httpx2.Client(timeout=STEP_SECONDS)

    @property
    def environment(self) -> dict[str, str]:
        """What its gateway is configured by."""
        return {
            "GATEWAY_DATABASE_URL": f"sqlite:///{self._folder / 'gateway.db'}",
            "GATEWAY_BLOB_URL": str(self._folder / "blobs"),
        }

    def set_up(self, processes: Processes, axis: str, secret: str) -> None:
        """What an operator does once: database, connection, units, a key for the document system; then start."""
        self._folder.mkdir(parents=True)
        secret_file = self._folder / "axis-secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(secret)
        run = processes.command
        run(["migrate"], self.environment)
        run(
            [
                *("connections", "add", "axis", "--system-id", self._system_id, "--secret-file", str(secret_file)),
                *("--endpoint", f"{axis}/XrdAdapter/adapter", "--allow-plain-http", "--poll-seconds", "1"),
            ],
            self.environment,
        )
        for unit in self.units:
            run(["units", "add", unit.code, "--name", unit.name, "--connection", "axis"], self.environment)
        key_file = self._folder / "key"
        codes = [part for unit in self.units for part in ("--unit", unit.code)]
        run(["clients", "add", "qlvb", *codes, "--key-file", str(key_file)], self.environment)
        self.key = key_file.read_text().strip()
        run(["connections", "activate", "axis", "--since", "today", "--yes"], self.environment)
        self.address = processes.start(f"gateway-{self._folder.name}", ["serve", "--port", "0"], self.environment)
        self._http.headers["Authorization"] = f"Bearer {self.key}"

    def wait_for_directory(self, code: str) -> None:
        """Until its gateway has the axis's list of agencies: nothing is sent to a code that nobody knows."""

        def listed() -> bool:
            return self._http.get(f"{self.address}/v1/agencies/{code}").status_code == 200

        _until(listed, f"{self.name}: the axis's list of agencies with {code}")

    def send(self, document: Mapping[str, object], files: list[Path]) -> str:
        """Hand a document with files over; its address at the gateway."""
        parts: list[tuple[str, tuple[str, bytes, str]]] = [
            ("document", ("document.json", json.dumps(document, ensure_ascii=False).encode(), "application/json"))
        ]
        parts += [("files", ("file", path.read_bytes(), "application/octet-stream")) for path in files]
        answer = self._http.post(
            f"{self.address}/v1/documents", files=parts, headers={"Idempotency-Key": "demo-document-1"}
        )
        if answer.status_code != 202:
            raise StepFailed(f"{self.name}: the document was not taken over: {answer.text}")
        return str(answer.headers["Location"])

    def document(self, address: str) -> dict[str, object]:
        """The document as the gateway shows it."""
        answer = self._http.get(f"{self.address}{address}")
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def claim(self, count: int) -> list[dict[str, object]]:
        """Claim deliveries until there are so many."""
        claims: list[dict[str, object]] = []

        def enough() -> bool:
            answer = self._http.post(
                f"{self.address}/v1/inbox:claim", json={"limit": 10, "wait": 1, "kinds": ["document"]}
            )
            answer.raise_for_status()
            claims.extend(answer.json()["items"])
            return len(claims) >= count

        _until(enough, f"{self.name}: {count} documents in the inbox")
        return claims

    def download(self, address: str) -> bytes:
        """A file's bytes."""
        answer = self._http.get(f"{self.address}{address}")
        answer.raise_for_status()
        return answer.content

    def confirm(self, claim: Mapping[str, object]) -> None:
        """Say that the document system has it; 01 then goes out by itself."""
        answer = self._http.post(f"{self.address}/v1/inbox/{claim['id']}/confirm", json={"lease": claim["lease"]})
        answer.raise_for_status()

    def report(self, address: str, code: str, description: str) -> None:
        """Report a step; the gateway relays it."""
        body = {"code": code, "description": description, "staff": {"department": "Văn thư", "staff": "Lê Văn Mẫu"}}
        answer = self._http.post(f"{self.address}{address}/statuses", json=body)
        if answer.status_code not in (200, 201, 202):
            raise StepFailed(f"{self.name}: status {code} was not taken: {answer.text}")

    def events(self) -> list[dict[str, object]]:
        """What is new in the feed since the last look."""
        answer = self._http.get(f"{self.address}/v1/events", params={"after": self._seen, "limit": 200})
        answer.raise_for_status()
        body = answer.json()
        self._seen = body["next"]
        found: list[dict[str, object]] = body["items"]
        return found

    def close(self) -> None:
        """Give back connections."""
        self._http.close()


def _until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STEP_SECONDS
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(0.1)
    raise StepFailed(f"did not happen within {STEP_SECONDS:.0f} s: {what}")
