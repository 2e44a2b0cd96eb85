"""Keys that stay in a token (PKCS#11): one library and one login for each process, shared by its threads.

The wrapper initialises the library without arguments, which by PKCS#11 2.40 (C_Initialize) promises that threads do not
call it at the same time: turns are taken, one at a time unless the setting says more. After C_Finalize handles are
given out anew and may mean another key, so that every key knows the generation it belongs to.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pkcs11
import structlog
from cryptography import x509
from pkcs11 import exceptions as refusals
from pkcs11.types import SignMixin

from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw, PublicKey
from gateway.signing.keys import verifying
from gateway.signing.keys.api import Algorithm, KeyUnusable, SigningKey
from gateway.signing.keys.guard import CHECK, signed_info
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.turns import Turns

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library

_log = structlog.get_logger(__name__)

_MOST_SLOTS = 256
_MOST_CERTIFICATES = 10

_RSA = {
    Algorithm.RSA_SHA256: pkcs11.Mechanism.SHA256_RSA_PKCS,
    Algorithm.RSA_SHA384: pkcs11.Mechanism.SHA384_RSA_PKCS,
    Algorithm.RSA_SHA512: pkcs11.Mechanism.SHA512_RSA_PKCS,
}
_HASHES = {Algorithm.ECDSA_P256_SHA256: hashlib.sha256, Algorithm.ECDSA_P384_SHA384: hashlib.sha384}

_PIN_ANSWERS: MappingProxyType[type[Exception], Fault] = MappingProxyType(
    {
        refusals.PinIncorrect: Fault.PIN_WRONG,
        refusals.PinInvalid: Fault.PIN_WRONG,
        refusals.PinLenRange: Fault.PIN_WRONG,
        refusals.PinLocked: Fault.PIN_LOCKED,
        refusals.PinExpired: Fault.PIN_EXPIRED,
        refusals.UserPinNotInitialized: Fault.PIN_NOT_SET,
    }
)
JUDGED = frozenset({Fault.PIN_WRONG, Fault.PIN_LOCKED, Fault.PIN_EXPIRED})
"""Answers that the token gives about the PIN itself: that PIN must not be tried again."""


def pin_fault(flags: pkcs11.TokenFlag, *, dare: bool) -> Fault | None:
    """Whether a token's flags forbid to try a PIN; `dare` takes the last try, too."""
    if pkcs11.TokenFlag.USER_PIN_LOCKED in flags:
        return Fault.PIN_LOCKED
    if pkcs11.TokenFlag.USER_PIN_INITIALIZED not in flags:
        return Fault.PIN_NOT_SET
    if pkcs11.TokenFlag.USER_PIN_FINAL_TRY in flags and not dare:
        return Fault.PIN_LAST_TRY
    return None


