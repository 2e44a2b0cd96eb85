"""A ring on a test's database and files, and what it signs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from authorities import Identity, moment
from clocks import FakeClock
from cryptography import x509

from gateway.opening import read_key_file, read_secret
from gateway.signing import certificates
from gateway.signing.certificates import Flaw
from gateway.signing.keys import register, verifying
from gateway.signing.keys.api import KeyUnusable, SigningKey
from gateway.signing.keys.guard import CHECK
from gateway.signing.keys.records import KeyKind, NewKey
from gateway.signing.keys.ring import ChainFault, Ring
from gateway.signing.settings import SigningSettings
from gateway.store import Store

UNIT = "H99.07"
MESSAGE = CHECK.replace(b"47DEQpj8", b"AAAAAAAA")
"""A SignedInfo that is not the one a key is tried with."""

RETRY = 31.0
"""Seconds after which a token is looked for again."""


async def fault(ring: Ring, rings: "Rings", unit: str = UNIT) -> str:
    """Why no key signs."""
    with pytest.raises(KeyUnusable) as refused:
        await ring.current(unit, rings.clock())
    return refused.value.reason


async def key_of(ring: Ring, rings: "Rings", unit: str = UNIT) -> SigningKey:
    """The key that signs."""
    key = await ring.current(unit, rings.clock())
    assert key is not None
    return key


def verifies(certificate: bytes, key: SigningKey, value: bytes, message: bytes = MESSAGE) -> bool:
    """Whether a value is the certificate's signature of the message."""
    public = certificates.public_key(x509.load_der_x509_certificate(certificate))
    assert not isinstance(public, Flaw)
    return verifying.agrees(public, key.algorithm, message, value)


@dataclass
class Rings:
    """Makes rings, as restarts and other nodes do, and the rows they look at."""

    store: Store
    folder: Path
    clock: FakeClock
    library: str = ""
    settings: SigningSettings = field(default_factory=SigningSettings)
    made: list[Ring] = field(default_factory=list)

    def ring(self, *, again: bool = False, chain_fault: ChainFault | None = None) -> Ring:
        """A ring of a process that has just started."""
        ring = Ring(
            store=self.store,
            read_secret=read_secret,
            read_bytes=read_key_file,
            clock=self.clock,
            settings=self.settings.model_copy(update={"pkcs11_module": self.library}),
            chain_fault=chain_fault,
            again=again,
        )
        self.made.append(ring)
        return ring

    async def close(self) -> None:
        """All of them."""
        for ring in self.made:
            await ring.close()

    def file(self, name: str, content: bytes) -> str:
        """A file's source. It is replaced in one piece, as an operator's tool does."""
        path = self.folder / name
        path.with_suffix(".new").write_bytes(content)
        path.with_suffix(".new").replace(path)
        return f"file:{path}"

    async def add(self, new: NewKey) -> None:
        """A row."""
        async with self.store.begin() as tx:
            await register.add(tx, new, self.clock())

    async def add_pem(self, id: str, identity: Identity, *, unit: str | None = UNIT, days: float = -1) -> None:
        """A row of a PEM file with key and certificate."""
        await self.add(self.pem(id, identity, unit=unit, days=days))

    def pem(self, id: str, identity: Identity, *, unit: str | None = UNIT, days: float = -1) -> NewKey:
        """As `add_pem`, not yet added."""
        source = self.file(f"{id}.pem", identity.key_pem() + identity.pem)
        return NewKey(id=id, kind=KeyKind.PEM, unit_code=unit, source=source, valid_from=moment(days))

    async def add_token(self, id: str, label: str, identity: Identity | None, pin: str, *, token: str = "gw") -> None:
        """A row of a key in a token, with its certificate in a file unless it is on the token."""
        new = NewKey(
            id=id,
            kind=KeyKind.PKCS11,
            unit_code=UNIT,
            token=token,
            label=label,
            secret_source=self.file("pin", pin.encode()),
            valid_from=moment(-3650),
        )
        if identity is not None:
            new = replace(new, certificate_source=self.file(f"{id}.crt", identity.pem))
        await self.add(new)


def signing(message: bytes = MESSAGE) -> Callable[[SigningKey], tuple[bytes, bool]]:
    """Work for `Ring.use`: the certificate that signed, and whether its signature verifies."""

    def work(key: SigningKey) -> tuple[bytes, bool]:
        return key.certificate, verifies(key.certificate, key, key.sign(message), message)

    return work
