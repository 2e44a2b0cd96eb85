"""Secrets, signatures, ids and bodies of webhooks."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_receiver import Call

from gateway.handover.model import Event
from gateway.handover.webhooks import signing
from gateway.problems import Problem

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENDPOINT = "01a200fb-5100-7000-82c6-bbf9031a0ea3"
AT = datetime(2021, 2, 25, 14, 42, 10, tzinfo=UTC)


def event(seq: int = 7, document: str | None = "d1", **data: str) -> Event:
    return Event(seq=seq, at=AT, kind="status.received", unit_code="H99", document_id=document, data=data)


def test_a_signature_is_that_of_the_libraries_of_standard_webhooks() -> None:
    headers = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        [signing.key_of(VECTOR_SECRET)],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=2, unique=True), st.binary(max_size=300))
def test_each_of_the_secrets_verifies_what_both_signed(keys: list[bytes], body: bytes) -> None:
    call = Call("/", signing.headers("msg_1", AT, body, keys), body)
    assert all(call.verified("whsec_" + base64.b64encode(key).decode()) for key in keys)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "c2VjcmV0", "whsec_!!!", "whsec_" + "QUJD" * 7, "whsec_" + "QUJD" * 22, "whsec_ă"]
)
def test_what_is_no_secret_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(Problem) as refused:
        signing.key_of(secret)
    assert refused.value.code == "webhook.secret"
    assert not secret or secret not in str(refused.value.text) + str(refused.value.action) or secret == "whsec_"


def test_a_new_secret_can_be_used() -> None:
    assert len(signing.key_of(signing.new_secret())) == 32


def test_an_id_is_the_same_for_each_try_and_another_for_each_event_and_endpoint() -> None:
    other = "01a200fb-5100-7000-82c6-bbf9031a0ea4"
    ids = [signing.id_of(ENDPOINT, event()), signing.id_of(ENDPOINT, event(8)), signing.id_of(other, event())]
    assert signing.id_of(ENDPOINT, event()) == ids[0]
    assert len(set(ids)) == 3
    assert all("." not in one for one in ids)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5), st.none() | st.text(max_size=36))
def test_a_body_is_json_whatever_the_event_says(data: dict[str, str], document: str | None) -> None:
    one = Event(seq=1, at=AT, kind="status.received", unit_code=None, document_id=document, data=data)
    try:
        body = signing.body_of(one, lambda id: f"/v1/documents/{id}")
    except UnicodeEncodeError:
        assert any("\ud800" <= letter <= "\udfff" for letter in str(data) + str(document))
        return
    assert json.loads(body)["data"]["data"] == data
