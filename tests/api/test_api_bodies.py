"""The bodies of POST /v1/documents, taken piece by piece."""

import json
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest
from api_bodies import BOUNDARY, MemoryBlobs, document, multipart, upload, with_content
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.json_body import JsonBody
from gateway.api.multipart import MultipartBody
from gateway.api.receiving import Body, Files
from gateway.api.schemas import DocumentIn, read_document
from gateway.problems import Problem

LIMIT = 100_000
READ = partial(read_document, most_attachments=5)

contents = st.lists(st.binary(max_size=300), max_size=4)


def multipart_body(blobs: MemoryBlobs, *, file_bytes: int = LIMIT, document_bytes: int = LIMIT) -> MultipartBody:
    files = Files(blobs, file_bytes=file_bytes)  # type: ignore[arg-type]  # only `create` is used of a Blobs
    return MultipartBody(BOUNDARY.encode(), files, document_bytes=document_bytes, read=READ)


def json_body(blobs: MemoryBlobs, *, file_bytes: int = LIMIT, document_bytes: int = LIMIT) -> JsonBody:
    files = Files(blobs, file_bytes=file_bytes)  # type: ignore[arg-type]  # only `create` is used of a Blobs
    return JsonBody(files, document_bytes=document_bytes, most_files=5, read=READ)


def feed(body: Body, data: bytes, cuts: list[int]) -> DocumentIn:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, end in pairwise(places):
        body.feed(data[start:end])
    return body.finish()


