"""Keys, certificates and signed packets for the tests of ordinary XML signatures.

Packets are signed by xmlsec itself, from a template that may be as bad as a test wants: what is forged here would
verify for whoever trusts the library alone.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import BinaryIO

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from xmlsec import constants

from gateway.edxml.limits import Limits
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.signing.facts import SignatureFacts
from gateway.signing.keys.api import Algorithm
from gateway.signing.xmldsig.verifying import parts_of, verify
from gateway.store import Blobs

DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
ENVELOPED = f"{DS}enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = f"{MORE}rsa-sha256"
NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
FILE = base64.b64encode(b"%PDF-1.4 noi dung").decode()
PACKET = f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganId>H99</edXML:OrganId></edXML:From>
<edXML:To><edXML:OrganId>H99.07</edXML:OrganId></edXML:To>
<edXML:DocumentId>H99,2025/03/05,1520/UBND-KT</edXML:DocumentId>
<edXML:Code><edXML:CodeNumber>1520</edXML:CodeNumber><edXML:CodeNotation>UBND-KT</edXML:CodeNotation></edXML:Code>
<edXML:PromulgationInfo><edXML:PromulgationDate>2025/03/05</edXML:PromulgationDate></edXML:PromulgationInfo>
<edXML:Subject>Trích yếu</edXML:Subject>
<edXML:SteeringType>0</edXML:SteeringType>
</edXML:MessageHeader><edXML:TraceHeaderList>
<edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType>
<edXML:BussinessDocReason>Văn bản điện tử mới</edXML:BussinessDocReason></edXML:Bussiness>
<edXML:TraceHeader><edXML:OrganId>H99</edXML:OrganId><edXML:Timestamp>2025/03/05 14:07:09</edXML:Timestamp></edXML:TraceHeader>
</edXML:TraceHeaderList></edXML:edXMLHeader><edXML:edXMLBody><edXML:edXMLManifest version="1.0">
<edXML:Reference><edXML:ContentId>cid:1</edXML:ContentId><edXML:ContentType>application/pdf</edXML:ContentType>
<edXML:AttachmentName>van-ban.pdf</edXML:AttachmentName></edXML:Reference></edXML:edXMLManifest></edXML:edXMLBody>
</edXML:edXMLEnvelope><AttachmentEncoded><Attachment><ContentId>cid:1</ContentId>
<AttachmentName>van-ban.pdf</AttachmentName><ContentType>application/pdf</ContentType>
<ContentTransferEncoded>{FILE}</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>
""".encode()
"""A small document packet with one file, unsigned."""

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(bits: int = 2048, number: int = 0, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """One RSA key for each (bits, number)."""
    return rsa.generate_private_key(exponent, bits)


@cache
def ec_key(curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    """One key for each curve."""
    curves = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP256K1)
    return ec.generate_private_key(next(one for one in curves if one.name == curve)())


@cache
def certificate(key: Private, name: str = "VĂN THƯ SỞ GIẢ ĐỊNH") -> bytes:
    """A self-made certificate of a key, DER, valid from a year before NOW to a year after."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, algorithm = (key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA thử nghiệm")]))
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(NOW - timedelta(days=365))
        .not_valid_after(NOW + timedelta(days=365))
        .sign(signer, algorithm)
        .public_bytes(Encoding.DER)
    )


@dataclass(frozen=True)
class FileKey:
    """A SigningKey in memory."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    algorithm: Algorithm

    @property
    def certificate(self) -> bytes:
        return certificate(self.key)

    def sign(self, message: bytes) -> bytes:
        chosen = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
        hash_ = chosen[self.algorithm.value.split("-")[1]]
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), hash_)
        size = (self.key.curve.key_size + 7) // 8
        return b"".join(
            number.to_bytes(size, "big") for number in decode_dss_signature(self.key.sign(message, ec.ECDSA(hash_)))
        )


def transform(uri: str, inside: str = "") -> str:
    """One Transform."""
    return f'<Transform Algorithm="{uri}">{inside}</Transform>'


