"""Chains from pinned anchors to a leaf, by the certificate library's verifier (RFC 5280 6); nothing of our own.

Only leaves travel, so that every other certificate of a chain is one that is held here. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw
from gateway.signing.trust.records import Role, TrustCertificate

_MOST_MOMENTS = 64

# What the web's rules ask of authorities, but for their purposes: those of an authority that issues to agencies are its
# own affair. A leaf is looked at by `certificates`, because the web's rules refuse every service certificate (no SAN).
_AUTHORITY = ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
_LEAF = ExtensionPolicy.permit_all()


@dataclass(frozen=True, slots=True)
class Chain:
    """Leaf first, anchor last. `flaw`: why it is not good at the time that was asked for; an issuer's dates."""

    certificates: tuple[x509.Certificate, ...]
    flaw: Flaw | None = None


class Authorities:
    """The anchors and intermediates that are held. One whose bytes do not agree with its pin is left out."""

    def __init__(self, held: Iterable[TrustCertificate]) -> None:
        self.left_out: list[str] = []
        anchors, intermediates = [], []
        for one in held:
            try:
                read = certificates.read(one.certificate)
            except CertificateUnreadable:
                read = None
            if read is None or certificates.sha256(read) != one.sha256:
                self.left_out.append(one.sha256)
            elif one.role is Role.ANCHOR:
                anchors.append(read)
            else:
                intermediates.append(read)
        self._store = Store(anchors) if anchors else None
        self._intermediates = intermediates
        self._all = [*anchors, *intermediates]

    @property
    def has_anchors(self) -> bool:
        """Whether anything can be trusted at all."""
        return self._store is not None

    def chain(self, leaf: x509.Certificate, at: datetime) -> Chain | None:
        """A chain at a time; else one that would have been good at another, with what its issuers lacked then."""
        if found := self._verified(leaf, at):
            return Chain(found)
        for moment in self._moments(leaf):
            if found := self._verified(leaf, moment):
                flaws = [flaw for one in found[1:] if (flaw := certificates.date_flaw(one, at))]
                return Chain(found, flaws[0] if flaws else None)
        return None

    def _verified(self, leaf: x509.Certificate, at: datetime) -> tuple[x509.Certificate, ...] | None:
        if self._store is None:
            return None
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(at.replace(microsecond=0))
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_LEAF)
            .build_client_verifier()
        )
        try:
            return tuple(verifier.verify(leaf, self._intermediates).chain)
        except (VerificationError, ValueError):
            return None

    def _moments(self, leaf: x509.Certificate) -> Sequence[datetime]:
        """Times within the leaf's own at which the set of valid authorities may be another."""
        first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        second = timedelta(seconds=1)
        edges = [first, last]
        for one in self._all:
            edges += [one.not_valid_before_utc + second, one.not_valid_after_utc - second]
        return sorted({one for one in edges if first <= one <= last}, reverse=True)[:_MOST_MOMENTS]
