"""Every attack on ordinary XML signatures that the verifier is proved against, with the reason it has to name.

`fools_xmlsec` says that the library by itself, with the key of the certificate that came, calls the packet verified.
`tools/corpus-table` writes the list into docs/security.md.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from enveloped_parts import (
    DS,
    EXCLUSIVE,
    FILE,
    INCLUSIVE,
    MORE,
    NS,
    PACKET,
    certificate,
    changed,
    ec_key,
    filled,
    reference,
    rsa_key,
    signed,
    template,
    transform,
    x509_data,
)
from forged_certificates import with_exponent, with_length, with_modulus, with_serial
from lxml import etree

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH2 = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
ENVELOPED = f"{DS}enveloped-signature"
SHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><x/></xsl:template></xsl:stylesheet>'
)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One attack: its packets, each of which must end in `code` (of a reason; of a finding where the reader refuses)."""

    name: str
    code: str
    packets: Callable[[], list[bytes]]
    fools_xmlsec: bool = False


def own() -> str:
    """KeyInfo with the certificate of the key that signs."""
    return x509_data(certificate(rsa_key()))


def made(**options: str) -> bytes:
    """The packet truly signed by xmlsec, from a template as bad as the options make it."""
    return signed(PACKET, template(own(), **options))


def good() -> bytes:
    """A packet signed as it should be."""
    return made()


def spoilt(old: str, new: str) -> bytes:
    """A packet signed well, in which one text was replaced afterwards."""
    return changed(good(), {old: new})


def key_info(inside: str) -> bytes:
    """A packet signed with another KeyInfo."""
    return signed(PACKET, template(inside))


def came_with(der: bytes) -> bytes:
    """A packet signed well, whose certificate was replaced afterwards."""
    return changed(good(), {base64.b64encode(certificate(rsa_key())).decode(): base64.b64encode(der).decode()})


def by_key(key: dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey, method: str) -> bytes:
    """Signed by a key of another kind."""
    return signed(PACKET, template(x509_data(certificate(key)), method=method), key)


def moved(place: str, *, first: bool = False) -> bytes:
    """A signed packet whose Signature was put elsewhere before signing."""
    root = etree.fromstring(PACKET)
    parent = root.find(place) if place != "." else root
    assert parent is not None
    parent.insert(0 if first else len(parent), etree.fromstring(template(own())))
    return filled(root)


def wrapped() -> bytes:
    """The signed header is hidden in an Object, and another stands where it was read (classic wrapping)."""
    root = etree.fromstring(PACKET)
    header = root.find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
    message = root.find(f".//{{{NS}}}MessageHeader")
    assert header is not None
    assert message is not None
    message.set("Id", "signed")
    header.append(etree.fromstring(template(own(), references=reference("#signed", transform(EXCLUSIVE)))))
    done = etree.fromstring(filled(root))
    signature = next(done.iter(f"{{{DS}}}Signature"))
    message = next(done.iter(f"{{{NS}}}MessageHeader"))
    original = etree.fromstring(etree.tostring(message))
    message.set("Id", "other")
    subject = message.find(f"{{{NS}}}Subject")
    assert subject is not None
    subject.text = "Trích yếu giả"
    etree.SubElement(signature, f"{{{DS}}}Object").append(original)
    return etree.tostring(done)


def twice() -> bytes:
    """One good Signature over all, and a second element beside it."""
    root = etree.fromstring(good())
    header = next(root.iter(f"{{{NS}}}edXMLHeader"))
    header.append(etree.fromstring('<Signature xmlns="u:other"><SignatureValue>AA</SignatureValue></Signature>'))
    return etree.tostring(root)


def deep_second() -> bytes:
    """The second stands deep in the business block, in no namespace."""
    marked = changed(
        PACKET, {"<edXML:BussinessDocReason>": '<Signature xmlns="">x</Signature><edXML:BussinessDocReason>'}
    )
    return signed(marked, template(own()))


def same_ids() -> bytes:
    """Two elements share an Id, and all of it is signed."""
    marked = changed(
        PACKET, {"<edXML:Subject>": '<edXML:Subject Id="a">', "<edXML:SteeringType>": '<edXML:SteeringType ID="a">'}
    )
    return signed(marked, template(own()))


