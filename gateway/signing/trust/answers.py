"""What CRLs (RFC 5280 5) and OCSP answers (RFC 6960) say of a certificate at a time. Pure; every byte is hostile."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from gateway.signing.certificates import date_flaw

_ALLOWED_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SKEW = timedelta(minutes=10)
"""How far an authority's clock may be ahead of ours."""
_WITHOUT_NEXT = timedelta(days=7)
"""For how long an answer that names no next one is taken for new."""
_MOST_RESPONDER_CERTIFICATES = 8
_REFUSALS = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)


class AnswerUnusable(Exception):
    """An answer says nothing that could be believed; `reason` is a word that `reasons.undetermined` explains."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Status(StrEnum):
    """What an answer says of a certificate at the time that was asked for."""

    GOOD = "good"
    REVOKED = "revoked"
    REVOKED_LATER = "revoked_later"


@dataclass(frozen=True, slots=True)
class Crl:
    """A list of an authority that has been checked with its certificate."""

    data: bytes
    content: x509.CertificateRevocationList


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """An answer about one certificate that has been checked with its issuer's."""

    data: bytes
    content: ocsp.OCSPResponse


def read_crl(data: bytes, issuer: x509.Certificate) -> Crl:
    """A complete list that this issuer signed itself, DER or PEM. Raises AnswerUnusable."""
    try:
        load = x509.load_pem_x509_crl if data.lstrip()[:5] == b"-----" else x509.load_der_x509_crl
        content = load(data)
        _ = (content.last_update_utc, content.next_update_utc, content.issuer, content.signature_hash_algorithm)
        whole = all(_is_whole(one) for one in content.extensions)
    except _REFUSALS:
        raise AnswerUnusable("unreadable") from None
    if content.issuer != issuer.subject:
        raise AnswerUnusable("other_issuer")
    if not isinstance(content.signature_hash_algorithm, _ALLOWED_HASHES):
        raise AnswerUnusable("weak")
    if not _may_sign_crls(issuer):
        raise AnswerUnusable("responder_not_allowed")
    try:
        genuine = content.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # raises for other kinds
    except _REFUSALS:
        genuine = False
    if not genuine:
        raise AnswerUnusable("forged")
    if not whole:
        raise AnswerUnusable("partial")
    return Crl(data, content)


def crl_says(crl: Crl, certificate: x509.Certificate, at: datetime) -> Status:
    """What a list says. Raises AnswerUnusable."""
    content = crl.content
    try:
        if not _speaks_of(content, certificate):
            raise AnswerUnusable("partial")
        entry = content.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            _covers(content.last_update_utc, content.next_update_utc, certificate, at)
            return Status.GOOD
        since = entry.revocation_date_utc
        for extension in entry.extensions:
            value = extension.value
            if isinstance(value, x509.InvalidityDate):
                since = min(since, value.invalidity_date_utc)
            elif extension.critical and not isinstance(value, x509.CRLReason):
                raise AnswerUnusable("partial")
    except _REFUSALS:
        raise AnswerUnusable("unreadable") from None
    return _revoked(since, at)


