"""The gateway signs packets, never documents (G-20): no key signs anything else, and no way leads an attachment to one."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml
from profile_keys import VECTORS, key

from gateway.signing.keys.api import Algorithm
from gateway.signing.keys.guard import CHECK, NotSignedInfo, signed_info

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "gateway"
INFO = (VECTORS / "new-rsa-sha256" / "signed-info.xml").read_bytes()
PDF = (ROOT / "tests" / "data" / "files" / "1520_UBND-KT.pdf").read_bytes()

MAY_SIGN = frozenset({"gateway/signing/sign.py", "gateway/signing/xmldsig/writing.py"})
"""Where a key's `sign` is called: with a SignedInfo made of digests."""

MAY_KNOW_KEYS = (
    "gateway/signing/",
    "gateway/cli/",
    "gateway/app.py",
    "gateway/opening.py",
    "gateway/settings.py",
    "gateway/health.py",
)
MAY_ASK_FOR_SIGNATURES = ("gateway/cli/", "gateway/app.py", "gateway/documents/")


@pytest.mark.parametrize(
    "message",
    [
        PDF,
        b"",
        b"%PDF-1.7",
        INFO + b"\n",
        b" " + INFO,
        INFO.replace(b"</SignedInfo>", b"<Object></Object></SignedInfo>"),
        INFO.replace(b"</DigestValue>", b"%PDF</DigestValue>", 1),
        INFO[: INFO.index(b"<Reference")] + b"</SignedInfo>",
        b'<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#">' + PDF + b"</SignedInfo>",
        INFO.replace(b"xmldsig#", b"other#", 1),
        INFO[: -len(b"</SignedInfo>")] + b"<Reference></Reference>" * 50_000 + b"</SignedInfo>",
    ],
)
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_key_signs_nothing_but_a_signed_info(algorithm: Algorithm, message: bytes) -> None:
    with pytest.raises(NotSignedInfo):
        key(algorithm).sign(message)


@pytest.mark.parametrize("message", [INFO, CHECK])
def test_a_signed_info_is_let_through(message: bytes) -> None:
    assert signed_info(message) is message


def test_every_key_looks_at_what_it_signs() -> None:
    """Whatever is called `sign` in the room of keys calls `signed_info` on its message."""
    signers = [
        (path.name, one)
        for path in sorted((GATEWAY / "signing" / "keys").glob("*.py"))
        for group in ast.walk(ast.parse(path.read_text()))
        if isinstance(group, ast.ClassDef) and not any(ast.unparse(base) == "Protocol" for base in group.bases)
        for one in group.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == "sign"
    ]
    assert signers
    for name, signer in signers:
        guarded = any(
            isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "signed_info"
            for call in ast.walk(signer)
        )
        assert guarded, f"{name} signs unseen"


def test_only_the_makers_of_packet_signatures_call_a_key() -> None:
    callers = {
        place
        for place, tree in _modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "sign"
        and "gateway.signing" in ast.unparse(tree)
    }
    assert callers - MAY_SIGN == {place for place in callers if place.startswith("gateway/signing/keys/")}


def test_only_the_way_out_of_packets_knows_keys() -> None:
    for place, tree in _modules():
        imported = {
            name
            for node in ast.walk(tree)
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        if any(name.startswith("gateway.signing.keys") for name in imported):
            assert place.startswith((*MAY_KNOW_KEYS, "gateway/documents/")), f"{place} imports keys"
        if any(name in ("gateway.signing.sign", "gateway.signing.xmldsig.writing") for name in imported):
            assert place.startswith(MAY_ASK_FOR_SIGNATURES), f"{place} makes signatures"


def test_a_signature_is_made_of_digests_and_never_of_a_file() -> None:
    """The functions that sign are given no stream, source, sink or path."""
    tree = ast.parse((GATEWAY / "signing" / "sign.py").read_text())
    taken = {
        ast.unparse(argument.annotation)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for argument in function.args.args
        if argument.annotation is not None
    }
    assert taken <= {
        "DocumentPacket", "StatusPacket", "Sequence[FileDigest]", "SigningKey", "datetime", "bytes", "Statement"
    }  # fmt: skip
    assert "open" not in {call.id for call in ast.walk(tree) if isinstance(call, ast.Name)}


def test_no_operation_of_the_api_signs_a_file() -> None:
    """Walks the API: nothing named after signing takes anything but JSON, and nothing else offers to sign."""
    described = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    offers = [
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and method in ("post", "put", "patch")
    ]
    assert offers
    for path, _, operation in offers:
        speaks_of_signing = any(
            word in f"{path} {operation.get('operationId', '')}".lower().replace("assign", "").replace("design", "")
            for word in ("sign", "ky-so", "kyso")
        )
        kinds = set(operation.get("requestBody", {}).get("content", {}))
        assert not speaks_of_signing or kinds <= {"application/json"}, path


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in sorted(GATEWAY.rglob("*.py"))]
