"""Refusals as RFC 9457 problem details: one stable code, both languages, the field, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails
from starlette.responses import JSONResponse

from gateway.problems import Kind, Problem, Text, first_of

MEDIA_TYPE: Final = "application/problem+json"
SHOWN_ERRORS: Final = 50

_STATUS: Final[Mapping[Kind, HTTPStatus]] = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.UNSUPPORTED: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Kind.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# What HTTP has a more exact word for than the kind has.
_STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    "body.malformed": HTTPStatus.BAD_REQUEST,
    "body.cut": HTTPStatus.BAD_REQUEST,
    "body.too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "method.not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "header.malformed": HTTPStatus.BAD_REQUEST,
    "idempotency.key_malformed": HTTPStatus.BAD_REQUEST,
}


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorBody(_Body):
    """One thing that is wrong."""

    code: str = Field(description="Stable, dotted; made for programs.", examples=["recipient.unknown"])
    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) of the field in what was sent.")
    parameter: str | None = Field(None, description="Name of the header, the part, or the query or path parameter.")
    detail: str = Field(description="What is wrong, in English.")
    detail_vi: str = Field(description="What is wrong, in Vietnamese.")
    action: str = Field(description="What to do, in English.")
    action_vi: str = Field(description="What to do, in Vietnamese.")


class ProblemBody(_Body):
    """A refusal (RFC 9457). Nothing was changed."""

    type: str = Field(examples=["urn:lienthong:problem:recipient.unknown"])
    title: str
    status: int
    code: str = Field(description="Stable, dotted; made for programs.", examples=["recipient.unknown"])
    detail: str = Field(description="What is wrong, in English.")
    detail_vi: str = Field(description="What is wrong, in Vietnamese.")
    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) of the field in what was sent.")
    parameter: str | None = Field(None, description="Name of the header, the part, or the query or path parameter.")
    action: str = Field(description="What to do, in English.")
    action_vi: str = Field(description="What to do, in Vietnamese.")
    instance: str = Field(description="The request's correlation id, as a URN; give it to whoever reads the logs.")
    errors: tuple[ErrorBody, ...] = Field((), description="Every single problem, where several were found.")


def status_of(problem: Problem) -> HTTPStatus:
    """The HTTP status of a refusal."""
    return _STATUS_OF_CODE.get(problem.code, _STATUS[problem.kind])


def body_of(problem: Problem, correlation_id: str) -> ProblemBody:
    """The refusal as it is told to a client."""
    status = status_of(problem)
    pointer, parameter = _place(problem.field)
    return ProblemBody(
        type=f"urn:lienthong:problem:{problem.code}",
        title=status.phrase,
        status=status.value,
        code=problem.code,
        pointer=pointer,
        parameter=parameter,
        detail=problem.text.en,
        detail_vi=problem.text.vi,
        action=problem.action.en,
        action_vi=problem.action.vi,
        instance=f"urn:lienthong:request:{correlation_id}",
        errors=tuple(_error(cause) for cause in problem.causes[:SHOWN_ERRORS]),
    )


def response_of(problem: Problem, correlation_id: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to send; with Retry-After and WWW-Authenticate where they belong."""
    sent = {"X-Request-Id": correlation_id, "Cache-Control": "no-store", **(headers or {})}
    if problem.retry_after is not None:
        sent["Retry-After"] = str(problem.retry_after)
    if problem.kind is Kind.UNAUTHENTICATED:
        sent["WWW-Authenticate"] = 'Bearer realm="lienthong-gateway"'
    body = body_of(problem, correlation_id)
    return JSONResponse(
        body.model_dump(mode="json", exclude_none=True),
        status_code=body.status,
        headers=sent,
        media_type=MEDIA_TYPE,
    )


def of_validation(errors: Sequence[ErrorDetails], *, at: str = "") -> Problem:
    """One problem for pydantic's errors about a JSON document that lies at the pointer `at`."""
    problems = [_of_error(error, field=at + pointer(error["loc"])) for error in errors[:SHOWN_ERRORS]]
    found = first_of(problems)
    assert found is not None
    return found


def of_parameters(errors: Sequence[ErrorDetails]) -> Problem:
    """One problem for FastAPI's errors: `loc` begins with query, path, header or body."""
    problems = []
    for error in errors[:SHOWN_ERRORS]:
        where, *rest = error["loc"]
        field = pointer(rest) if where == "body" else str(rest[0] if rest else where)
        problems.append(_of_error(error, field=field))
    found = first_of(problems)
    assert found is not None
    return found


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901) of the steps; "" is the whole."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _place(field: str | None) -> tuple[str | None, str | None]:
    if field is None:
        return None, None
    if field == "" or field.startswith("/"):
        return field, None
    return None, field


