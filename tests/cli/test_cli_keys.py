"""keys and trust on the command line, and what readiness and metrics then say of a gateway."""

import asyncio
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from authorities import NOW, Identity, issue
from commands import Gateway, gateway_in
from softhsm import PIN, tokens_in

from gateway import app, settings

ROOT = issue("root", authority=True, begins=timedelta(days=-9000), ends=timedelta(days=9000))


def today(days: float) -> timedelta:
    """Some days from the real present, as `issue` counts."""
    return datetime.now(UTC) + timedelta(days=days) - NOW


def leaf(name: str = "leaf", *, ends: float = 200, begins: float = -10, key: str | None = None) -> Identity:
    return issue(name, ROOT, key=key, begins=today(begins), ends=today(ends))


@pytest.fixture
def gateway(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    shutil.copyfile(sqlite_template, tmp_path / "gateway.db")
    made = gateway_in(tmp_path, monkeypatch)
    (tmp_path / "secret").write_text("a secret\n")
    (tmp_path / "root.crt").write_bytes(ROOT.der)
    for command in (
        "connections add truc --endpoint https://axis.example --system-id 1 --secret-file secret",
        "units add H99.07 --name SoNoiVu --connection truc",
        "clients add qlvb --unit H99.07 --key-file client-key",
    ):
        done = made(*command.split())
        assert done.exit_code == 0, done.stderr
    return made


def put(gateway: Gateway, name: str, content: bytes) -> Path:
    path = gateway.folder / name
    path.write_bytes(content)
    path.chmod(stat.S_IRUSR)
    return path


def pem(gateway: Gateway, identity: Identity, name: str = "key.pem") -> Path:
    return put(gateway, name, identity.key_pem() + identity.pem)


def listed(gateway: Gateway) -> dict[str, dict[str, Any]]:
    rows = gateway.json("keys", "list", "--json")
    assert isinstance(rows, list)
    return {one["id"]: one for one in rows}


def seen(gateway: Gateway) -> tuple[int, dict[str, dict[str, Any]], str]:
    """The status of readiness, its checks by name, and the metrics of a gateway on this database."""

    key = {"Authorization": f"Bearer {(gateway.folder / 'client-key').read_text().strip()}"}

    async def look() -> tuple[httpx2.Response, str]:
        async with app.gateway(settings.load(environment=gateway.environment)) as built:
            transport = httpx2.ASGITransport(built.api)
            async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=key) as http:
                return await http.get("/health/ready"), (await http.get("/metrics")).text

    ready, metrics = asyncio.run(look())
    return ready.status_code, {one["name"]: one for one in ready.json()["checks"]}, metrics


def test_a_key_is_added_listed_tried_and_retired(gateway: Gateway) -> None:
    identity = leaf()
    done = gateway("keys", "add", "so-noi-vu", "--unit", "H99.07", "--pem", pem(gateway, identity))
    assert done.exit_code == 0, done.stderr
    (found,) = listed(gateway).values()
    wanted = {"unit": "H99.07", "kind": "pem", "state": "good", "fault": None, "signs": True}
    assert {name: found[name] for name in wanted} == wanted
    assert (found["certificate_sha256"], found["days_left"]) == (identity.sha256, 199)
    assert gateway("keys", "check", "so-noi-vu").exit_code == 0
    assert gateway.json("keys", "retire", "so-noi-vu", "--dry-run") == {
        "key": "so-noi-vu",
        "signs_now": True,
        "unit": "H99.07",
    }
    assert gateway("keys", "retire", "so-noi-vu").exit_code == 0
    assert listed(gateway)["so-noi-vu"]["state"] == "retired"
    again = gateway("keys", "retire", "so-noi-vu")
    assert (again.exit_code, "key.unknown" in again.stderr) == (1, True)


