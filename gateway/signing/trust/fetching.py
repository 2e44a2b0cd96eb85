"""Fetching CRLs and OCSP answers from the addresses that certificates name: only configured hosts, all bounded."""

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx2

from gateway.addresses import Address, Resolve, allowed_address, resolved

_LONGEST_ADDRESS = 2000


class NotFetched(Exception):
    """Nothing was learnt; `reason` is a word that `reasons.undetermined` explains."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """`hosts`: the only ones that are called. `seconds`: for a whole fetch. `most`: bytes of an answer."""

    hosts: frozenset[str]
    seconds: float
    most: int


class Fetcher:
    """Fetches. No redirects, no proxies, no compression; what comes is checked by its signature, not by who sent it."""

    def __init__(self, settings: FetchSettings, *, resolve: Resolve = resolved) -> None:
        self._settings = settings
        self._resolve = resolve

    def allowed(self, url: str) -> SplitResult:
        """The parts of an address that may be called. Raises NotFetched."""
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise NotFetched("host_not_allowed") from None
        usable = (
            len(url) <= _LONGEST_ADDRESS and parts.scheme in ("http", "https") and url.isascii() and url.isprintable()
        )
        if not usable or parts.username is not None or (parts.hostname or "") not in self._settings.hosts:
            raise NotFetched("host_not_allowed")
        return parts

    async def crl(self, url: str) -> bytes:
        """A list. Raises NotFetched."""
        return await self._fetch("GET", url, None)

    async def ocsp(self, url: str, request: bytes) -> bytes:
        """An answer (RFC 6960 A.1). Raises NotFetched."""
        return await self._fetch("POST", url, request)

    async def _fetch(self, method: str, url: str, body: bytes | None) -> bytes:
        parts = self.allowed(url)
        try:
            async with asyncio.timeout(self._settings.seconds):
                address = await self._address(parts)
                return await self._exchange(method, parts, address, body)
        except (TimeoutError, httpx2.TimeoutException):
            raise NotFetched("timeout") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            raise NotFetched("unreachable") from None

    async def _address(self, parts: SplitResult) -> Address:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await allowed_address(parts.hostname or "", port, self._resolve)
        if address is None:
            raise NotFetched("address_not_allowed")
        return address

    async def _exchange(self, method: str, parts: SplitResult, address: Address, body: bytes | None) -> bytes:
        trust = await asyncio.to_thread(ssl.create_default_context) if parts.scheme == "https" else False
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "lienthong-gateway"}
        if body is not None:
            headers |= {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
        async with (
            httpx2.AsyncClient(
                transport=httpx2.AsyncHTTPTransport(verify=trust, trust_env=False, retries=0),
                follow_redirects=False,
                trust_env=False,
                timeout=self._settings.seconds,
            ) as client,
            client.stream(
                method,
                _at(parts, address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": parts.hostname or ""},
            ) as response,
        ):
            if response.status_code != 200:
                raise NotFetched("http_status")
            found = bytearray()
            async for piece in response.aiter_raw():
                found += piece
                if len(found) > self._settings.most:
                    raise NotFetched("too_large")
            return bytes(found)


def _at(parts: SplitResult, address: Address) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    port = f":{parts.port}" if parts.port is not None else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}{query}"
