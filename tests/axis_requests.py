"""Signed requests to an axis, made by hand: what a client of the vendor's SDK would put on the wire."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from gateway.axis.vxp import wire
from gateway.axis.vxp.wire import Operation
from gateway.times import VIETNAM

EDOC = {"servicetype": "eDoc", "messagetype": "edoc"}
STATUS = {"servicetype": "eDoc", "messagetype": "status"}
NOW = datetime(2026, 11, 22, 9, tzinfo=VIETNAM)


@dataclass
class Caller:
    """One systemId that calls an axis at `endpoint`."""

    endpoint: str
    system_id: str = "00.99.X99"
    secret: str = "c2VjcmV0LWZvci10ZXN0cw=="
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=20, trust_env=False))

    def headers(self, operation: Operation, params: Mapping[str, str] = {}) -> dict[str, str]:
        """The signed headers of one call."""
        return wire.sign(self.system_id, self.secret, params, operation.content_type, NOW)

    def call(
        self,
        operation: Operation,
        params: Mapping[str, str] = {},
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """One call; `headers` instead of the signed ones."""
        return self.http.request(
            operation.method,
            f"{self.endpoint}/XrdAdapter/adapter/{operation}",
            headers=self.headers(operation, params) if headers is None else headers,
            content=body,
        )

    def json(self, operation: Operation, params: Mapping[str, str] = {}, body: bytes = b"") -> dict[str, Any]:
        """The answer's envelope."""
        answer: dict[str, Any] = self.call(operation, params, body).json()
        return answer

    def send(
        self,
        packet: bytes,
        from_code: str,
        kind: Mapping[str, str] = EDOC,
        *,
        crlf: bytes = wire.CRLF,
        to: list[str] | None = None,
    ) -> dict[str, Any]:
        """sendEdoc as the SDK writes it."""
        hash_file = wire.hash_file_as_sdk(hashlib.sha256(packet).hexdigest())
        params = {**kind, "hash-file": hash_file, "from": from_code}
        if to is not None:
            params["to"] = json.dumps(to)
        return self.json(Operation.SEND, params, packet + crlf)

    def listed(self, kind: Mapping[str, str] = EDOC) -> list[dict[str, Any]]:
        """What waits."""
        answer = self.json(Operation.RECEIVED, kind)
        assert answer["ErrorCode"] == "0"
        rows: list[dict[str, Any]] = answer["data"]
        return rows

    def acknowledge(self, doc_id: str, state: str = "done") -> dict[str, Any]:
        """updateStatus."""
        return self.json(Operation.UPDATE_STATUS, {"docId": doc_id, "status": state}, b"{}")