class Module:
    """The library of one process. All methods block; call them in a thread. They raise KeyUnusable.

    `calls` at a time, each waiting at most `wait_seconds` for its turn.
    """

    def __init__(self, path: str, *, calls: int = 1, wait_seconds: float = 10.0) -> None:
        self._path = path
        self._calls = calls
        self._turns = Turns(calls, wait_seconds)
        self._tokens: dict[str, _Opened] = {}
        self._given_up: list[_Opened] = []
        self._handles = Lock()
        self._generation = 0
        self._library: Library | None = None
        self._pid = os.getpid()

    def is_open(self, token: str) -> bool:
        """Whether we are logged in to the token with this label, as far as is known."""
        return token in self._tokens

    def holds(self, key: SigningKey | None) -> bool:
        """Whether a key was found through the login that is in force."""
        return isinstance(key, TokenKey) and key.generation == self._generation and key.token in self._tokens

    def look(self, token: str, *, dare: bool = False) -> None:
        """Whether the token is there, alone of its label, and may be logged in to."""
        with self._turns.alone(), _named():
            if fault := pin_fault(self._find(token).flags, dare=dare):
                raise KeyUnusable(fault)

    def restart(self) -> None:
        """Have the library look for its tokens anew. Every key of before is lost, and says so."""
        with self._turns.alone(), _named():
            library = self._loaded()
            self._forget()
            library.reinitialize()

    def login(self, token: str, pin: str) -> None:
        """Log in; of no effect when we are. A reason in `JUDGED` means that the token has judged this PIN."""
        with self._turns.alone(), _named():
            self._close_given_up()
            found = self._find(token)
            found.open().close()  # a token that gives no session has not judged the PIN
            try:
                first = found.open(user_pin=pin)
            except refusals.UserAlreadyLoggedIn:
                first = found.open()
            rest = [found.open() for _ in range(self._calls - 1)]
            self._tokens[token] = _Opened([first, *rest])

    def key(self, token: str, label: str, certificate: x509.Certificate | None, wanted: Algorithm | None) -> "TokenKey":
        """The private key with this label; its certificate as given, else the one beside it on the token.

        It signs once, to see that the two belong together.
        """
        candidates = [certificate] if certificate is not None else self._certificates(token, label)
        if not candidates:
            raise KeyUnusable(Fault.CERTIFICATE_MISSING)
        fault: KeyUnusable = KeyUnusable(Fault.MISMATCH)
        for one in candidates:
            try:
                made = TokenKey(self, self._generation, token, label, one, wanted)
                made.sign(CHECK)
            except KeyUnusable as error:
                if error.reason not in (Fault.SIGNATURE, Fault.MISMATCH, Fault.MECHANISM, Fault.ALGORITHM, *Flaw):
                    raise
                fault = KeyUnusable(Fault.MISMATCH) if error.reason == Fault.SIGNATURE else error
            else:
                return made
        raise fault

    def sign(self, generation: int, token: str, label: str, algorithm: Algorithm, message: bytes) -> bytes:
        """A signature value by the key with this label. Any error but a missing mechanism gives the token up."""
        message = signed_info(message)
        with self._turns.one():
            opened = self._tokens.get(token)
            if generation != self._generation or opened is None:
                raise KeyUnusable(Fault.LOST)
            self._same_process()
            try:
                with opened.session() as session:
                    return _signature(session.private_key(label), algorithm, message)
            except (refusals.MechanismInvalid, refusals.MechanismParamInvalid):
                raise KeyUnusable(Fault.MECHANISM) from None
            except refusals.MultipleObjectsReturned:
                raise KeyUnusable(Fault.KEY_AMBIGUOUS) from None
            except refusals.NoSuchKey:
                self._give_up(token, "NoSuchKey")  # also what a token says that has forgotten our login
                raise KeyUnusable(Fault.KEY_MISSING) from None
            except refusals.PKCS11Error as error:
                self._give_up(token, type(error).__name__)
                raise KeyUnusable(Fault.LOST) from None

    def close(self) -> None:
        """Log out and let the library go. What is in the middle of something is waited for."""
        if self._library is None or self._pid != os.getpid():
            return
        with self._turns.alone(), suppress(refusals.PKCS11Error):
            self._forget()
            self._library.finalize()

    def _certificates(self, token: str, label: str) -> list[x509.Certificate]:
        with self._turns.one(), _named():
            opened = self._tokens.get(token)
            if opened is None:
                raise KeyUnusable(Fault.LOST)
            with opened.session() as session:
                return session.certificates(label)

    def _find(self, label: str) -> pkcs11.Token:
        """The one token with this label. A slot that gives an error holds none that could be used."""
        found = []
        for slot in self._loaded().get_slots(token_present=True)[:_MOST_SLOTS]:
            with suppress(refusals.PKCS11Error):
                token: pkcs11.Token = slot.get_token()
                if token.label == label and pkcs11.TokenFlag.TOKEN_INITIALIZED in token.flags:
                    found.append(token)
        if len(found) != 1:
            raise KeyUnusable(Fault.SEVERAL if found else Fault.MISSING)
        return found[0]

    def _loaded(self) -> "Library":
        self._same_process()
        if not self._path:
            raise KeyUnusable(Fault.MODULE)
        try:
            self._library = pkcs11.lib(self._path)
        except (refusals.PKCS11Error, OSError) as error:
            _log.warning("pkcs11.module_unusable", error=type(error).__name__)
            raise KeyUnusable(Fault.MODULE) from None
        return self._library

    def _same_process(self) -> None:
        if self._pid != os.getpid():
            raise KeyUnusable(Fault.FORKED)

    def _give_up(self, token: str, why: str) -> None:
        """Drop what we hold of a token; its sessions are closed later, when nobody can be in the middle of one."""
        with self._handles:
            if (opened := self._tokens.pop(token, None)) is not None:
                self._given_up.append(opened)
                _log.warning("pkcs11.token_given_up", token=token, error=why)

    def _close_given_up(self) -> None:
        for opened in self._given_up:
            opened.close()
        self._given_up.clear()

    def _forget(self) -> None:
        """All handles are void: the library gives the same numbers out again."""
        self._generation += 1
        self._tokens.clear()
        self._given_up.clear()