def hmac(method: str, inside: str = "") -> bytes:
    """Signed with HMAC, the secret of which is the public key that comes with it."""
    secret = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return signed(PACKET, template(own(), method=method, method_inside=inside), secret)


def stranger() -> bytes:
    """Signed with one key, with the certificate of another."""
    return signed(PACKET, template(x509_data(certificate(rsa_key(number=1)))), rsa_key())


def ecdsa_as_der() -> bytes:
    """An ECDSA value in DER instead of `r||s`."""
    made = signed(PACKET, template(x509_data(certificate(ec_key())), method=f"{MORE}ecdsa-sha256"), ec_key())
    return _with_value(made, b"\x30\x45" + b"\x01" * 69)


def _with_value(packet: bytes, value: bytes) -> bytes:
    root = etree.fromstring(packet)
    found = next(root.iter(f"{{{DS}}}SignatureValue"))
    found.text = base64.b64encode(value).decode()
    return etree.tostring(root)


def relative_namespace() -> bytes:
    """A relative namespace, which C14N cannot write, put in after signing."""
    return spoilt("<edXML:SteeringType>", '<edXML:SteeringType xmlns:u="u">')


def in_edxml_namespace() -> bytes:
    """As the axis writes it anew."""
    return good().replace(f'<Signature xmlns="{DS}">'.encode(), f'<Signature xmlns="{NS}">'.encode())


def dummy() -> str:
    """A signature as the vendor's kit puts it into packets: a certificate of eight bytes, in edXML's namespace."""
    value = base64.b64encode(bytes(range(256))).decode()
    digest = base64.b64encode(bytes(20)).decode()
    return template(
        "<X509Data><X509SubjectName>CN=x</X509SubjectName><X509Certificate>MIIFqTCCBJG</X509Certificate></X509Data>",
        references=reference(digest=f"{DS}sha1", value=digest),
        method=f"{DS}rsa-sha1",
        namespace=NS,
    ).replace("<SignatureValue/>", f"<SignatureValue>{value}</SignatureValue>")


def one(make: Callable[[], bytes]) -> Callable[[], list[bytes]]:
    """A single packet."""
    return lambda: [make()]


def several(*make: Callable[[], bytes]) -> Callable[[], list[bytes]]:
    """Several packets."""
    return lambda: [each() for each in make]


def with_references(*references: str) -> Callable[[], list[bytes]]:
    """One packet for each, truly signed."""
    return lambda: [made(references=each) for each in references]


