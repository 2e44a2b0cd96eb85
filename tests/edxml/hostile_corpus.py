"""Every hostile packet that the reader is proved against: what it is, what it has to end in, what it may cost.

`tools/corpus-table` runs all of them and writes them into docs/security.md with what they cost.
"""

import hostile_zips as zips
from hostile_case import (
    CONTENT,
    ENVELOPE,
    KB,
    MB,
    OPEN,
    SUBJECT,
    Case,
    after,
    attached,
    damaged_base64,
    many,
    small_bombs,
    streamed,
    tag,
    truncated,
    whole,
)
from packets import HEADER, PDF, File, document, sample, zipped

from gateway.edxml.limits import Limits

LAUGHS = "".join(f"<!ENTITY l{n + 1} '{f'&l{n};' * 10}'>" for n in range(9))
STATUS = sample("own_status_03")

DECLARATIONS = (
    Case(
        name="document type declaration",
        codes=("X.Doctype",),
        packets=whole(f"<!DOCTYPE edXML>{OPEN}", '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>'),
    ),
    Case(
        name="external entity",
        codes=("X.Doctype",),
        packets=whole(f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{OPEN}&e;</edXML>'),
    ),
    Case(
        name="parameter entity",
        codes=("X.Doctype",),
        packets=whole('<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;]><x/>'),
    ),
    Case(
        name="billion laughs",
        codes=("X.Doctype",),
        packets=whole(f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>{OPEN}&l9;</edXML>'),
    ),
    Case(
        name="quadratic blow-up",
        codes=("X.Doctype",),
        packets=whole(f'<!DOCTYPE x [<!ENTITY e "{"a" * 50_000}">]>{OPEN}{"&e;" * 50_000}</edXML>'),
    ),
    Case(name="undefined entity", codes=("X.Entity",), packets=whole(f"{OPEN}&nbsp;</edXML>")),
    Case(
        name="endless XML declaration",
        codes=("X.Token",),
        packets=streamed(lambda: after("<?xml version='1.0' ", many("x", 5 * MB))),
    ),
)

SHAPES = (
    Case(name="nesting 10⁵ deep", codes=("X.Depth",), packets=streamed(lambda: after(OPEN, many("<a>", 300 * KB)))),
    Case(
        name="10⁶ elements",
        codes=("X.Elements",),
        packets=streamed(lambda: after(ENVELOPE, many("<edXML:To/>", 11 * MB))),
        memory=32 * MB,
    ),
    Case(
        name="10⁵ different names",
        codes=("X.Names",),
        packets=streamed(lambda: after(OPEN, (f"<a{n}/>".encode() for n in range(100_000)))),
    ),
    Case(
        name="60 000 undeclared prefixes",
        codes=("X.NotWellFormed",),
        packets=lambda: [
            [
                document(
                    [PDF], header=HEADER.replace("</edXML:MessageHeader>", "<a:b/>" * 59_000 + "</edXML:MessageHeader>")
                )
            ]
        ],
        memory=32 * MB,
    ),
    Case(
        name="attribute of 10 MB",
        codes=("X.Token",),
        packets=streamed(lambda: after(f'{OPEN}<a b="', many("x", 10 * MB), [b'"/></edXML>'])),
    ),
    Case(
        name="attribute over its cap",
        codes=("X.Attributes",),
        packets=whole(f'{OPEN}<a b="{"x" * 20_000}"/></edXML>', f'{OPEN}<a xmlns:b="u:{"x" * 20_000}"/></edXML>'),
    ),
    Case(
        name="50 000 attributes or namespaces",
        codes=("X.Attributes",),
        packets=lambda: [
            after(OPEN, (tag('b{}=""', 500) for _ in range(100))),
            after(OPEN, (tag('xmlns:b{}="u:b"', 300) for _ in range(100))),
            [OPEN.encode() + tag('b{}=""', 80_000)],
        ],
        memory=32 * MB,
    ),
    Case(
        name="name of 1 MB",
        codes=("X.Name", "X.Token"),
        packets=whole(f"{OPEN}<{'a' * MB}/></edXML>", f"{OPEN}<{'a' * (MB - 100)}/></edXML>"),
    ),
    Case(name="name over its cap", codes=("X.Name",), packets=whole(f"{OPEN}<{'a' * 300}/></edXML>")),
    Case(
        name="endless start tag",
        codes=("X.Token",),
        packets=streamed(lambda: after(f"{OPEN}<a ", many(" ", 10 * MB))),
    ),
    Case(
        name="header of 1 GB",
        codes=("X.HeaderSize",),
        packets=streamed(lambda: after(SUBJECT, many("x", 1023 * MB))),
        seconds=6.0,
    ),
    Case(
        name="header of 100 MB of blanks",
        codes=("X.HeaderSize",),
        packets=streamed(lambda: after(ENVELOPE, many(" ", 100 * MB))),
    ),
    Case(
        name="value of 100 kB",
        codes=("X.TextSize",),
        packets=lambda: [[document([PDF], header=HEADER.replace("Trích yếu", "x" * 100_000))]],
    ),
    Case(
        name="packet over its size",
        codes=("X.PacketSize",),
        packets=streamed(lambda: after(CONTENT, many("AAAA", 20 * MB))),
        limits=Limits(packet_bytes=16 * MB),
    ),
)

PIECES = (
    Case(
        name="CDATA section over its cap",
        codes=("X.Token",),
        packets=streamed(lambda: after(f"{CONTENT}<![CDATA[", many("AAAA", 20 * MB), [b"]]>"])),
    ),
    Case(
        name="comment over its cap",
        codes=("X.Token", "X.Comment"),
        packets=lambda: [
            after(f"{OPEN}<!--", many("x", 10 * MB)),
            [f"{OPEN}<!--{'x' * 70_000}--></edXML>".encode()],
        ],
    ),
    Case(
        name="processing instruction over its cap",
        codes=("X.Token", "X.Comment"),
        packets=lambda: [after(f"{OPEN}<?a ", many("x", 10 * MB)), [f"{OPEN}<?a {'x' * 70_000}?></edXML>".encode()]],
    ),
    Case(
        name="millions of comments",
        codes=("X.Events",),
        packets=lambda: [
            after(OPEN, many("<!---->", 20 * MB)),
            after(CONTENT, many("A<!---->", 20 * MB)),
        ],
        seconds=2.0,
    ),
    Case(
        name="millions of character references",
        codes=("X.Events",),
        packets=streamed(lambda: after(CONTENT, many("&#65;", 40 * MB))),
        seconds=2.0,
    ),
    Case(
        name="different instructions",
        codes=("X.Names",),
        packets=streamed(lambda: after(OPEN, (f"<?a{n} ?>".encode() for n in range(100_000)))),
    ),
)

TEXT = (
    Case(
        name="NUL and control characters",
        codes=("X.NotWellFormed",),
        packets=whole(*(f"{SUBJECT}a{c}b" for c in ("\0", "\x08", "\x1f", "\ufffe", "&#0;", "&#8;", "&#xFFFF;"))),
    ),
    Case(
        name="invalid UTF-8",
        codes=("X.Encoding", "X.NotWellFormed"),
        packets=whole(
            *(
                SUBJECT.encode() + bad + b"</edXML:Subject>"
                for bad in (b"\xc3\x28", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80")
            )
        ),
    ),
    Case(
        name="other encodings",
        codes=("X.Encoding",),
        packets=whole(
            *(
                f'<?xml version="1.0" encoding="{name}"?>{OPEN}'
                for name in ("utf-7", "windows-1252", "windows-1258", "ISO-8859-1", "cp037", "UTF-16", "ucs-4", "x")
            ),
            b"+/v8-" + OPEN.encode(),
            f'<?xml version="1.0"?>{OPEN}'.encode("utf-32"),
            '<?xml version="1.0" encoding="cp037"?>'.encode("cp037"),
        ),
    ),
    Case(
        name="broken syntax",
        codes=("X.NotWellFormed",),
        packets=whole(
            *(
                f"{OPEN}{broken}</edXML>"
                for broken in (
                    '<a b="" b=""/>',
                    "<a:b:c/>",
                    "<a></b>",
                    "<a",
                    "<a b=c/>",
                    "<>",
                    "]]>",
                    "<a b='<'/>",
                    "</a>",
                )
            )
        ),
    ),
    Case(name="truncated at every hundredth", codes=("X.Truncated", "X.NotWellFormed"), packets=truncated),
    Case(
        name="documents one after another",
        codes=("X.NotWellFormed",),
        packets=whole(STATUS * 2, STATUS + sample("own_reply"), STATUS + b"x", b"x" + STATUS, b" " + STATUS),
    ),
    Case(
        name="nothing, or nothing but blanks",
        codes=("X.Empty",),
        packets=lambda: [[], [b" \r\n\t" * 100], many(" ", 20 * MB)],
    ),
    Case(
        name="endless blanks after the end",
        codes=("X.Token",),
        packets=streamed(lambda: after(STATUS, many("\n", 20 * MB))),
    ),
    Case(
        name="another root",
        codes=("X.Root", "X.OldForm"),
        packets=whole(
            "<a/>",
            "<html><body>502</body></html>",
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
        ),
    ),
)

ATTACHMENTS = (
    Case(
        name="10 000 attachments",
        codes=("A.Count",),
        packets=streamed(
            lambda: after(
                f"{OPEN}<AttachmentEncoded>",
                (
                    b"<Attachment><ContentTransferEncoded>AAAA</ContentTransferEncoded></Attachment>"
                    for _ in range(10_000)
                ),
            )
        ),
        seconds=4.0,
    ),
    Case(
        name="10 000 contents in one attachment",
        codes=("X.Truncated",),
        packets=streamed(
            lambda: after(
                f"{OPEN}<AttachmentEncoded><Attachment>",
                (b"<ContentTransferEncoded>AAAA</ContentTransferEncoded>" for _ in range(10_000)),
            )
        ),
        seconds=2.0,
    ),
    Case(name="base64 with junk", codes=("M.Attachment-Encoding",), packets=damaged_base64),
    Case(
        name="attachment names that climb out of a folder",
        codes=("M.AttachmentName",),
        packets=lambda: [
            [document([File(name, "application/pdf", b"%PDF-1.4")])]
            for name in ("../../etc/passwd", "/etc/passwd", "..\\..\\a.pdf", "C:\\a.pdf", "CON", "a\u202efdp.exe")
        ],
        refused=False,
    ),
    Case(
        name="zip bomb by its ratio",
        codes=("Z.Ratio",),
        packets=attached(lambda: zips.bomb(48 * MB)),
    ),
    Case(
        name="1 000 small zip bombs",
        codes=("Z.Ratio",),
        packets=lambda: small_bombs(1000),
        seconds=8.0,
    ),
    Case(
        name="nested zip bomb",
        codes=("Z.Nested",),
        packets=attached(lambda: zips.nested_bomb(5, 48 * MB)),
        refused=False,
    ),
    Case(
        name="zip in the form of 42.zip",
        codes=("Z.Entries", "Z.Nested"),
        packets=lambda: [
            *attached(lambda: zips.forty_two(16, 2))(),
            *attached(lambda: zips.forty_two(16, 2), name="42.zip")(),
        ],
        refused=False,
    ),
    Case(
        name="zip bomb sent as a file of its own",
        codes=("Z.Ratio", "Z.Overlap"),
        packets=attached(lambda: zips.bomb(48 * MB), zips.overlapping, name="a.zip"),
        refused=False,
    ),
    Case(
        name="zip with overlapping entries",
        codes=("Z.Overlap",),
        packets=attached(zips.overlapping, lambda: zips.overlapping() + b"x"),
    ),
    Case(
        name="zip with lying sizes and checksum",
        codes=("Z.Checksum", "Z.Damaged"),
        packets=attached(
            *(
                lambda size=size: zips.lying(size=size)
                for size in (0, 10, len(zips.DATA) - 1, len(zips.DATA) + 1, 2**31)
            ),
            *(lambda size=size: zips.lying(packed_size=size) for size in (0, 5, 100, 2**31)),
            lambda: zips.lying(checksum=1),
        ),
        refused=False,
    ),
    Case(name="encrypted zip", codes=("Z.Encrypted",), refused=False, packets=attached(zips.encrypted)),
    Case(
        name="zip with path parts",
        codes=("Z.Path",),
        packets=attached(
            *(
                lambda name=name: zipped((name, b"1;2"))
                for name in ("../../etc/cron.d/a", "/etc/passwd", "..\\a.csv", "C:\\a.csv")
            )
        ),
        refused=False,
    ),
    Case(name="zip with a symbolic link", codes=("Z.Symlink",), packets=attached(zips.symlink)),
    Case(
        name="zip with two entries",
        codes=("Z.Entries",),
        packets=attached(lambda: zipped(("a.csv", b"1"), ("b.csv", b"2"))),
        refused=False,
    ),
    Case(name="zip with 6 000 entries", codes=("Z.Entries",), packets=attached(lambda: zips.many_entries(6000))),
    Case(
        name="damaged zip",
        codes=("Z.Damaged",),
        packets=attached(
            *(lambda at=at: zips.GOOD[:-at] for at in (1, 22, 60, 2000)),
            zips.before_the_beginning,
        ),
        refused=False,
    ),
)

REFERENCE = (
    '<Reference URI="urn:lienthong:packet-signature:1?file=1"><Transforms><Transform Algorithm="a"/></Transforms>'
    f'<DigestMethod Algorithm="b"/><DigestValue>{"A" * 43}=</DigestValue></Reference>'
)


def signed(content: str) -> bytes:
    """A good packet with a signature of that content."""
    return document([PDF], signature=f"<Signature>{content}</Signature>")


SIGNATURES = (
    Case(
        name="signature value of 10 MB",
        codes=("R.Signature",),
        packets=lambda: [[signed(f"<SignatureValue>{'A' * 10 * MB}</SignatureValue>")]],
        refused=False,
        memory=32 * MB,
    ),
    Case(
        name="10 000 references in a signature",
        codes=("R.Signature",),
        packets=whole(*(signed(f"<SignedInfo>{one * 10_000}</SignedInfo>") for one in (REFERENCE, "<Reference/>"))),
        refused=False,
        seconds=2.0,
        memory=48 * MB,
    ),
    Case(
        name="several signatures",
        codes=("M.Signature",),
        packets=lambda: [
            [document([PDF], signature=f"<Signature>{'<SignatureValue>AA</SignatureValue>'}</Signature>" * 50)]
        ],
        refused=False,
    ),
)

CORPUS = (*DECLARATIONS, *SHAPES, *PIECES, *TEXT, *ATTACHMENTS, *SIGNATURES)