class TokenKey:
    """A SigningKey in a token. Every signature is checked with the certificate before it is given out."""

    def __init__(
        self,
        module: Module,
        generation: int,
        token: str,
        label: str,
        certificate: x509.Certificate,
        wanted: Algorithm | None,
    ) -> None:
        public = certificates.public_key(certificate)
        if isinstance(public, Flaw):
            raise KeyUnusable(public)
        try:
            self._algorithm = certificates.algorithm_for(public, wanted)
        except ValueError:
            raise KeyUnusable(Fault.ALGORITHM) from None
        self._public: PublicKey = public
        self._module = module
        self.generation = generation
        self.token = token
        self._label = label
        self._certificate = certificates.der_of(certificate)

    @property
    def certificate(self) -> bytes:
        """The leaf certificate, DER."""
        return self._certificate

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` does."""
        return self._algorithm

    def sign(self, message: bytes) -> bytes:
        """The signature over a SignedInfo; ECDSA as r||s. Blocks. Raises NotSignedInfo, KeyUnusable."""
        message = signed_info(message)
        value = self._module.sign(self.generation, self.token, self._label, self._algorithm, message)
        if not verifying.agrees(self._public, self._algorithm, message, value):
            raise KeyUnusable(Fault.SIGNATURE)
        return value


class _Private(NamedTuple):
    """A private key that may sign, and what sort it is."""

    key: SignMixin
    sort: pkcs11.KeyType


class _Session:
    """One session with the handles found through it."""

    def __init__(self, session: pkcs11.Session) -> None:
        self._session = session
        self._keys: dict[str, _Private] = {}

    def private_key(self, label: str) -> "_Private":
        if label not in self._keys:
            # Not get_key: it leaves a search open behind its refusals, and with it the session's lock.
            found = list(self._session.get_objects(_of(pkcs11.ObjectClass.PRIVATE_KEY, label)))
            if len(found) > 1:
                raise refusals.MultipleObjectsReturned
            if not found or not isinstance(found[0], SignMixin):
                raise refusals.NoSuchKey
            self._keys[label] = _Private(found[0], found[0].key_type)
        return self._keys[label]

    def certificates(self, label: str) -> list[x509.Certificate]:
        found = list(self._session.get_objects(_of(pkcs11.ObjectClass.CERTIFICATE, label)))
        read = []
        for one in found[:_MOST_CERTIFICATES]:
            with suppress(CertificateUnreadable, refusals.PKCS11Error):
                read.append(certificates.read(bytes(one[pkcs11.Attribute.VALUE])))
        return read

    def close(self) -> None:
        with suppress(refusals.PKCS11Error):
            self._session.close()


class _Opened:
    """The sessions of a token we are logged in to, one for each call at a time."""

    def __init__(self, sessions: list[pkcs11.Session]) -> None:
        self._free: SimpleQueue[_Session] = SimpleQueue()
        for one in sessions:
            self._free.put(_Session(one))

    @contextmanager
    def session(self) -> Iterator[_Session]:
        one = self._free.get()  # there are as many as turns
        try:
            yield one
        finally:
            self._free.put(one)

    def close(self) -> None:
        """Log out and close, as far as the token still knows us. Only while nobody uses a session."""
        while not self._free.empty():
            self._free.get().close()


def _of(sort: pkcs11.ObjectClass, label: str) -> dict[pkcs11.Attribute, object]:
    return {pkcs11.Attribute.CLASS: sort, pkcs11.Attribute.LABEL: label}


def _signature(private: _Private, algorithm: Algorithm, message: bytes) -> bytes:
    """RSA hashes in the token; ECDSA signs our hash, because tokens with ECDSA and a hash in one are few.

    The sort is looked at first: asked for the other sort's way some libraries fail as if the token were gone.
    """
    if private.sort != (pkcs11.KeyType.RSA if algorithm in _RSA else pkcs11.KeyType.EC):
        raise KeyUnusable(Fault.MISMATCH)
    if algorithm in _RSA:
        return bytes(private.key.sign(message, mechanism=_RSA[algorithm]))
    return bytes(private.key.sign(_HASHES[algorithm](message).digest(), mechanism=pkcs11.Mechanism.ECDSA))


@contextmanager
def _named() -> Iterator[None]:
    """Errors of the library as reasons; its texts go nowhere."""
    try:
        yield
    except refusals.PKCS11Error as error:
        if (fault := _PIN_ANSWERS.get(type(error))) is not None:
            raise KeyUnusable(fault) from None
        _log.warning("pkcs11.error", error=type(error).__name__)
        raise KeyUnusable(Fault.ERROR) from None
