"""Packets signed on the way out, looked at on the way in, and treated as is agreed with their senders."""

import io
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from agencies import World, a_world
from authorities import DAY, Identity, issue
from world import DEPARTMENT, OTHER, SENDER, Json, Node, a_document, id_of, until

from gateway import opening
from gateway.evidence.checking import check_bundle
from gateway.evidence.reverifying import reverified
from gateway.signing.facts import Scheme
from gateway.signing.keys import register as keys
from gateway.signing.keys.records import KeyKind, NewKey
from gateway.signing.partners import agreements
from gateway.signing.partners.model import Policy, Treatment
from gateway.signing.trust import register as trust
from gateway.signing.trust.book import REVOCATION_JOB
from gateway.signing.trust.records import Names, Role
from gateway.store import FolderBlobs
from gateway.times import VIETNAM

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = issue("p256-root", authority=True, ends=20_000 * DAY)
OURS = issue("p256-h99", ROOT, ends=10_000 * DAY)
THEIRS = issue("rsa-h98", ROOT, ends=10_000 * DAY)


async def give_key(node: Node, folder: Path, identity: Identity, name: str = "packets") -> Path:
    """The key signs for all units of a node from now on; its file."""
    file = folder / f"{name}.pem"
    file.write_bytes(identity.key_pem() + identity.pem)
    new = NewKey(
        id=name, kind=KeyKind.PEM, unit_code=None, source=f"file:{file}", valid_from=opening.clock() - timedelta(days=1)
    )
    async with node.gateway.store.begin() as tx:
        await keys.add(tx, new, opening.clock())
    return file


async def teach(node: Node, identity: Identity, code: str) -> None:
    """The root is pinned, and the certificate may speak for this code."""
    now = opening.clock()
    async with node.gateway.store.begin() as tx:
        await trust.put(tx, trust.authority(ROOT.certificate, Role.ANCHOR, "", now))
        await trust.let_speak(
            tx,
            names=Names.CERTIFICATE,
            fingerprint=identity.sha256,
            code=code,
            valid_from=now - timedelta(days=30),
            valid_until=None,
            note="",
            now=now,
        )


async def agree(
    node: Node, partner: str = SENDER, *, changed: Treatment = Treatment.MARK, enveloped: bool = False
) -> Policy:
    """What is agreed with a partner from today on."""
    today = opening.clock().astimezone(VIETNAM).date()
    policy = Policy(partner=partner, since=today, changed=changed, enveloped=enveloped)
    async with node.gateway.store.begin() as tx:
        await agreements.agree(tx, policy)
    return policy


