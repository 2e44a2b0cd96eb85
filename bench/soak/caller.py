"""How a document system calls its agency's nodes: any of them, again and again, as a patient program does."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import httpx2

from bench.soak.cast import Json

_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.0)
_LONGEST_RETRY_AFTER = 2.0
_SECONDS = 40.0
_MOST_TRIES = 400

Parts = Sequence[tuple[str, tuple[str, bytes, str]]]


class Unwilling(Exception):
    """The gateway did not do it, however often it was asked."""


class Caller:
    """Calls until it is answered. What may be said twice is said to another node after a cut or a 5xx."""

    def __init__(self, addresses: Sequence[str], key: str, seed: str) -> None:
        self.trouble: Counter[str] = Counter()
        self._addresses = addresses
        self._chance = random.Random(f"{seed} caller")
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20)
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx2.AsyncClient(headers=headers, timeout=_SECONDS, limits=limits, trust_env=False)

    async def get(self, path: str, **params: str | int) -> httpx2.Response:
        """GET."""
        return await self.call("GET", path, params=params)

    async def post(self, path: str, body: Json) -> httpx2.Response:
        """POST of JSON."""
        return await self.call("POST", path, json=body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Json | None = None,
        files: Parts | None = None,
        headers: Mapping[str, str] | None = None,
        tries: int = _MOST_TRIES,
    ) -> httpx2.Response:
        """The first answer that is one, whatever it says. Raises Unwilling after so many tries."""
        for number in range(tries):
            address = self._chance.choice(self._addresses)
            wait = _PAUSES[min(number, len(_PAUSES) - 1)]
            try:
                answer = await self._http.request(
                    method, f"{address}{path}", params=params, json=json, files=files, headers=headers
                )
            except httpx2.TransportError as error:
                self.trouble[type(error).__name__] += 1
            else:
                if answer.status_code not in _AGAIN:
                    return answer
                self.trouble[f"http_{answer.status_code} {code_of(answer)}"] += 1
                wait = max(wait, min(_seconds(answer.headers.get("Retry-After")), _LONGEST_RETRY_AFTER))
            await asyncio.sleep(wait)
        raise Unwilling(f"{method} {path}: no answer in {tries} tries")

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()


def code_of(answer: httpx2.Response) -> str:
    """The stable code of a refusal."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    return str(said.get("code", "")) if isinstance(said, dict) else ""


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0
