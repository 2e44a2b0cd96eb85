"""The door: a correlation id for each request, its key before a byte of its body is read, one log line at its end."""

import asyncio
import hmac
from time import perf_counter
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.clients import Client, Clients, missing_key, unknown_key
from gateway.api.logging import CORRELATION, new_correlation_id
from gateway.api.meters import Meters
from gateway.api.problem import response_of
from gateway.api.settings import ApiSettings
from gateway.problems import Problem

OPEN_PATHS: Final = frozenset({"/health/live"})
OPS_PATHS: Final = frozenset({"/health/ready", "/metrics"})
UPLOAD_PATHS: Final = frozenset({"/v1/documents", "/v1/documents:check"})
CLIENT: Final = "gateway.client"
CLIENT_GONE: Final = 499  # as web servers log a client that went away

log = structlog.stdlib.get_logger("gateway.api")


class Door:
    """ASGI middleware around everything. Sets `scope["state"]`: correlation id and, but for open paths, the client."""

    def __init__(self, app: ASGIApp, clients: Clients, meters: Meters, settings: ApiSettings) -> None:
        self._app = app
        self._clients = clients
        self._meters = meters
        self._settings = settings
        self._ops_token = settings.ops_token.get_secret_value() if settings.ops_token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything but HTTP is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        correlation_id = new_correlation_id(request.headers.get("x-request-id"))
        request.state.correlation_id = correlation_id
        with structlog.contextvars.bound_contextvars(**{CORRELATION: correlation_id}):
            await self._observed(scope, receive, send, correlation_id)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, correlation_id: str) -> None:
        started = perf_counter()
        status = 500

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*_without(message, b"x-request-id"), (b"x-request-id", correlation_id.encode())]
            await send(message)

        try:
            await self._admitted(scope, receive, marked, correlation_id)
        except ClientDisconnect:
            status = CLIENT_GONE
        finally:
            self._note(scope, status, perf_counter() - started)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, correlation_id: str) -> None:
        try:
            await self._admit(Request(scope))
        except Problem as refusal:
            await response_of(refusal, correlation_id)(scope, receive, send)
            return
        if _is_upload(scope):
            await self._app(scope, receive, send)
            return
        await self._app(scope, self._bounded(receive), send)

    async def _admit(self, request: Request) -> None:
        path: str = request.scope["path"]
        if path in OPEN_PATHS:
            return
        token = _bearer(request)
        if path in OPS_PATHS and self._ops_token and hmac.compare_digest(token.encode(), self._ops_token.encode()):
            return
        request.scope[CLIENT] = await self._clients.of_key(token)

    def _bounded(self, receive: Receive) -> Receive:
        """The request's body within size and time. Raised inside the application, which turns it into a problem."""
        left = self._settings.small_body_bytes
        complete = False

        async def bounded() -> Message:
            nonlocal left, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout(self._settings.body_idle_seconds):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if left < 0:
                raise HTTPException(413)
            return message

        return bounded

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        client: Client | None = scope.get(CLIENT)
        self._meters.request(method, route, status, seconds)
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            client=client.id if client else None,
        )


def client_of(request: Request) -> Client:
    """The client whose key was checked at the door."""
    client = request.scope.get(CLIENT)
    if not isinstance(client, Client):
        raise missing_key()
    return client


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _is_upload(scope: Scope) -> bool:
    """Whether the route bounds its body itself."""
    return scope["method"] == "POST" and scope["path"] in UPLOAD_PATHS


def _bearer(request: Request) -> str:
    given = request.headers.getlist("authorization")
    if not given:
        raise missing_key()
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token:
        raise unknown_key()
    return token.strip()


def _without(message: Message, name: bytes) -> list[tuple[bytes, bytes]]:
    return [header for header in message.get("headers", []) if header[0].lower() != name]