def _error(problem: Problem) -> ErrorBody:
    at, parameter = _place(problem.field)
    return ErrorBody(
        code=problem.code,
        pointer=at,
        parameter=parameter,
        detail=problem.text.en,
        detail_vi=problem.text.vi,
        action=problem.action.en,
        action_vi=problem.action.vi,
    )


def _of_error(error: ErrorDetails, *, field: str) -> Problem:
    kind = error["type"]
    if kind == "json_invalid":
        return malformed_json()
    code, text = _told(kind, {key: str(value) for key, value in error.get("ctx", {}).items()})
    return Problem(code, Kind.INVALID, text, _CORRECT, field=field)


def malformed_json(field: str = "") -> Problem:
    """What was sent is not JSON."""
    return Problem(
        "body.malformed",
        Kind.INVALID,
        Text("Nội dung gửi lên không phải JSON hợp lệ.", "What was sent is not valid JSON."),
        Text(
            "Kiểm tra cú pháp JSON (UTF-8, không lặp, không thiếu dấu) rồi gửi lại.",
            "Check the JSON's syntax (UTF-8, nothing missing, nothing twice) and send again.",
        ),
        field=field,
    )


_CORRECT = Text("Sửa trường này rồi gửi lại.", "Correct this field and send again.")


def _told(kind: str, limits: Mapping[str, str]) -> tuple[str, Text]:
    """Our code and words for pydantic's error type. Never quotes what was sent."""
    if kind == "missing":
        return "field.missing", Text("Thiếu trường bắt buộc.", "A required field is missing.")
    if kind == "extra_forbidden":
        return "field.unknown", Text("Không có trường nào tên như vậy.", "There is no field of this name.")
    if kind == "string_too_long":
        limit = limits.get("max_length", "?")
        return "field.too_long", Text(f"Dài quá {limit} ký tự.", f"Longer than {limit} characters.")
    if kind == "string_too_short":
        limit = limits.get("min_length", "?")
        return "field.too_short", Text(f"Ngắn hơn {limit} ký tự.", f"Shorter than {limit} characters.")
    if kind in ("too_long", "too_short"):
        return "field.wrong_count", Text("Số phần tử không hợp lệ.", "The number of items is not allowed.")
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        return "field.out_of_range", _range(kind, limits)
    if kind in ("enum", "literal_error", "string_pattern_mismatch"):
        allowed = str(limits.get("expected") or limits.get("pattern") or "")
        allowed_vi = allowed.replace(" or ", " hoặc ")
        return "field.not_allowed", Text(
            f"Giá trị không được phép; cho phép: {allowed_vi}.", f"Not allowed; allowed: {allowed}."
        )
    if kind == "json_type":
        return "body.malformed", Text("Cần JSON.", "JSON is needed.")
    wanted = _WANTED.get(kind.partition("_")[0], _WANTED["value"])
    return "field.wrong_type", Text(f"Sai kiểu dữ liệu; cần {wanted.vi}.", f"Wrong type; {wanted.en} is needed.")


def _range(kind: str, limits: Mapping[str, str]) -> Text:
    if kind.startswith("greater"):
        low = limits.get("ge") or limits.get("gt") or "?"
        return Text(f"Nhỏ hơn mức cho phép ({low}).", f"Below what is allowed ({low}).")
    high = limits.get("le") or limits.get("lt") or "?"
    return Text(f"Lớn hơn mức cho phép ({high}).", f"Above what is allowed ({high}).")


_WANTED: Final[Mapping[str, Text]] = {
    "string": Text("chuỗi ký tự", "text"),
    "int": Text("số nguyên", "a whole number"),
    "bool": Text("true hoặc false", "true or false"),
    "date": Text("ngày dạng yyyy-mm-dd", "a date as yyyy-mm-dd"),
    "datetime": Text("thời điểm ISO 8601 có múi giờ", "a time in ISO 8601 with its zone"),
    "timezone": Text("thời điểm ISO 8601 có múi giờ", "a time in ISO 8601 with its zone"),
    "tuple": Text("danh sách", "a list"),
    "list": Text("danh sách", "a list"),
    "model": Text("đối tượng JSON", "a JSON object"),
    "dict": Text("đối tượng JSON", "a JSON object"),
    "value": Text("giá trị đúng định dạng", "a value of the right form"),
}