async def end(node: Node, policy: Policy) -> None:
    async with node.gateway.store.begin() as tx:
        await agreements.end(tx, policy.partner, policy.since)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signing_world(
    quiet: None, databases: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Both sides sign, and each knows the other's certificate."""
    folder = tmp_path_factory.mktemp("signing")
    async with a_world(databases, folder, GATEWAY_SIGNING_LOOK_SECONDS="0.001") as world:
        await give_key(world.sender, folder / "sender", OURS)
        await give_key(world.receiver, folder / "receiver", THEIRS)
        await teach(world.receiver, OURS, SENDER)
        await teach(world.sender, THEIRS, DEPARTMENT)
        yield world


async def arrived(world: World, document: Json) -> Json:
    """The document as the receiver is shown it."""
    (claim,) = await world.receiver.claims(of=id_of(document))
    await world.receiver.confirm(claim)
    return await world.receiver.document(claim["document"]["href"])


SUBJECT = "V/v ký số gói tin"


def to_department(**more: str) -> Json:
    return a_document(to=[DEPARTMENT], subject=SUBJECT, **more)


def with_subject(packet: bytes, subject: str) -> bytes:
    """The packet with another subject, and nothing else changed."""
    assert packet.count(SUBJECT.encode()) == 1
    return packet.replace(SUBJECT.encode(), subject.encode())


async def test_a_signed_document_arrives_with_every_fact_but_revocation_known(signing_world: World) -> None:
    document = to_department()
    address = await signing_world.sender.sent(document)
    signature = (await arrived(signing_world, document))["signature"]
    assert signature["scheme"] == Scheme.PROFILE_1
    told = ("present", "well_formed", "intact", "covers", "trusted", "speaks_for_sender", "addressed_to_us")
    assert {name: signature[name] for name in told} == dict.fromkeys(told, True)
    assert signature["seen_before"] is False
    assert signature["certificate"]["sha256"] == OURS.sha256
    assert signature["certificate"]["revoked"] is None
    sent = (await signing_world.sender.until_state(address, "sent"))["signature"]
    assert sent["signed_info_sha256"] == signature["signed_info_sha256"]


async def test_the_status_that_comes_back_is_signed_too(signing_world: World) -> None:
    document = to_department()
    address = await signing_world.sender.sent(document)
    await arrived(signing_world, document)
    await signing_world.sender.until_processing(address, "01", DEPARTMENT)
    timeline = (await signing_world.sender.document(address))["timeline"]
    (come,) = [one for one in timeline if one["step"] == "status.in"]
    facts = come["signature"]
    assert (facts["intact"], facts["trusted"], facts["speaks_for_sender"], facts["addressed_to_us"]) == (True,) * 4
    assert facts["algorithm"] == "rsa-sha256"


async def test_what_is_learnt_later_of_a_certificate_is_told_of_what_came_with_it(signing_world: World) -> None:
    document = a_document(to=[OTHER], subject=SUBJECT)
    address = await signing_world.sender.sent(document)
    await arrived(signing_world, document)
    await signing_world.sender.until_processing(address, "01", OTHER)

    async def speaks() -> bool | None:
        timeline = (await signing_world.sender.document(address))["timeline"]
        (come,) = [one for one in timeline if one["step"] == "status.in"]
        answer: bool | None = come["signature"]["speaks_for_sender"]
        return answer

    assert await speaks() is False
    await teach(signing_world.sender, THEIRS, OTHER)
    async with signing_world.sender.gateway.store.begin() as tx:
        await signing_world.sender.gateway.jobs.wake(tx, REVOCATION_JOB, THEIRS.sha256)

    async def told() -> bool:
        return await speaks() is True

    await until(told)


async def test_what_was_changed_on_the_way_is_delivered_marked_and_says_where(signing_world: World) -> None:
    document = to_department()
    address = await signing_world.sender.sent(document)
    shown = await signing_world.sender.until_state(address, "sent")
    await arrived(signing_world, document)
    packet = (await signing_world.sender.get(shown["packet_href"])).content
    await signing_world.axis.lay(with_subject(packet, "V/v khác"), from_=SENDER)
    facts = (await arrived(signing_world, document))["signature"]
    assert facts["intact"] is False
    assert [one["part"] for one in facts["parts"] if one["intact"] is False] == ["header"]


async def test_what_was_changed_is_set_apart_where_that_is_agreed_and_read_again_when_it_is_not(
    signing_world: World,
) -> None:
    document = to_department()
    address = await signing_world.sender.sent(document)
    shown = await signing_world.sender.until_state(address, "sent")
    await arrived(signing_world, document)
    packet = (await signing_world.sender.get(shown["packet_href"])).content
    policy = await agree(signing_world.receiver, changed=Treatment.SET_APART)
    before = await signing_world.receiver.seen()
    item = await signing_world.axis.lay(with_subject(packet, "V/v đã sửa"), from_=SENDER)
    (alarm,) = await signing_world.receiver.until_event("alarm.packet_signature", after=before)
    assert alarm["data"]["situations"] == "changed"
    assert alarm["data"]["treatment"] == "set_apart"

    async def acknowledged() -> bool:
        return await signing_world.axis.acks(item) == ["done"]

    await until(acknowledged)
    await end(signing_world.receiver, policy)
    answer = await signing_world.receiver.post(
        f"/v1/desk/{alarm['data']['arrival']}/read-again", {"reason": "đã hỏi bên gửi"}
    )
    assert answer.status_code == 200, answer.text
    assert (await arrived(signing_world, document))["signature"]["intact"] is False


async def test_a_partner_that_asks_for_it_is_sent_an_ordinary_enveloped_signature(signing_world: World) -> None:
    policy = await agree(signing_world.sender, DEPARTMENT, enveloped=True)
    document = to_department()
    address = await signing_world.sender.sent(document)
    shown = await signing_world.sender.until_state(address, "sent")
    await end(signing_world.sender, policy)
    assert shown["signature"]["scheme"] == Scheme.XMLDSIG
    packet = (await signing_world.sender.get(shown["packet_href"])).content
    assert b'<Reference URI="">' in packet
    await arrived(signing_world, document)
    await signing_world.axis.lay(packet.replace(b"PH\xc3\x93", b"PHO"), from_=SENDER)
    changed = (await arrived(signing_world, document))["signature"]
    assert (changed["scheme"], changed["intact"]) == (Scheme.XMLDSIG, False)


async def test_what_a_signature_would_not_survive_is_refused_by_field(signing_world: World) -> None:
    document = to_department()
    document["message_header"]["signer_info"]["position"] = "PHÓ\u0085CHỦ TỊCH"
    answer = await signing_world.sender.hand_over(document)
    assert answer.status_code == 422
    assert answer.json()["code"] == "L.MessageHeader.SignerInfo.Position"


async def test_a_sender_that_signed_and_now_does_not_raises_an_alarm(signing_world: World, tmp_path: Path) -> None:
    signed = to_department()
    await signing_world.sender.sent(signed)
    await arrived(signing_world, signed)
    async with signing_world.sender.gateway.store.begin() as tx:
        await keys.retire(tx, "packets", opening.clock())
    before = await signing_world.receiver.seen()
    document = to_department()
    await signing_world.sender.sent(document)
    come = await arrived(signing_world, document)
    alarms = await signing_world.receiver.until_event("alarm.packet_signature", after=before)
    await give_key(signing_world.sender, tmp_path, OURS, "packets-again")
    assert come["id"] in [one["document"] for one in alarms]
    assert {one["data"]["situations"] for one in alarms} == {"unsigned,downgraded"}
    assert come["signature"] is None


async def test_the_evidence_of_a_signed_document_verifies_without_the_gateway(
    signing_world: World, tmp_path: Path
) -> None:
    document = to_department()
    await signing_world.sender.sent(document)
    come = await arrived(signing_world, document)
    assert come["signature"] is not None
    bundle = (await signing_world.receiver.get(f"{come['href']}/evidence")).content
    checked = check_bundle(io.BytesIO(bundle), len(bundle), FolderBlobs(tmp_path / "blobs"), reverified)
    assert checked.flaws == ()
    assert checked.packets > 0
    assert "not_reverified" not in [one.code for one in checked.remarks]


@pytest.mark.parametrize("unsigned", [False, True])
async def test_a_key_that_cannot_be_used_holds_packets_back_unless_the_setting_lets_them_go(
    quiet: None, databases: Callable[[str], str], tmp_path: Path, unsigned: bool
) -> None:
    async with a_world(
        lambda name: databases(f"{name}-{unsigned}"),
        tmp_path,
        GATEWAY_SIGNING_LOOK_SECONDS="0.001",
        GATEWAY_SIGNING_UNSIGNED_WITHOUT_KEY=str(unsigned),
    ) as world:
        file = await give_key(world.sender, tmp_path / "sender", OURS)
        file.rename(file.with_suffix(".away"))
        address = await world.sender.sent(to_department())
        if not unsigned:

            async def held() -> bool:
                return [one["description"] for one in (await world.sender.document(address))["timeline"]][-1:] == [
                    "key_source_unreadable"
                ]

            await until(held)
            ready = await world.sender.get("/health/ready")
            assert ready.status_code == 503
            file.with_suffix(".away").rename(file)
        sent = (await world.sender.until_state(address, "sent"))["signature"]
        assert sent["present"] is not unsigned
        assert [one["code"] for one in sent["reasons"]] == (["signature.not_signed"] if unsigned else [])
