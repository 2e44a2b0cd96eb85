"""A few steps of DER, enough to find the numbers of a certificate before any library trusts them (RFC 5280 4.1; X.690)."""

SERIAL_BYTES = 20
"""RFC 5280 4.1.2.2."""


class BadDer(Exception):
    """`word`: `certificate` for what is none, `der_number` for a number that may not be."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


_SEQUENCE, _INTEGER, _BIT_STRING, _VERSION = 0x30, 0x02, 0x03, 0xA0
_RSA_KEY = bytes.fromhex("06092a864886f70d010101")


def look_at_numbers(der: bytes, *, rsa_bytes: int) -> None:
    """The serial number and an RSA key's numbers: positive, of bounded length, written as DER demands.

    `rsa_bytes` bounds modulus and exponent. Raises BadDer.
    """
    certificate = _parts(der, 0, len(der))
    if len(certificate) != 1 or certificate[0][0] != _SEQUENCE:
        raise BadDer("certificate")
    outer = _parts(der, *certificate[0][1:])
    if len(outer) != 3 or outer[0][0] != _SEQUENCE:
        raise BadDer("certificate")
    body = _parts(der, *outer[0][1:])
    if body and body[0][0] == _VERSION:
        del body[0]
    if len(body) < 6 or body[0][0] != _INTEGER or body[5][0] != _SEQUENCE:
        raise BadDer("certificate")
    _natural(der, *body[0][1:], most=SERIAL_BYTES)
    key = _parts(der, *body[5][1:])
    if len(key) != 2 or key[1][0] != _BIT_STRING:
        raise BadDer("certificate")
    if der[key[0][1] :].startswith(_RSA_KEY):
        numbers = _parts(der, key[1][1] + 1, key[1][2])
        for tag, begin, end in _parts(der, *numbers[0][1:]) if len(numbers) == 1 else ():
            if tag != _INTEGER:
                raise BadDer("certificate")
            _natural(der, begin, end, most=rsa_bytes)


def _parts(der: bytes, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Tag, beginning and end of the content of each element between two places, which they must fill."""
    found = []
    while begin < end:
        if end - begin < 2:
            raise BadDer("certificate")
        tag, length, at = der[begin], der[begin + 1], begin + 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 3 or at + octets > end:  # indefinite, or longer than any certificate may be
                raise BadDer("certificate")
            length, at = int.from_bytes(der[at : at + octets], "big"), at + octets
        if at + length > end:
            raise BadDer("certificate")
        found.append((tag, at, at + length))
        begin = at + length
    return found


def _natural(der: bytes, begin: int, end: int, *, most: int) -> None:
    number = der[begin:end]
    negative = not number or number[0] >= 0x80
    padded = len(number) > 1 and number[0] == 0 and number[1] < 0x80
    if negative or padded or len(number.lstrip(b"\0")) > most or not any(number):
        raise BadDer("der_number")