def reference(
    uri: str | None = "",
    transforms: str = transform(ENVELOPED),
    digest: str = SHA256,
    value: str = "",
    attributes: str = "",
) -> str:
    """One Reference, its digest left for xmlsec."""
    named = "" if uri is None else f'URI="{uri}" '
    listed = f"<Transforms>{transforms}</Transforms>" if transforms else ""
    return (
        f'<Reference {named}{attributes}>{listed}<DigestMethod Algorithm="{digest}"/>'
        f"<DigestValue>{value}</DigestValue></Reference>"
    )


def x509_data(*certificates: bytes) -> str:
    """KeyInfo's usual content."""
    return "<X509Data>{}</X509Data>".format(
        "".join(f"<X509Certificate>{base64.b64encode(one).decode()}</X509Certificate>" for one in certificates)
    )


def template(
    key_info: str,
    *,
    references: str = reference(),
    method: str = RSA_SHA256,
    method_inside: str = "",
    canonicalization: str = INCLUSIVE,
    more: str = "",
    attributes: str = "",
    namespace: str = DS,
) -> str:
    """A Signature that waits for its values."""
    return (
        f'<Signature xmlns="{namespace}"{attributes}><SignedInfo>'
        f'<CanonicalizationMethod Algorithm="{canonicalization}"/>'
        f'<SignatureMethod Algorithm="{method}">{method_inside}</SignatureMethod>{references}</SignedInfo>'
        f"<SignatureValue/><KeyInfo>{key_info}</KeyInfo>{more}</Signature>"
    )


def signed(packet: bytes, signature: str, key: Private | bytes | None = None) -> bytes:
    """The packet with a template as the last child of edXMLHeader, its values filled in by xmlsec."""
    root = etree.fromstring(packet)
    header = root.find("{*}edXMLEnvelope/{*}edXMLHeader")
    assert header is not None
    header.append(etree.fromstring(signature))
    return filled(root, key)


def filled(root: etree._Element, key: Private | bytes | None = None) -> bytes:
    """The packet with the values of its Signature filled in. Bytes are an HMAC secret."""
    element = next(root.iter(f"{{{DS}}}Signature"))
    for node in root.iter():
        for name in ("Id", "ID"):
            if isinstance(node.tag, str) and node.get(name) is not None:
                xmlsec.tree.add_ids(node, [name])
    context = xmlsec.SignatureContext()
    if isinstance(key, bytes):
        context.key = xmlsec.Key.from_binary_data(constants.KeyDataHmac, key)
    else:
        pem = (key or rsa_key()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context.key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
    context.sign(element)
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8")


def xmlsec_alone_says_yes(packet: bytes) -> bool:
    """What a verifier says that hands everything to the library, and takes the key that the packet names."""
    root = etree.fromstring(packet, etree.XMLParser(huge_tree=True))
    element = next(root.iter(f"{{{DS}}}Signature"))
    xmlsec.tree.add_ids(root, ["Id", "ID"])
    context = xmlsec.SignatureContext()
    leaf = x509.load_der_x509_certificate(base64.b64decode(element.findtext(f".//{{{DS}}}X509Certificate") or ""))
    public = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    method = element.find(f".//{{{DS}}}SignatureMethod")
    assert method is not None
    if "hmac" in method.get("Algorithm", ""):
        context.key = xmlsec.Key.from_binary_data(constants.KeyDataHmac, public)
    else:
        context.key = xmlsec.Key.from_memory(public, constants.KeyDataFormatPem)
    try:
        context.verify(element)
    except xmlsec.Error:
        return False
    return True


@dataclass(frozen=True)
class Bytes:
    """A packet in memory as a Source."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


def judged(
    packet: bytes, blobs: Blobs, *, accept_sha1: bool = False, most_bytes: int = 20 * 2**20
) -> tuple[ReadPacket, SignatureFacts]:
    """The packet as it is read, and the facts about its signature."""
    read = read_packet(io.BytesIO(packet), blobs, Limits())
    try:
        facts = verify(
            Bytes(packet), read.signature, parts_of(read), at=NOW, accept_sha1=accept_sha1, most_bytes=most_bytes
        )
    finally:
        read.discard()
    return read, facts


def changed(text: bytes, pairs: Mapping[str, str]) -> bytes:
    """The bytes with texts replaced once, each of which has to be there."""
    for old, new in pairs.items():
        assert old.encode() in text, old
        text = text.replace(old.encode(), new.encode(), 1)
    return text
