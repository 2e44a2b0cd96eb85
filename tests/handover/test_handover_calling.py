"""Which hosts and addresses are called, and what is read of an answer's head."""

import ipaddress
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from email.utils import format_datetime

import pytest
import pytest_asyncio
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from test_handover_patience import ENDPOINT
from webhook_receiver import Receiver, always, receiving

from gateway.addresses import forbidden
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.handover.webhooks.model import Called, Endpoint
from gateway.problems import Kind, Problem, Text

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def called(
    url: str,
    *,
    hosts: Sequence[str] = ("qlvb.example",),
    addresses: Sequence[str] = ("127.0.0.1",),
    plain: bool = True,
    secret: str = SECRET,
) -> Called:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port > 0) == ("qlvb.example", True)
        return addresses

    def read(_: str) -> str:
        if not secret:
            raise Problem("connection.secret", Kind.UNAVAILABLE, Text("", ""), Text("", ""))
        return secret

    clock = FakeClock()
    caller = Caller(CallSettings(hosts=frozenset(hosts), seconds=2), read_secret=read, clock=clock, resolve=resolve)
    try:
        return await caller.test(_endpoint(url, plain))
    finally:
        await caller.close()


def _endpoint(url: str, plain: bool) -> Endpoint:
    values = {name: getattr(ENDPOINT, name) for name in Endpoint.__dataclass_fields__}
    return Endpoint(**{**values, "url": url, "allow_plain_http": plain})


class TestHosts:
    async def test_a_name_is_called_at_the_address_that_was_looked_at(self, receiver: Receiver) -> None:
        came = await called(f"http://qlvb.example:{receiver.port}/hook")
        (call,) = receiver.calls
        assert (came.failure, call.headers["host"]) == (None, f"qlvb.example:{receiver.port}")

    @pytest.mark.parametrize(
        ("url", "failure"),
        [
            ("http://other.example/", "host_not_allowed"),
            ("http://qlvb.example.evil.example/", "host_not_allowed"),
            ("http://127.0.0.1/", "host_not_allowed"),
        ],
    )
    async def test_no_other_host_is_called(self, url: str, failure: str) -> None:
        assert (await called(url)).failure == failure

    async def test_plain_http_has_to_be_allowed(self) -> None:
        assert (await called("http://qlvb.example/", plain=False)).failure == "plain_http"

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "169.254.1.1", "fe80::1%eth0", "0.0.0.0", "::ffff:a9fe:a9fe"]
    )
    async def test_a_name_that_leads_to_a_forbidden_address_is_not_called(self, address: str) -> None:
        assert (await called("http://qlvb.example/", addresses=[address])).failure == "address_not_allowed"

    async def test_of_several_addresses_an_allowed_one_is_taken(self, receiver: Receiver) -> None:
        url = f"http://qlvb.example:{receiver.port}/"
        assert (await called(url, addresses=["169.254.169.254", "127.0.0.1"])).failure is None

    async def test_an_address_written_by_the_operator_is_called(self, receiver: Receiver) -> None:
        assert (await called(receiver.url, hosts=["127.0.0.1"])).failure is None

    @pytest.mark.parametrize("secret", ["", "no secret"])
    async def test_without_a_usable_secret_nothing_is_called(self, receiver: Receiver, secret: str) -> None:
        came = await called(f"http://qlvb.example:{receiver.port}/", secret=secret)
        assert (came.failure, receiver.calls) == ("secret", [])

    async def test_tls_to_who_speaks_none_is_named(self, receiver: Receiver) -> None:
        assert (await called(f"https://qlvb.example:{receiver.port}/")).failure in ("tls", "connect")


@given(st.ip_addresses(v=4, network="169.254.0.0/16") | st.ip_addresses(v=6, network="fe80::/10"))
def test_link_local_addresses_are_forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert forbidden(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "127.0.0.1", "::1", "fd12::7", "203.162.0.1"])
def test_addresses_of_agencies_are_not(address: str) -> None:
    assert not forbidden(ipaddress.ip_address(address))


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("120", 120.0), ("99999999", 86_400.0), ("-5", None), ("soon", None), ("9" * 50, None)],
    )
    async def test_seconds(self, receiver: Receiver, value: str, seconds: float | None) -> None:
        receiver.respond = always(503, Retry_After=value)
        assert (await called(receiver.url, hosts=["127.0.0.1"])).retry_after == seconds

    async def test_a_date(self, receiver: Receiver) -> None:
        moment = FakeClock()() + timedelta(seconds=90)
        receiver.respond = always(429, Retry_After=format_datetime(moment))
        assert (await called(receiver.url, hosts=["127.0.0.1"])).retry_after == 90.0
