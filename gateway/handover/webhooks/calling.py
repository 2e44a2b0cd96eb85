"""One call of one endpoint: only a configured host, at an address that was looked at, without redirects, bounded."""

import asyncio
import email.utils
import secrets
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

import httpx2

from gateway.addresses import Address, Resolve, allowed_address, resolved
from gateway.handover.webhooks import signing
from gateway.handover.webhooks.model import Called, Endpoint
from gateway.problems import Problem
from gateway.times import Clock, aware

LONGEST_RETRY_AFTER = 24 * 3600.0
_ANSWER_BYTES = 16 * 1024
_DRAIN_SECONDS = 1.0
_KEPT_SECONDS = 2.0
_TO_CONNECT = 0.6
"""Of a call's time; the library then closes what it opened, as it does not when our own time-out cuts it off."""
_USER_AGENT = "lienthong-gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """`hosts`: the only ones that are called. `seconds`: for a whole call, up to the answer's status."""

    hosts: frozenset[str]
    seconds: float


class Caller:
    """Calls endpoints. Keeps one HTTP client for each endpoint as it is now configured, so that no other shares it."""

    def __init__(
        self,
        settings: CallSettings,
        *,
        read_secret: Callable[[str], str],
        clock: Clock,
        resolve: Resolve = resolved,
    ) -> None:
        self._settings = settings
        self._read_secret = read_secret
        self._clock = clock
        self._resolve = resolve
        self._clients: dict[str, tuple[datetime, httpx2.AsyncClient]] = {}
        self._retired: list[tuple[float, httpx2.AsyncClient]] = []
        self._making = asyncio.Lock()

    async def call(self, endpoint: Endpoint, id: str, body: bytes) -> Called:
        """Tell it. Never raises for what the other side, the line or the configuration does."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._settings.seconds):
                status, after = await self._post(endpoint, id, body)
        except _Refused as refused:
            return Called(failure=refused.reason, seconds=loop.time() - began)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError, ValueError) as error:
            return Called(failure=_reason_of(error), seconds=loop.time() - began)
        return Called(
            failure=None if 200 <= status < 300 else f"http_{status}",
            http_status=status,
            retry_after=self._retry_after(after),
            seconds=loop.time() - began,
        )

    async def test(self, endpoint: Endpoint) -> Called:
        """A call that speaks of nothing and changes nothing here, also of a paused endpoint."""
        return await self.call(endpoint, f"msg_test_{secrets.token_hex(16)}", signing.test_body(self._clock()))

    async def close(self) -> None:
        """Close all connections."""
        for _, client in [*self._clients.values(), *self._retired]:
            await client.aclose()
        self._clients.clear()
        self._retired.clear()

    async def _post(self, endpoint: Endpoint, id: str, body: bytes) -> tuple[int, str | None]:
        parts = urlsplit(endpoint.url)
        host = parts.hostname or ""
        if host not in self._settings.hosts:
            raise _Refused("host_not_allowed")
        if parts.scheme != "https" and not endpoint.allow_plain_http:
            raise _Refused("plain_http")
        keys = await asyncio.to_thread(self._keys, endpoint)
        address = await self._address(host, parts.port or (443 if parts.scheme == "https" else 80))
        client = await self._client(endpoint)
        request = client.build_request(
            "POST",
            _at(parts, address),
            content=body,
            headers={
                **signing.headers(id, self._clock(), body, keys),
                "Host": parts.netloc,
                "Content-Type": "application/json",
                "User-Agent": _USER_AGENT,
            },
            extensions={"sni_hostname": host},
        )
        response = await client.send(request, stream=True)
        try:
            with suppress(TimeoutError, httpx2.HTTPError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await _drain(response)
        finally:
            await response.aclose()
        return response.status_code, response.headers.get("Retry-After")

    def _keys(self, endpoint: Endpoint) -> list[bytes]:
        try:
            return [signing.key_of(self._read_secret(source)) for source in endpoint.secret_sources]
        except Problem:
            raise _Refused("secret") from None

    async def _address(self, host: str, port: int) -> Address:
        """It, and not the name, is then connected to."""
        address = await allowed_address(host, port, self._resolve)
        if address is None:
            raise _Refused("address_not_allowed")
        return address

    async def _client(self, endpoint: Endpoint) -> httpx2.AsyncClient:
        async with self._making:
            kept = self._clients.get(endpoint.id)
            if kept is not None and kept[0] == endpoint.changed_at:
                return kept[1]
            trust = await asyncio.to_thread(_trust, endpoint)
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=8, keepalive_expiry=_KEPT_SECONDS)
            client = httpx2.AsyncClient(
                transport=httpx2.AsyncHTTPTransport(verify=trust, limits=limits, trust_env=False, retries=0),
                follow_redirects=False,
                trust_env=False,
                timeout=httpx2.Timeout(self._settings.seconds, connect=self._settings.seconds * _TO_CONNECT),
            )
            self._clients[endpoint.id] = (endpoint.changed_at, client)
            await self._retire(kept)
            return client

    async def _retire(self, kept: tuple[datetime, httpx2.AsyncClient] | None) -> None:
        """Close clients that were replaced, once no call can be using them any more."""
        now = asyncio.get_running_loop().time()
        over = [client for at, client in self._retired if now - at > self._settings.seconds]
        self._retired = [one for one in self._retired if one[1] not in over]
        if kept is not None:
            self._retired.append((now, kept[1]))
        for client in over:
            await client.aclose()

    def _retry_after(self, value: str | None) -> float | None:
        if value is None or len(value) > 40:
            return None
        if value.strip().isascii() and value.strip().isdigit():
            return min(float(value), LONGEST_RETRY_AFTER)
        try:
            moment = email.utils.parsedate_to_datetime(value)
            seconds = (aware(moment) - aware(self._clock())).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class _Refused(Exception):
    """The call was not made; `reason` is a short stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _at(parts: SplitResult, address: Address) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}"


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.url.startswith("https:"):
        return ssl.create_default_context(cafile=endpoint.ca_file)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _drain(response: httpx2.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; a longer one is cut off."""
    seen = 0
    async for piece in response.aiter_raw():
        seen += len(piece)
        if seen > _ANSWER_BYTES:
            return


def _reason_of(error: Exception) -> str:
    if _lies_in(error, ssl.SSLError):
        return "tls"
    if _lies_in(error, socket.gaierror):
        return "dns"
    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return "connect"
        case TimeoutError() | httpx2.TimeoutException():
            return "timeout"
        case httpx2.RemoteProtocolError() | httpx2.ReadError() | httpx2.WriteError():
            return "cut"
        case _:
            return "network"


def _lies_in(error: BaseException | None, kind: type[BaseException]) -> bool:
    for _ in range(8):
        if error is None or isinstance(error, kind):
            return error is not None
        error = error.__cause__ or error.__context__
    return False
