"""How much of a packet the reader takes: every cap with its unit and its reason."""

from dataclasses import dataclass

KB = 1024
MB = 1024 * KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps against hostile packets. Real packets stay far below each of them; a packet beyond one is refused."""

    packet_bytes: int = 1024 * MB
    """Bytes of the whole packet. Gateways in use refuse 50 MB; this leaves room for scanned books."""

    silent_bytes: int = 1 * MB
    """Bytes fed to the XML parser without anything coming out. The parser holds an unfinished tag, comment or CDATA
    section in memory, so this bounds each of them."""

    header_characters: int = 4 * MB
    """Characters of names, attributes and text outside the attachments' content. Ten thousand recipients fit."""

    text_characters: int = 64 * KB
    """Characters of one value in the header. The longest that the packet format foresees has 500."""

    elements: int = 60_000
    """Elements in the packet. Each is held until the header is understood."""

    depth: int = 32
    """Elements inside one another. The packet format needs eight."""

    attributes: int = 10_000
    """Attributes in the whole packet. The packet format needs one; the .NET kit writes three for each attachment."""

    attribute_characters: int = 16 * KB
    """Characters of names and values of all attributes and namespaces of one element."""

    name_characters: int = 256
    """Characters of an element's name together with its namespace."""

    names: int = 1_000
    """Different names of elements, attributes, prefixes and instructions in the whole packet, namespaces among them.
    A packet has about a hundred. libxml2 keeps every name it has seen for as long as the process lives."""

    names_characters: int = 64 * KB
    """Characters of all those names together."""

    comment_characters: int = 64 * KB
    """Characters of one comment or processing instruction."""

    events: int = 300_000
    """Pieces (tags, texts, character references) the parser may cut the packet into, besides one for every 16 bytes:
    a packet that is all character references costs time for nothing."""

    attachments: int = 1_000
    """Attachments in one packet. Each takes a file."""

    signature_bytes: int = 2 * MB
    """Bytes of a signature that are kept. One that names a thousand files has some 400 kB. A larger one is read past,
    not refused: it counts for none of the caps on what is held."""

    signature_elements: int = 8_000
    """Elements of a signature that are kept. One that names a thousand files has 6 020."""

    unzipped_bytes: int = 1024 * MB
    """Bytes of one file after unzipping."""

    unzipped_total_bytes: int = 2048 * MB
    """Bytes of all unzipped files of one packet together."""

    unzip_ratio: int = 200
    """How many times larger than its zip a file may be, from `unzip_free_bytes` on. Office files stay below 50."""

    unzip_free_bytes: int = 32 * MB
    """Bytes up to which the ratio is not looked at: an empty scan packs extremely well and harms nobody."""

    unzip_free_total_bytes: int = 128 * MB
    """Bytes beyond the ratio that all files of one packet may have together: many small bombs are a large one."""

    zip_entries: int = 5_000
    """Entries of an archive that is looked into. An Office file has some hundred."""

    zip_directory_bytes: int = 1 * MB
    """Bytes of an archive's list of entries, which is read whole."""

    findings: int = 200
    """Findings that are listed; further warnings are only counted."""

    unknown_elements: int = 200
    """Unknown elements that are kept for audit, each with at most `unknown_characters` of text."""

    unknown_characters: int = 1_000
    """Characters kept of the text of one unknown element."""