def read_ocsp(data: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> OcspAnswer:
    """An answer about this certificate by its issuer, or by whom it has entrusted with it. Raises AnswerUnusable."""
    try:
        content = ocsp.load_der_ocsp_response(data)
        if content.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise AnswerUnusable("responder_refused")
        if content.serial_number != certificate.serial_number or not _is_of(content, issuer):
            raise AnswerUnusable("other_certificate")
        if any(one.critical for one in (*content.extensions, *content.single_extensions)):
            raise AnswerUnusable("partial")
        if not isinstance(content.signature_hash_algorithm, _ALLOWED_HASHES):
            raise AnswerUnusable("weak")
        _ = (content.this_update_utc, content.next_update_utc, content.revocation_time_utc)
        responder = _responder(content, issuer)
        _verify(content, responder)
    except _REFUSALS:
        raise AnswerUnusable("unreadable") from None
    return OcspAnswer(data, content)


def ocsp_says(answer: OcspAnswer, certificate: x509.Certificate, at: datetime) -> Status:
    """What an answer says. Raises AnswerUnusable."""
    content = answer.content
    if content.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise AnswerUnusable("unknown_to_responder")
    since = content.revocation_time_utc
    if content.certificate_status is ocsp.OCSPCertStatus.REVOKED and since is not None:
        return _revoked(since, at)
    _covers(content.this_update_utc, content.next_update_utc, certificate, at)
    return Status.GOOD


def not_from_the_future(made: datetime, now: datetime) -> None:
    """When it is fetched: refuse what claims to be made later. Raises AnswerUnusable."""
    if made > now + _SKEW:
        raise AnswerUnusable("from_the_future")


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The question about a certificate, DER. SHA-1 only names the issuer in it; responders know no other (RFC 5019)."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - see above
    return asked.build().public_bytes(serialization.Encoding.DER)


def _covers(made: datetime, until: datetime | None, certificate: x509.Certificate, at: datetime) -> None:
    """Whether a silence about a certificate means that it was good at a time.

    An answer made later speaks for earlier times as well, as long as the certificate had not expired: then authorities
    drop it from their lists (RFC 5280 5).
    """
    if at > (until or made + _WITHOUT_NEXT):
        raise AnswerUnusable("stale")
    if made > certificate.not_valid_after_utc:
        raise AnswerUnusable("after_expiry")


def _revoked(since: datetime, at: datetime) -> Status:
    """A revocation is for ever, however old the answer that tells of it."""
    return Status.REVOKED if since <= at else Status.REVOKED_LATER


def _is_whole(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Whether a list with this extension is complete of its kind. Its scope is looked at for each certificate."""
    value = extension.value
    if isinstance(value, x509.IssuingDistributionPoint):
        return not (value.indirect_crl or value.only_some_reasons or value.relative_name)
    return not (extension.critical or isinstance(value, x509.DeltaCRLIndicator))


def _speaks_of(content: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether a certificate is in a list's scope (RFC 5280 5.2.5)."""
    try:
        scope = content.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    authority = _is_authority(certificate)
    if scope.only_contains_attribute_certs or (scope.only_contains_ca_certs and not authority):
        return False
    if scope.only_contains_user_certs and authority:
        return False
    places = {one.value for one in scope.full_name or () if isinstance(one, x509.UniformResourceIdentifier)}
    return not scope.full_name or bool(places & set(crl_addresses(certificate)))


def crl_addresses(certificate: x509.Certificate) -> list[str]:
    """Where the certificate says that its issuer's list is."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    names = [name for point in points if point.crl_issuer is None for name in point.full_name or ()]
    return [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier)]


def ocsp_addresses(certificate: x509.Certificate) -> list[str]:
    """Where the certificate says that it can be asked about."""
    try:
        places = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    names = [one.access_location for one in places if one.access_method == AuthorityInformationAccessOID.OCSP]
    return [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier)]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign_crls(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _is_of(content: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the answer names this issuer: the hashes of its name and its key."""
    name, key = hashes.Hash(content.hash_algorithm), hashes.Hash(content.hash_algorithm)
    name.update(issuer.subject.public_bytes())
    key.update(_key_bits(issuer))
    return (content.issuer_name_hash, content.issuer_key_hash) == (name.finalize(), key.finalize())


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey without its algorithm (RFC 6960 4.1.1)."""
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    raise AnswerUnusable("weak")


def _responder(content: ocsp.OCSPResponse, issuer: x509.Certificate) -> x509.Certificate:
    """Who signed: the issuer, or a certificate that it issued for this very purpose (RFC 6960 4.2.2.2)."""
    if _names(content, issuer):
        return issuer
    for one in content.certificates[:_MOST_RESPONDER_CERTIFICATES]:
        if not _names(content, one):
            continue
        try:
            one.verify_directly_issued_by(issuer)
            purposes = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (InvalidSignature, x509.ExtensionNotFound, *_REFUSALS):
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in purposes and date_flaw(one, content.produced_at_utc) is None:
            return one
    raise AnswerUnusable("responder_not_allowed")


def _names(content: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if content.responder_name is not None:
        return content.responder_name == certificate.subject
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - RFC 6960 4.2.1: byKey is SHA-1, and names only
    digest.update(_key_bits(certificate))
    return content.responder_key_hash == digest.finalize()


def _verify(content: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    public, hashing = responder.public_key(), content.signature_hash_algorithm
    assert hashing is not None
    try:
        if isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048:
            public.verify(content.signature, content.tbs_response_bytes, padding.PKCS1v15(), hashing)
        elif isinstance(public, ec.EllipticCurvePublicKey) and public.key_size >= 256:
            public.verify(content.signature, content.tbs_response_bytes, ec.ECDSA(hashing))
        else:
            raise AnswerUnusable("weak")
    except InvalidSignature:
        raise AnswerUnusable("forged") from None
