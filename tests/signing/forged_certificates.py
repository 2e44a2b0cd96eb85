"""Certificates whose DER says what no certificate should. Their own signatures are broken by it, which nobody gets to."""

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa


def with_serial(der: bytes, number: bytes) -> bytes:
    """Another content of the serial number."""
    serial = x509.load_der_x509_certificate(der).serial_number
    return _replaced(der, _integer(_signed(serial)), _integer(number))


def with_modulus(der: bytes, number: bytes) -> bytes:
    """Another content of the RSA modulus."""
    return _replaced(der, _integer(_signed(_numbers(der).n)), _integer(number))


def with_exponent(der: bytes, number: bytes) -> bytes:
    """Another content of the RSA exponent."""
    numbers = _numbers(der)
    modulus = _integer(_signed(numbers.n))
    return _replaced(der, modulus + _integer(_signed(numbers.e)), modulus + _integer(number))


def with_length(der: bytes, how: str) -> bytes:
    """A length of what is signed that is not the right one: one byte `longer`, far `longest`, or `indefinite`."""
    assert der[4:6] == b"\x30\x82"
    length = {
        "longer": b"\x82" + (int.from_bytes(der[6:8], "big") + 1).to_bytes(2, "big"),
        "longest": b"\x84\xff\xff\xff\xff",
        "indefinite": b"\x80",
    }[how]
    content = der[4:5] + length + der[8:]
    return b"\x30" + _length(len(content)) + content


def _numbers(der: bytes) -> rsa.RSAPublicNumbers:
    key = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.public_numbers()


def _signed(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _integer(content: bytes) -> bytes:
    return b"\x02" + _length(len(content)) + content


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _replaced(der: bytes, old: bytes, new: bytes) -> bytes:
    """DER with one element replaced, and the lengths of all that hold it put right."""
    assert der.count(old) == 1
    return _rebuilt(der, der.index(old), lambda rest: new + rest[len(old) :])


def _rebuilt(der: bytes, at: int, change: Callable[[bytes], bytes]) -> bytes:
    if at == 0:
        return change(der)
    out, begin = b"", 0
    while begin < len(der):
        header, length = _header(der, begin)
        end = begin + header + length
        if begin + header <= at < end:
            skip = 1 if der[begin] == 0x03 else 0  # the count of unused bits in a bit string
            content = der[begin + header : end]
            inner = content[:skip] + _rebuilt(content[skip:], at - begin - header - skip, change)
            out += der[begin : begin + 1] + _length(len(inner)) + inner
        elif begin == at:
            return out + change(der[begin:])
        else:
            out += der[begin:end]
        begin = end
    return out


def _header(der: bytes, begin: int) -> tuple[int, int]:
    first = der[begin + 1]
    if first < 0x80:
        return 2, first
    octets = first & 0x7F
    return 2 + octets, int.from_bytes(der[begin + 2 : begin + 2 + octets], "big")
