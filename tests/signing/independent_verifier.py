"""A verifier of packet signatures written from docs/packet-signature.md alone; for small packets (it holds the tree)."""

# fmt: off
import base64
import hashlib
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

El = etree._Element
Said = dict[str, object]
P = "urn:lienthong:packet-signature:1"
NS, DS, W3 = "http://www.mic.gov.vn/TBT/QCVN_102_2016", "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/"
C14N, SHA, MORE = f"{W3}10/xml-exc-c14n#", f"{W3}04/xmlenc#sha256", f"{W3}04/xmldsig-more#"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"rsa-sha256": "", "rsa-sha384": "", "rsa-sha512": "", "ecdsa-sha256": "secp256r1", "ecdsa-sha384": "secp384r1"}
ORGAN = "OrganId OrganizationInCharge OrganName OrganAdd Email Telephone Fax Website"
TABLE = {
    "document": "From To* DocumentId Code PromulgationInfo DocumentType Subject Content SignerInfo DueDate OtherInfo ResponseFor* SteeringType:n ResponseForTask ApplicationType ToPlaces",
    "status": "From ResponseFor StaffInfo StatusCode:s Description Timestamp",
    "From": ORGAN, "To": ORGAN, "Code": "CodeNumber CodeNotation", "PromulgationInfo": "Place PromulgationDate",
    "DocumentType": "Type:n TypeDetail:n TypeName", "SignerInfo": "Competence Position FullName",
    "OtherInfo": "Priority:n SphereOfPromulgation TyperNotation PromulgationAmount:n PageAmount:n ReplyFors ReferenceCodes Appendixes",
    "Appendixes": "Appendix*", "ResponseForTask": "TaskCode*", "ToPlaces": "Place*",
    "ResponseFor": "OrganId Code:x DocumentId PromulgationDate", "StaffInfo": "Department DepartmentId Staff StaffId Email Mobile",
    "Bussiness": "DocumentId BussinessDocType:i BussinessDocReason Paper:i BussinessDocumentInfo* ReplacementInfoList StaffInfo*",
    "BussinessDocumentInfo": "DocumentInfo:i DocumentReceiver:i ReceiverList", "ReceiverList": "Receiver*",
    "Receiver": "OrganId ReceiverType:i", "ReplacementInfoList": "ReplacementInfo*",
    "ReplacementInfo": "DocumentId OrganIdList", "OrganIdList": "OrganId*",
}
WRAPPERS = {"Appendixes", "ResponseForTask", "ToPlaces", "ReceiverList", "ReplacementInfoList", "OrganIdList"}
DEFAULTS = {("DocumentType", "Type"): "2", ("document", "SteeringType"): "0", ("OtherInfo", "Priority"): "0"}
NULLS = {"OrganId", "StatusCode", "BussinessDocType", "Paper", "DocumentInfo", "DocumentReceiver", "ReceiverType"}

class Malformed(ValueError):
    """Not well formed; carries False when the packet is therefore not covered either."""

def kids(element: El | None, name: str) -> list[El]:
    return [] if element is None else [e for e in element if etree.QName(e).localname == name and etree.QName(e).namespace in (NS, None)]

def kid(element: El | None, name: str) -> El | None:
    return next(iter(kids(element, name)), None)

def text(element: El | None) -> str:
    own = "" if element is None else "".join([element.text or "", *(e.tail or "" for e in element)])
    return re.sub("[ \t\r\n]+", " ", unicodedata.normalize("NFC", own)).strip(" ")

def leaf(element: El, kind: str) -> str:
    value = text(element)
    if (etree.QName(element).localname in NULLS and value.lower() == "null") or (kind == "n" and not re.fullmatch("[+-]?[0-9]{1,9}", value)):
        return ""
    if kind in ("n", "i") and (number := re.fullmatch("([+-]?)0*([0-9]+)", value)):
        return "" if number[1] == "-" and number[2] != "0" else number[2]
    return f"0{value}" if kind == "s" and re.fullmatch("[0-9]", value) else value