ATTACKS = (
    Attack(
        name="signed part hidden in an Object, another in its place (wrapping)",
        code="signature.object",
        packets=one(wrapped),
        fools_xmlsec=True,
    ),
    Attack(
        name="Signature outside edXMLHeader, or deeper in it (the packet counts as unsigned)",
        code="X.Unknown",
        packets=several(
            partial(moved, "."),
            partial(moved, "{*}edXMLEnvelope"),
            partial(moved, ".//{*}MessageHeader"),
            partial(moved, ".//{*}To", first=True),
        ),
    ),
    Attack(
        name="two Signatures, in any namespace and place", code="signature.not_one", packets=several(twice, deep_second)
    ),
    Attack(name="two equal ids", code="signature.duplicate_id", packets=one(same_ids), fools_xmlsec=True),
    Attack(
        name='a reference that covers less (URI="#id", XPointer)',
        code="signature.reference_uri",
        packets=lambda: [
            signed(
                changed(PACKET, {"<edXML:MessageHeader>": '<edXML:MessageHeader Id="a">'}),
                template(own(), references=reference(uri, transform(ENVELOPED))),
            )
            for uri in ("#a", "#xpointer(/)", "#xpointer(id('a'))")
        ],
        fools_xmlsec=True,
    ),
    Attack(
        name="a reference to a file (file://)",
        code="signature.reference_uri",
        packets=with_references(reference("file:///etc/hostname", "")),
        fools_xmlsec=True,
    ),
    Attack(
        name="references to the network, to an attachment, to nothing",
        code="signature.reference_uri",
        packets=lambda: [
            changed(good(), {'<Reference URI="">': f"<Reference{uri}>"})
            for uri in (' URI="http://127.0.0.1/"', ' URI="cid:1"', ' URI=" "', "")
        ],
    ),
    Attack(
        name="no reference, or two",
        code="signature.references",
        packets=lambda: [
            made(references=reference() * 2),
            changed(good(), {"<Reference URI": "<Other URI", "</Reference>": "</Other>"}),
        ],
    ),
    Attack(
        name="10 000 references",
        code="signature.kept_too_large",
        packets=lambda: [signed_raw(reference(value="AAAA", transforms="") * 10_000)],
    ),
    Attack(
        name="10 000 references without attributes",
        code="signature.kept_too_large",
        packets=lambda: [signed_raw("<Reference/>" * 10_000)],
    ),
    Attack(
        name="2 000 short references",
        code="signature.references",
        packets=lambda: [signed_raw('<Reference URI=""/>' * 2_000)],
    ),
    Attack(
        name="a reference with a Type (Manifest)",
        code="signature.reference_type",
        packets=with_references(reference(attributes=f'Type="{DS}Manifest"')),
        fools_xmlsec=True,
    ),
    Attack(
        name="XPath and XPath filter transforms",
        code="signature.transforms",
        packets=with_references(
            reference(transforms=transform(ENVELOPED) + transform(XPATH, "<XPath>false()</XPath>")),
            reference(
                transforms=transform(ENVELOPED)
                + transform(XPATH2, f'<XPath xmlns="{XPATH2}" Filter="intersect">//*[local-name()="To"]</XPath>')
            ),
        ),
        fools_xmlsec=True,
    ),
    Attack(
        name="XSLT transform",
        code="signature.transforms",
        packets=lambda: [
            changed(good(), {f'<Transform Algorithm="{ENVELOPED}"/>': transform(ENVELOPED) + transform(XSLT, SHEET)})
        ],
    ),
    Attack(
        name="base64, decryption and unknown transforms, the enveloped one missing or twice",
        code="signature.transforms",
        packets=lambda: [
            changed(good(), {f'<Transform Algorithm="{ENVELOPED}"/>': "".join(map(transform, uris))})
            for uris in (
                (f"{DS}base64",),
                ("http://www.w3.org/2002/07/decrypt#XML",),
                (INCLUSIVE,),
                (ENVELOPED, ENVELOPED),
                (INCLUSIVE, ENVELOPED),
                (ENVELOPED, EXCLUSIVE, INCLUSIVE),
                ("http://www.w3.org/TR/xml-exc-c14n#",),
            )
        ],
    ),
    Attack(
        name="a transform or C14N with parameters",
        code="signature.transforms",
        packets=with_references(
            reference(
                transforms=transform(ENVELOPED)
                + transform(EXCLUSIVE, f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="edXML"/>')
            )
        ),
        fools_xmlsec=True,
    ),
    Attack(
        name="an unknown canonicalisation",
        code="signature.canonicalization",
        packets=one(partial(spoilt, f'Method Algorithm="{INCLUSIVE}"', 'Method Algorithm="u:x"')),
    ),
    Attack(
        name="HMAC with the public key as its secret",
        code="signature.algorithm",
        packets=several(partial(hmac, f"{MORE}hmac-sha256"), partial(hmac, f"{MORE}hmac-sha512")),
        fools_xmlsec=True,
    ),
    Attack(
        name="HMAC cut to a few bits",
        code="signature.algorithm",
        packets=one(
            partial(
                spoilt,
                f'<SignatureMethod Algorithm="{MORE}rsa-sha256"/>',
                f'<SignatureMethod Algorithm="{MORE}hmac-sha256">'
                "<HMACOutputLength>8</HMACOutputLength></SignatureMethod>",
            )
        ),
    ),
    Attack(
        name="rsa-md5", code="signature.algorithm", packets=lambda: [made(method=f"{MORE}rsa-md5")], fools_xmlsec=True
    ),
    Attack(
        name="DSA, RSA-PSS, RIPEMD, SHA-224 and unknown methods",
        code="signature.algorithm",
        packets=lambda: [
            changed(good(), {f"{MORE}rsa-sha256": uri})
            for uri in (
                f"{DS}dsa-sha1",
                "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
                f"{MORE}rsa-ripemd160",
                f"{MORE}rsa-sha224",
                f"{MORE}ecdsa-sha1",
                "u:x",
                "",
            )
        ],
    ),
    Attack(
        name="MD5, SHA-224 and RIPEMD digests",
        code="signature.digest",
        packets=with_references(
            reference(digest=f"{MORE}md5"),
            reference(digest=f"{MORE}sha224"),
            reference(digest="http://www.w3.org/2001/04/xmlenc#ripemd160"),
        ),
    ),
    Attack(
        name="rsa-sha1 without a partner's setting",
        code="signature.sha1_not_accepted",
        packets=lambda: [made(method=f"{DS}rsa-sha1")],
        fools_xmlsec=True,
    ),
    Attack(
        name="a SHA-1 digest under rsa-sha256 without a partner's setting",
        code="signature.sha1_not_accepted",
        packets=with_references(reference(digest=f"{DS}sha1")),
        fools_xmlsec=True,
    ),
    Attack(
        name="RSA of 1 024 bits, or with exponent 3",
        code="signature.weak_key",
        packets=lambda: [
            signed(PACKET, template(x509_data(certificate(key))), key) for key in (rsa_key(1024), rsa_key(2048, 3, 3))
        ],
        fools_xmlsec=True,
    ),
    Attack(
        name="keys on other curves (P-521, secp256k1), Ed25519",
        code="signature.key_kind",
        packets=lambda: [
            came_with(certificate(key))
            for key in (ec_key("secp521r1"), ec_key("secp256k1"), ed25519.Ed25519PrivateKey.generate())
        ],
    ),
    Attack(
        name="an EC certificate under an RSA method, and the other way round",
        code="signature.key_mismatch",
        packets=lambda: [came_with(certificate(ec_key())), spoilt(f"{MORE}rsa-sha256", f"{MORE}ecdsa-sha256")],
    ),
    Attack(name="the certificate of another key", code="signature.value", packets=one(stranger)),
    Attack(
        name="a negative, empty, padded or huge serial number",
        code="signature.der_number",
        packets=lambda: [
            came_with(with_serial(certificate(rsa_key()), number))
            for number in (b"\xff\x01", b"", b"\x00", b"\x00\x01", b"\x01" * 21, b"\x7f" * 4000)
        ],
    ),
    Attack(
        name="a negative or huge RSA modulus or exponent",
        code="signature.der_number",
        packets=lambda: [
            came_with(make(certificate(rsa_key()), number))
            for make in (with_modulus, with_exponent)
            for number in (b"\x80" + b"\x01" * 255, b"\x01" * 1025, b"\x00\x01")
        ],
    ),
    Attack(
        name="RSA with an exponent of 1, an even one, one of 1 000 bits, or an even modulus",
        code="signature.weak_key",
        packets=lambda: [
            *(
                came_with(with_exponent(certificate(rsa_key()), number))
                for number in (b"\x01", b"\x01\x00\x02", b"\x01" * 125)
            ),
            came_with(with_modulus(certificate(rsa_key()), b"\x00" + b"\xfe" * 256)),
        ],
    ),
    Attack(
        name="certificates of lying lengths",
        code="signature.certificate",
        packets=lambda: [
            came_with(with_length(certificate(rsa_key()), how)) for how in ("longer", "longest", "indefinite")
        ],
    ),
    Attack(
        name="a certificate of 20 kB, one of 100 kB",
        code="signature.certificate_large",
        packets=lambda: [
            came_with(b"\x30\x82" + (size - 4).to_bytes(2, "big") + bytes(size - 4)) for size in (20_000, 60_000)
        ],
    ),
    Attack(
        name="a signature of 3 MB",
        code="signature.kept_too_large",
        packets=lambda: [_with_value(good(), bytes(3_000_000))],
    ),
    Attack(
        name="a signature of 10 MB",
        code="signature.kept_too_large",
        packets=lambda: [_with_value(good(), bytes(10_000_000))],
    ),
    Attack(
        name="comments and instructions inside the Signature",
        code="signature.comment",
        packets=lambda: (
            [spoilt("<DigestValue>", f"<DigestValue>{what}") for what in ("<!-- -->", "<?x y?>")]
            + [spoilt("<KeyInfo>", "<KeyInfo><!-- -->")]
        ),
        fools_xmlsec=False,
    ),
    Attack(
        name="relative namespaces, which C14N cannot write",
        code="signature.relative_namespace",
        packets=one(relative_namespace),
    ),
    Attack(
        name="values that are no base64",
        code="signature.base64",
        packets=lambda: [spoilt("<DigestValue>", f"<DigestValue>{what}") for what in ("*", "AAAAA", "á")],
    ),
    Attack(
        name="digests and signatures of the wrong length, ECDSA in DER",
        code="signature.value_length",
        packets=several(ecdsa_as_der, lambda: _with_value(good(), bytes(255)), lambda: _with_value(good(), bytes(257))),
    ),
    Attack(
        name="a digest cut short",
        code="signature.digest_length",
        packets=lambda: [
            changed(
                good(),
                {
                    '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>': '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>'
                },
            )
        ],
    ),
    Attack(
        name="RetrievalMethod, bare keys, CRLs and other KeyInfo",
        code="signature.key_info",
        packets=lambda: [
            spoilt("<KeyInfo>", f"<KeyInfo>{what}")
            for what in (
                '<RetrievalMethod URI="file:///etc/passwd"/>',
                "<KeyValue><RSAKeyValue/></KeyValue>",
                "<PGPData/>",
                "<X509Data><X509CRL>AAAA</X509CRL></X509Data>",
            )
        ],
    ),
    Attack(
        name="no certificate, only a key or a name",
        code="signature.no_certificate",
        packets=lambda: [key_info(what) for what in ("<KeyName>a</KeyName>", "<X509Data/>")],
    ),
    Attack(
        name="several certificates without one signer among them",
        code="signature.certificates",
        packets=lambda: [
            key_info(x509_data(certificate(rsa_key()), certificate(ec_key(), "B"))),
            key_info(x509_data(*[certificate(rsa_key())] * 9)),
        ],
    ),
    Attack(
        name="elements, attributes or text that do not belong there",
        code="signature.grammar",
        packets=lambda: [
            spoilt("<SignedInfo>", "<SignedInfo>x"),
            spoilt("<KeyInfo>", "<KeyInfo/><KeyInfo>"),
            spoilt("<SignatureValue>", '<SignatureValue Type="x">'),
            spoilt("<Reference URI", '<Reference x="y" URI'),
            spoilt("<KeyInfo>", "<x/><KeyInfo>"),
            spoilt("<DigestValue>", "<DigestValue><x/>"),
        ],
    ),
    Attack(
        name="a document type declaration",
        code="X.Doctype",
        packets=lambda: [good().replace(b"<edXML ", b"<!DOCTYPE edXML [<!ENTITY e 'x'>]><edXML ", 1)],
        fools_xmlsec=True,
    ),
    Attack(
        name="changed after signing: a value, an addressee, a file, the order, a hop added",
        code="signature.changed",
        packets=lambda: [
            spoilt("Trích yếu", "Trích yêu"),
            spoilt("<edXML:OrganId>H99.07<", "<edXML:OrganId>H99.08<"),
            spoilt(FILE, base64.b64encode(b"%PDF-1.4 khac").decode()),
            spoilt("<edXML:To>", "<edXML:To/><edXML:To>"),
            spoilt("</edXML:TraceHeaderList>", "<edXML:TraceHeader/></edXML:TraceHeaderList>"),
        ],
    ),
    Attack(
        name="written anew by the axis, in edXML's namespace",
        code="signature.namespace",
        packets=one(in_edxml_namespace),
    ),
    Attack(
        name="the vendor's dummies",
        code="signature.placeholder",
        packets=lambda: [unsigned_with(dummy()), _with_value(good(), b"short")],
    ),
)


def signed_raw(references: str) -> bytes:
    """A packet with references that were never computed."""
    value = f"<SignatureValue>{base64.b64encode(bytes(256)).decode()}</SignatureValue>"
    return unsigned_with(template(own(), references=references).replace("<SignatureValue/>", value))


def unsigned_with(signature: str) -> bytes:
    """The packet with a Signature as it stands."""
    return changed(PACKET, {"</edXML:edXMLHeader>": f"{signature}</edXML:edXMLHeader>"})