def test_a_key_that_cannot_sign_is_told_of_with_what_to_do(gateway: Gateway) -> None:
    mixed = put(gateway, "mixed.pem", leaf().key_pem() + leaf("other").pem)
    done = gateway("keys", "add", "k", "--pem", mixed)
    assert done.exit_code == 1
    assert "key.certificate_mismatch" in done.stderr
    assert "Chứng thư không khớp" in done.stderr
    assert (listed(gateway)["k"]["state"], listed(gateway)["k"]["fault"]) == ("unusable", "certificate_mismatch")


def test_a_passphrase_is_named_by_its_place_and_never_shown(gateway: Gateway) -> None:
    identity = leaf()
    file = put(gateway, "key.pem", identity.key_pem(b"mat-khau-77") + identity.pem)
    put(gateway, "phrase", b"mat-khau-77\n")
    done = gateway("keys", "add", "k", "--pem", file, "--secret-file", "phrase")
    shown = gateway("keys", "list", "--json")
    assert (done.exit_code, listed(gateway)["k"]["secret_source"]) == (0, f"file:{gateway.folder / 'phrase'}")
    assert "mat-khau-77" not in done.stdout + done.stderr + shown.stdout + shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--pem", "a", "--p12", "b"),
        ("--pem", "a", "--algorithm", "rsa-md5"),
        ("--pem", "a", "--since", "hôm nay"),
        ("--pem", "a", "--secret-file", "x", "--secret-env", "X"),
        ("--pem", "a", "--secret-env", "1-X"),
    ],
)
def test_wrong_usage_is_refused(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    assert gateway("keys", "add", "k", *arguments).exit_code == 2


def test_a_key_of_an_unknown_unit_is_refused(gateway: Gateway) -> None:
    done = gateway("keys", "add", "k", "--unit", "H99.99", "--pem", pem(gateway, leaf()))
    assert (done.exit_code, "unit.unknown" in done.stderr, listed(gateway)) == (1, True, {})


def test_a_token_and_its_wrong_pin_on_the_command_line(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_in(tmp_path / "softhsm", monkeypatch)
    gateway.environment |= {"GATEWAY_SIGNING_PKCS11_MODULE": tokens.library, **tokens.environment}
    identity = leaf("rsa")
    tokens.make("gw")
    tokens.put("gw", "k", identity)
    certificate, pin = put(gateway, "leaf.crt", identity.der), put(gateway, "pin", b"999999")
    token = ("--token", "gw", "--label", "k", "--certificate", certificate, "--secret-file", pin)
    done = gateway("keys", "add", "hsm", *token)
    assert "key.pin_wrong" in done.stderr
    assert "key.pin_refused_before" in gateway("keys", "check", "hsm").stderr
    pin.chmod(0o600)
    pin.write_text(PIN + "\n")
    checked = gateway("keys", "check", "hsm")
    assert checked.exit_code == 0, checked.stderr
    assert listed(gateway)["hsm"]["signs"] is True


def test_readiness_tells_of_keys_with_days_left(gateway: Gateway) -> None:
    good = leaf(ends=20.5)
    gateway("keys", "add", "soon", "--pem", pem(gateway, good))
    _, checks, metrics = seen(gateway)
    assert checks["key:soon"]["ok"] is True
    assert "20 days left" in checks["key:soon"]["reason"]
    assert "keys add" in checks["key:soon"]["action"]
    assert 'gateway_signing_key_days_left{key="soon"} 20.0' in metrics
    assert 'gateway_signing_key_usable{key="soon"} 1.0' in metrics


def test_readiness_says_no_for_a_key_that_nothing_stands_in_for(gateway: Gateway) -> None:
    gateway("keys", "add", "old", "--pem", pem(gateway, leaf(ends=-3.5)), "--since", "2020-01-01")
    status, checks, metrics = seen(gateway)
    assert (status, checks["key:old"]["ok"]) == (503, False)
    assert "expired" in checks["key:old"]["reason"]
    assert "4 days ago" in checks["key:old"]["reason"]
    assert 'gateway_signing_key_usable{key="old"} 0.0' in metrics
    gateway("keys", "add", "new", "--pem", pem(gateway, leaf("new"), "new.pem"))
    _, checks, _ = seen(gateway)
    assert (checks["key:old"]["ok"], checks["key:new"]["ok"]) == (True, True)


def test_an_anchor_is_pinned_only_with_its_fingerprint(gateway: Gateway) -> None:
    wrong = gateway("trust", "add-anchor", "root.crt", "--sha256", "0" * 64)
    assert (wrong.exit_code, "trust.pin" in wrong.stderr) == (1, True)
    printed = ":".join(ROOT.sha256.upper()[n : n + 2] for n in range(0, 64, 2))
    dry = gateway("trust", "add-anchor", "root.crt", "--sha256", printed, "--dry-run")
    assert (dry.exit_code, gateway.json("trust", "list", "--json")) == (0, [])
    assert gateway("trust", "add-anchor", "root.crt", "--sha256", printed, "--note", "ca.gov.vn").exit_code == 0
    assert [(one["sha256"], one["role"]) for one in _rows(gateway, "trust", "list", "--json")] == [
        (ROOT.sha256, "anchor")
    ]
    demoted = gateway("trust", "add", "root.crt")
    assert (demoted.exit_code, "trust.is_anchor" in demoted.stderr) == (1, True)
    gateway("trust", "remove", ROOT.sha256, "--dry-run")
    assert len(_rows(gateway, "trust", "list", "--json")) == 1
    assert gateway("trust", "remove", ROOT.sha256).exit_code == 0
    assert _rows(gateway, "trust", "list", "--json") == []
    assert gateway("trust", "remove", ROOT.sha256).exit_code == 1


def test_a_leaf_is_no_authority(gateway: Gateway) -> None:
    put(gateway, "leaf.crt", leaf().pem)
    done = gateway("trust", "add", "leaf.crt")
    assert (done.exit_code, "trust.no_authority" in done.stderr) == (1, True)
    put(gateway, "no.crt", b"nothing")
    assert "trust.certificate" in gateway("trust", "add", "no.crt").stderr


def test_a_certificate_is_judged_and_may_speak(gateway: Gateway) -> None:
    put(gateway, "leaf.crt", leaf().pem)
    stranger = gateway.json("trust", "judge", "leaf.crt", "--code", "H99.07")
    assert isinstance(stranger, dict)
    assert (stranger["trusted"], stranger["speaks_for_sender"]) == (None, None)
    gateway("trust", "add-anchor", "root.crt", "--sha256", ROOT.sha256)
    dry = gateway("trust", "speaks", "add", "h99.07", "--certificate", "leaf.crt", "--dry-run")
    assert (dry.exit_code, _rows(gateway, "trust", "speaks", "list", "--json")) == (0, [])
    assert gateway("trust", "speaks", "add", "h99.07", "--certificate", "leaf.crt", "--key").exit_code == 0
    known = gateway.json("trust", "judge", "leaf.crt", "--code", "H99.07")
    assert isinstance(known, dict)
    assert (known["trusted"], known["revoked"], known["speaks_for_sender"]) == (True, None, True)
    assert known["chain"] == ["CN=leaf", "CN=root"]
    later = gateway.json("trust", "judge", "leaf.crt", "--at", "2000-01-01")
    assert isinstance(later, dict)
    assert "trust.not_yet_valid" in [one["code"] for one in later["reasons"]]
    (row,) = _rows(gateway, "trust", "speaks", "list", "--json")
    assert (row["code"], row["names"]) == ("H99.07", "key")
    assert gateway("trust", "speaks", "remove", row["id"]).exit_code == 0
    assert gateway("trust", "speaks", "remove", row["id"]).exit_code == 1


def _rows(gateway: Gateway, *command: str) -> list[dict[str, Any]]:
    rows = gateway.json(*command)
    assert isinstance(rows, list)
    return rows