def tree(elements: list[El], row: str) -> Said:
    """Of one group, or of several wrappers that are one list. An element that stands once and says two things: ValueError."""
    found: Said = {}
    for name, many, kind in re.findall(r"(\w+)(\*?)(?::(\w))?", TABLE[row]):
        same = [e for element in elements for e in kids(element, name)]
        values: list[object] = []
        for group in ([same] if name in WRAPPERS and same else [[e] for e in same]):
            value = tree(group, name) if name in TABLE and kind != "x" else leaf(group[0], kind)
            marked = isinstance(value, dict) and name == "To" and value.get("OrganizationInCharge") == ["TLTVBQG_CDMDD_QD20"]
            if value and not marked and DEFAULTS.get((row, name)) != value:
                values.append(value)
        if len(values) > 1 and not many:
            raise ValueError(name)
        found |= {name: values} if values else {}
    return found

def digest(part: str, v: Said) -> bytes:
    whole = json.dumps({"part": part, "profile": P, "v": v}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(whole.encode()).digest()

def attachments(root: El) -> Iterator[tuple[str, str, list[bytes]]]:
    """Name, description, and what the file may be: the one entry of the zip that came, or the bytes that came."""
    for each in kids(kid(root, "AttachmentEncoded"), "Attachment"):
        content = kid(each, "ContentTransferEncoded")
        may_be = [base64.b64decode((content is not None and content.text) or "")]
        if zipfile.is_zipfile(io.BytesIO(may_be[0])):
            archive = zipfile.ZipFile(io.BytesIO(may_be[0]))
            may_be = [archive.read(one) for one in archive.infolist()[:1] if len(archive.infolist()) == 1] + may_be
        yield text(kid(each, "AttachmentName")), text(kid(each, "Description")), may_be

def children(parent: El, *names: str, attributes: tuple[str, ...] = ()) -> list[El]:
    blank = not "".join([parent.text or "", *(e.tail or "" for e in parent)]).strip(" \t\r\n")
    if tuple(parent.attrib) != attributes or tuple(etree.QName(e).localname for e in parent) != names or not blank:
        raise Malformed
    return list(parent)

def algorithm(element: El) -> str:
    return element.get("Algorithm", "") if children(element, attributes=("Algorithm",)) == [] else ""

def octets(element: El) -> bytes:
    value = re.sub("[ \t\r\n]", "", element.text or "")
    found = base64.b64decode(value, validate=True)
    if not found or element.attrib or len(element) or base64.b64encode(found).decode() != value:
        raise Malformed
    return found

def reference(element: El) -> tuple[str, int, str, bytes]:
    """Kind, place in the order (a file's is its position), URI, digest."""
    uri = element.get("URI", "")
    transforms, method, value = children(element, "Transforms", "DigestMethod", "DigestValue", attributes=("URI",))
    head = re.fullmatch(rf"{P}\?part=header;t=([0-9]{{8}}T[0-9]{{6}}Z);n=[A-Za-z0-9_-]{{21}}[AQgw]", uri)
    file = re.fullmatch(rf"{P}\?file=([1-9][0-9]{{0,3}})", uri)
    kind, at = ("header", -1) if head else ("file", int(file[1])) if file else ("business", 0)
    _ = head and datetime.strptime(head[1], "%Y%m%dT%H%M%SZ")  # noqa: DTZ007 - only whether it exists
    known = kind != "business" or uri == f"{P}?part=business"
    if known and algorithm(children(transforms, "Transform")[0]) == f"{P}#{kind}" and algorithm(method) == SHA and len(octets(value)) == 32:
        return kind, at, uri, octets(value)
    raise Malformed

def grammar(signature: El) -> tuple[str, list[tuple[str, int, str, bytes]], bytes, bytes]:
    """Method, references, signature value, certificate. Raises ValueError."""
    spaces = {etree.QName(e).namespace for e in signature.iter()}
    info, value, key_info = children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    c14n, method, *rest = children(info, "CanonicalizationMethod", "SignatureMethod", *["Reference"] * (len(info) - 2))
    if not any(spaces == {one} for one in (NS, DS, None)) or algorithm(c14n) != C14N or not 1 <= len(rest) <= 1002:
        raise Malformed
    found = [reference(each) for each in rest]
    order = [at for _, at, _, _ in found]
    if len(set(order)) < len(order) or order != sorted(order) or order[0] != -1:
        raise Malformed(False)
    certificate = octets(children(children(key_info, "X509Data")[0], "X509Certificate")[0])
    if algorithm(method).removeprefix(MORE) not in CURVES or len(certificate) > 16384 or x509.load_der_x509_certificate(certificate).serial_number < 1:
        raise Malformed
    return algorithm(method).removeprefix(MORE), found, octets(value), certificate

def verifies(certificate: bytes, method: str, value: bytes, message: bytes) -> bool:
    key, hashing = x509.load_der_x509_certificate(certificate).public_key(), HASHES[method[-3:]]
    try:
        if isinstance(key, rsa.RSAPublicKey) and method.startswith("rsa") and key.key_size >= 2048:
            key.verify(value, message, padding.PKCS1v15(), hashing)
        elif isinstance(key, ec.EllipticCurvePublicKey) and CURVES[method] == key.curve.name and len(value) == key.key_size // 4:
            r, s = (int.from_bytes(half, "big") for half in (value[: len(value) // 2], value[len(value) // 2 :]))
            key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashing))
        else:
            return False
    except InvalidSignature:
        return False
    return True

def verify(packet: bytes) -> Said:
    """`well_formed`, `intact`, `covers`, `signed_info_sha256` and `parts`, as the vectors' JSON files have them."""
    facts: Said = {"well_formed": None, "intact": None, "covers": None, "signed_info_sha256": None, "parts": {}}
    root = etree.fromstring(packet, etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True))
    header = kid(envelope := kid(root, "edXMLEnvelope"), "edXMLHeader")
    message, signatures = kid(header, "MessageHeader"), list(root.iter("{*}Signature", "{*}DigitalSignature"))
    if message is None or P not in {r.get("URI", "").partition("?")[0] for r in signatures[-1].iter("{*}Reference")}:
        return facts
    try:
        single = [len(kids(a, n)) for a, n in ((root, "edXMLEnvelope"), (envelope, "edXMLHeader"), (header, "MessageHeader"))]
        if len(signatures) > 1 or signatures[0].getparent() is not header or single != [1, 1, 1]:
            raise Malformed
        method, references, value, certificate = grammar(signatures[0])
    except ValueError as error:
        return facts | {"well_formed": False, "covers": False if error.args == (False,) else None}
    signed = "".join([f'<SignedInfo xmlns="{DS}"><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>',
        f'<SignatureMethod Algorithm="{MORE}{method}"></SignatureMethod>', *(f'<Reference URI="{uri}"><Transforms><Transform '
        f'Algorithm="{P}#{kind}"></Transform></Transforms><DigestMethod Algorithm="{SHA}"></DigestMethod><DigestValue>'
        f"{base64.b64encode(stated).decode()}</DigestValue></Reference>" for kind, _, uri, stated in references), "</SignedInfo>"]).encode()
    says = {at: stated for _, at, _, stated in references}
    files: dict[int, bool | None] = dict.fromkeys([at for at in says if at > 0], False)
    listed: dict[int, dict[str, list[str]]] = {}
    for at, (name, description, may_be) in enumerate(attachments(root), 1):
        agreeing = [data for data in may_be if hashlib.sha256(data).digest() == says.get(at)]
        files[at] = bool(agreeing) if at in says else None
        sha = (says.get(at) or hashlib.sha256(may_be[0]).digest()).hex()
        entry = {"AttachmentName": name, "Description": description, "Position": str(at), "Sha256": sha, "Size": str(len((agreeing or may_be)[0]))}
        listed[at] = {key: [one] for key, one in entry.items() if one}
    kind = "status" if kid(message, "StatusCode") is not None and kid(message, "To") is None else "document"
    header_intact: bool | None = None if False in files.values() else False
    try:
        body: Said = {"MessageHeader": [tree([message], kind)]}
        for some in ([one for at, one in listed.items() if at in says], list(listed.values())):
            header_intact = header_intact or digest("header", body | ({"Attachment": some} if some else {})) == says[-1] or header_intact
    except ValueError:
        header_intact = False
    block = tree(kids(kid(header, "TraceHeaderList"), "Bussiness"), "Bussiness") if kind == "document" else {}
    parts: dict[str, dict[str, bool | None]] = {"header": {"covered": True, "intact": header_intact}}
    if block or 0 in says:
        agrees = bool(block) and digest("business", {"Bussiness": [block]}) == says.get(0)
        parts["business"] = {"covered": 0 in says, "intact": agrees if 0 in says else None}
    parts |= {f"file:{at}": {"covered": at in says, "intact": agreed} for at, agreed in sorted(files.items())}
    intact = [one["intact"] for one in parts.values() if one["covered"]] + [verifies(certificate, method, value, signed)]
    return {"well_formed": True, "intact": False if False in intact else None if None in intact else True, "covers": all(one["covered"] for one in parts.values()),
        "signed_info_sha256": hashlib.sha256(signed).hexdigest(), "parts": parts}