def refused(body: Body, data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        feed(body, data, [])
    return caught.value


def names(count: int) -> list[str]:
    return [f"Tệp {number}.pdf" for number in range(count)]


cuts = st.lists(st.integers(0, 3000), max_size=12)


@given(contents, cuts)
@settings(deadline=None, max_examples=60)
def test_multipart_gives_the_same_files_wherever_it_is_cut_into_pieces(files: list[bytes], places: list[int]) -> None:
    blobs = MemoryBlobs()
    read = feed(multipart_body(blobs), upload(document(names(len(files))), files), places)
    assert [one.data for one in blobs.made] == files
    assert [one.attachment_name for one in read.attachments] == names(len(files))


@given(contents, cuts, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_json_gives_the_same_files_wherever_it_is_cut_into_pieces(
    files: list[bytes], places: list[int], escaped: bool, spaced: bool
) -> None:
    blobs = MemoryBlobs()
    said = with_content(document(names(len(files))), files)
    text = json.dumps(said, ensure_ascii=escaped, indent=2 if spaced else None)
    if escaped:
        text = text.replace("/", "\\/").replace("+", "\\u002B").replace('"content"', '"c\\u006fntent"')
    read = feed(json_body(blobs), text.encode(), places)
    assert [one.data for one in blobs.made] == files
    assert read.message_header.subject == "Về việc kết nối liên thông"


@given(contents, st.integers(0, 3000), st.binary(min_size=1, max_size=6), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_damaged_body_is_read_or_refused_but_never_breaks_anything(
    files: list[bytes], at: int, junk: bytes, as_json: bool
) -> None:
    said = document(names(len(files)))
    good = json.dumps(with_content(said, files)).encode() if as_json else upload(said, files)
    at = min(at, len(good))
    body: Body = json_body(MemoryBlobs()) if as_json else multipart_body(MemoryBlobs())
    with suppress(Problem):
        assert feed(body, good[:at] + junk + good[at + len(junk) :], [at]).kind == "document"


@given(st.integers(0, 3000), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_body_cut_anywhere_is_refused(at: int, as_json: bool) -> None:
    said = document(names(1))
    good = json.dumps(with_content(said, [b"abc"])).encode() if as_json else upload(said, [b"abc"]).rstrip()
    body: Body = json_body(MemoryBlobs()) if as_json else multipart_body(MemoryBlobs())
    assert refused(body, good[: min(at, len(good) - 1)]).code in {"body.cut", "body.malformed"}


@given(
    st.recursive(st.text() | st.none() | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
@settings(deadline=None, max_examples=60)
def test_any_json_at_all_is_answered_with_a_problem_that_names_a_place(said: object) -> None:
    problem = refused(json_body(MemoryBlobs()), json.dumps(said).encode())
    assert problem.field is not None or problem.causes


class TestMultipart:
    def test_file_names_in_part_headers_are_ignored(self) -> None:
        text = json.dumps(document(["Kế hoạch.pdf"])).encode()
        body = multipart([("document", None, text), ("files", "../../x", b"%PDF")])
        assert feed(multipart_body(MemoryBlobs()), body, []).attachments[0].attachment_name == "Kế hoạch.pdf"

    def test_the_document_must_come_first(self) -> None:
        body = multipart([("files", "a", b"1"), ("document", None, b"{}")])
        assert refused(multipart_body(MemoryBlobs()), body).code == "document.part_missing"

    def test_a_missing_part_is_named_by_its_attachment(self) -> None:
        problem = refused(multipart_body(MemoryBlobs()), upload(document(names(2)), [b"1"]))
        assert (problem.code, problem.field) == ("attachments.part_missing", "/attachments/1")

    def test_a_surplus_part_is_refused_before_its_bytes_are_written(self) -> None:
        blobs = MemoryBlobs()
        problem = refused(multipart_body(blobs), upload(document(names(1)), [b"1", b"2"]))
        assert problem.code == "attachments.part_surplus"
        assert [one.data for one in blobs.made] == [b"1"]

    def test_a_part_of_another_name_is_refused(self) -> None:
        body = multipart([("document", None, json.dumps(document(names(1))).encode()), ("file", "a", b"1")])
        assert refused(multipart_body(MemoryBlobs()), body).code == "body.part_unknown"

    def test_a_file_over_its_limit_is_refused(self) -> None:
        problem = refused(multipart_body(MemoryBlobs(), file_bytes=3), upload(document(names(1)), [b"1234"]))
        assert (problem.code, problem.field) == ("attachments.too_large", "/attachments/0")

    def test_a_document_over_its_limit_is_refused(self) -> None:
        problem = refused(multipart_body(MemoryBlobs(), document_bytes=50), upload(document(), []))
        assert problem.code == "document.too_large"

    def test_a_transfer_encoding_is_refused_rather_than_kept_undecoded(self) -> None:
        body = upload(document(names(1)), [b"QQ=="]).replace(
            b'name="files"', b'name="files"\r\nContent-Transfer-Encoding: base64'
        )
        assert refused(multipart_body(MemoryBlobs()), body).code == "body.malformed"

    def test_content_inside_the_document_is_refused(self) -> None:
        problem = refused(multipart_body(MemoryBlobs()), upload(with_content(document(names(1)), [b"1"]), [b"1"]))
        assert problem.code == "attachments.content_unexpected"

    def test_a_header_of_a_megabyte_is_refused(self) -> None:
        body = f"--{BOUNDARY}\r\nContent-Disposition: {'x' * 1_000_000}\r\n\r\n".encode()
        assert refused(multipart_body(MemoryBlobs()), body).code == "body.malformed"


class TestJson:
    @pytest.mark.parametrize(
        "bad", ["QQ=", "Q", "QQ==QQ==", "Q Q=", "QQ==\\n", "Q\\u0041==", "\\", "Đ", "QQ-_", "=", "===="]
    )
    def test_what_is_not_strict_base64_is_refused(self, bad: str) -> None:
        text = json.dumps(with_content(document(names(1)), [b"1"])).replace("MQ==", bad)
        problem = refused(json_body(MemoryBlobs()), text.encode())
        assert (problem.code, problem.field) == ("attachments.not_base64", "/attachments/0/content")

    def test_a_file_without_content_is_refused(self) -> None:
        problem = refused(json_body(MemoryBlobs()), json.dumps(document(names(1))).encode())
        assert (problem.code, problem.field) == ("attachments.content_missing", "/attachments/0/content")

    def test_content_given_twice_is_refused(self) -> None:
        text = json.dumps(with_content(document(names(1)), [b"1"])).replace(
            '"content":', '"content": "MQ==", "content":'
        )
        assert refused(json_body(MemoryBlobs()), text.encode()).code == "body.malformed"

    def test_a_file_is_never_kept_in_memory_with_the_document(self) -> None:
        said = with_content(document(names(1)), [b"x" * 60_000])
        feed(json_body(MemoryBlobs(), document_bytes=2000), json.dumps(said).encode(), [])

    def test_a_long_document_is_refused(self) -> None:
        said = document() | {"secrecy": "x" * 3000}
        assert (
            refused(json_body(MemoryBlobs(), document_bytes=2000), json.dumps(said).encode()).code
            == "document.too_large"
        )

    def test_more_files_than_allowed_are_refused_before_they_are_written(self) -> None:
        blobs = MemoryBlobs()
        problem = refused(json_body(blobs), json.dumps(with_content(document(names(6)), [b"1"] * 6)).encode())
        assert problem.code == "attachments.too_many"
        assert len(blobs.made) == 5

    def test_deep_nesting_is_refused(self) -> None:
        assert refused(json_body(MemoryBlobs()), b'{"findings": ' + b"[" * 5000).code == "body.malformed"


class TestDocument:
    def refused(self, **change: object) -> Problem:
        with pytest.raises(Problem) as caught:
            READ(json.dumps(document() | change).encode())
        return caught.value

    def test_what_packet_read_prints_can_be_posted(self) -> None:
        printed = document() | {
            "kind": "document",
            "attachments": [
                {
                    "attachment_name": "a.pdf",
                    "content_type": "application/pdf",
                    "content_id": "1",
                    "size": 1,
                    "sha256": "0" * 64,
                }
            ],
            "findings": [{"code": "N.x", "severity": "warning", "message": "x"}],
        }
        assert READ(json.dumps(printed).encode()).attachments[0].size == 1

    def test_an_unknown_field_is_named(self) -> None:
        assert (self.refused(x=1).code, self.refused(x=1).field) == ("field.unknown", "/x")

    def test_a_wrong_date_is_named(self) -> None:
        problem = self.refused(message_header={"promulgation_info": {"promulgation_date": "30/02/2026"}})
        assert problem.field == "/message_header/promulgation_info/promulgation_date"
        assert "yyyy-mm-dd" in problem.text.vi

    def test_several_errors_are_told_at_once(self) -> None:
        problem = self.refused(message_header={"to": 1, "subject": 2}, attachments=[{"attachment_name": ""}])
        assert [cause.field for cause in problem.causes] == [
            "/message_header/to",
            "/message_header/subject",
            "/attachments/0/attachment_name",
        ]

    def test_a_control_character_is_named(self) -> None:
        problem = self.refused(message_header={"to": [{"organ_name": "a\x00b"}]})
        assert (problem.code, problem.field) == ("field.unfit_character", "/message_header/to/0/organ_name")

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"secrecy": "\\ud800"}', b"[" * 100_000])
    def test_text_that_is_not_json_is_refused(self, text: bytes) -> None:
        with pytest.raises(Problem) as caught:
            READ(text)
        assert caught.value.code == "body.malformed"
