"""Tokens of a real PKCS#11 library (SoftHSM2 from Debian), each test with a folder of its own."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from authorities import Identity
from parts import missing

PIN, SO_PIN = "567890", "123456"
_LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
)


@dataclass
class Tokens:
    """A folder of tokens, and the library that shows them to this process."""

    library: str
    folder: Path
    environment: dict[str, str]

    def make(self, label: str) -> None:
        """A token, logged in to with PIN."""
        self._util("--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN)

    def put(self, token: str, label: str, identity: Identity) -> None:
        """A key into a token."""
        file = self.folder / "key.pem"
        file.write_bytes(identity.key_pem())
        self._util("--import", str(file), "--token", token, "--label", label, "--id", os.urandom(4).hex(), "--pin", PIN)
        file.unlink()

    def put_certificate(self, token: str, label: str, certificate: bytes) -> None:
        """A certificate into a token; while nobody of this process is logged in."""
        with self._opened().get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
            session.create_object(
                {
                    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                    pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    pkcs11.Attribute.TOKEN: True,
                    pkcs11.Attribute.LABEL: label,
                    pkcs11.Attribute.SUBJECT: b"0\0",
                    pkcs11.Attribute.VALUE: certificate,
                }
            )
        self._opened().finalize()

    def set_pin(self, token: str, pin: str) -> None:
        """Another PIN, given by the security officer; while nobody of this process is logged in."""
        with self._opened().get_token(token_label=token).open(rw=True, so_pin=SO_PIN) as session:
            session.init_pin(pin)
        self._opened().finalize()

    def remove(self) -> None:
        """Pull all tokens out."""
        (self.folder / "tokens").rename(self.folder / "pulled out")
        (self.folder / "tokens").mkdir()

    def put_back(self) -> None:
        """As they were."""
        (self.folder / "tokens").rmdir()
        (self.folder / "pulled out").rename(self.folder / "tokens")

    def _opened(self) -> "pkcs11._pkcs11.lib":
        return pkcs11.lib(self.library)

    def _util(self, *arguments: str) -> None:
        done = subprocess.run(
            ["softhsm2-util", *arguments], env={**os.environ, **self.environment}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def tokens_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """An empty folder of tokens; skips, loudly, where SoftHSM2 is not installed."""
    library = next((one for one in _LIBRARIES if Path(one).exists()), None)
    if library is None or shutil.which("softhsm2-util") is None:
        missing("SoftHSM2", "not installed (apt-get install --no-install-recommends softhsm2)")
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    monkeypatch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    return Tokens(library, folder, {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")})
