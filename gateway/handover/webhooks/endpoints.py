"""Endpoints: added, rotated, paused, resumed, replayed and removed by operators."""

import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from gateway.directory import units
from gateway.directory.secret_sources import secret_source
from gateway.handover.repository import last_event, last_event_before
from gateway.handover.webhooks import repository
from gateway.handover.webhooks.model import GROUPS, Backlog, Endpoint, EndpointState, NewEndpoint
from gateway.jobs import Jobs, Lane
from gateway.problems import Kind, Problem, Text, first_of
from gateway.store import Transaction, new_id

FEED_JOB = "webhook_feed"
"""One for each endpoint: gives events out to chains."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


async def add(tx: Transaction, jobs: Jobs, new: NewEndpoint, hosts: frozenset[str], now: datetime) -> Endpoint:
    """A new endpoint; it is told what happens from now on.

    `hosts` are those that may be called. Raises Problem: `webhook.*` for each value that cannot be used, `unit.unknown`,
    `webhook.exists` (CONFLICT).
    """
    if problem := first_of(_problems(new, hosts)):
        raise problem
    codes = frozenset([(await units.get(tx, code)).code for code in sorted(new.units)])
    if await repository.endpoint_named(tx, new.name) is not None:
        raise Problem(
            "webhook.exists",
            Kind.CONFLICT,
            Text(f"Đã có webhook tên {new.name}.", f"There is a webhook called {new.name}."),
            Text("Chọn tên khác bằng --name.", "Choose another name with --name."),
            field="/name",
        )
    endpoint = Endpoint(
        id=new_id(now),
        name=new.name,
        url=new.url,
        secret_sources=(new.secret_source,),
        units=codes,
        groups=new.groups,
        hands_over=new.hands_over,
        allow_plain_http=new.allow_plain_http,
        ca_file=new.ca_file,
        state=EndpointState.ACTIVE,
        paused_reason=None,
        cursor=await last_event(tx),
        replayed_to=0,
        failures=0,
        failing_since=None,
        open_until=None,
        opened=0,
        probe=None,
        last_error=None,
        created_at=now,
        changed_at=now,
    )
    await repository.insert_endpoint(tx, endpoint)
    await jobs.put(tx, kind=FEED_JOB, key=endpoint.id, lane=Lane.SECOND)
    return endpoint


async def every(tx: Transaction) -> list[tuple[Endpoint, Backlog]]:
    """All endpoints with their backlogs, by name."""
    return [(one, await repository.backlog(tx, one.id)) for one in await repository.endpoints(tx)]


async def backlog(tx: Transaction, endpoint: Endpoint) -> Backlog:
    """How far it is behind."""
    return await repository.backlog(tx, endpoint.id)


async def get(tx: Transaction, name: str) -> Endpoint:
    """The endpoint of this name; raises Problem `webhook.unknown`."""
    found = await repository.endpoint_named(tx, name) if _NAME.fullmatch(name) else None
    if found is None:
        raise unknown()
    return found


async def rotate(tx: Transaction, name: str, source: str, now: datetime) -> Endpoint:
    """From now on calls are signed with both the new secret and the one before. Raises `webhook.unknown`, `webhook.secret_source`."""
    if problem := first_of(_source_problems(source)):
        raise problem
    endpoint = await _locked(tx, name)
    sources = (source, *(one for one in endpoint.secret_sources if one != source))[:2]
    return await _saved(tx, replace(endpoint, secret_sources=sources, changed_at=now))


async def finish_rotation(tx: Transaction, name: str, now: datetime) -> Endpoint:
    """From now on calls are signed with the newest secret alone. Raises `webhook.unknown`."""
    endpoint = await _locked(tx, name)
    return await _saved(tx, replace(endpoint, secret_sources=endpoint.secret_sources[:1], changed_at=now))


async def pause(tx: Transaction, name: str, now: datetime) -> Endpoint:
    """Make no more calls until `resume`; what happens meanwhile is told then. Raises `webhook.unknown`."""
    endpoint = await _locked(tx, name)
    return await _saved(
        tx, replace(endpoint, state=EndpointState.PAUSED, paused_reason="operator", probe=None, changed_at=now)
    )


async def resume(tx: Transaction, jobs: Jobs, name: str, now: datetime) -> Endpoint:
    """Call again, from where it was left; what had been given up is tried again too. Raises `webhook.unknown`."""
    endpoint_id = (await get(tx, name)).id
    await _wake(tx, jobs, endpoint_id)
    await repository.park_chains(tx, endpoint_id)
    endpoint = await _locked(tx, name)
    return await _saved(
        tx,
        replace(
            endpoint,
            state=EndpointState.ACTIVE,
            paused_reason=None,
            failures=0,
            failing_since=None,
            open_until=None,
            opened=0,
            probe=None,
            last_error=None,
            changed_at=now,
        ),
    )


async def replay(
    tx: Transaction, jobs: Jobs, name: str, *, since: datetime | None = None, after: int | None = None
) -> Endpoint:
    """Tell again what happened since a time, or after an event, with the same webhook-id as then. Raises `webhook.unknown`."""
    first = after if after is not None else await last_event_before(tx, since) if since else 0
    await _wake(tx, jobs, (await get(tx, name)).id)
    endpoint = await _locked(tx, name)
    return await _saved(
        tx,
        replace(endpoint, cursor=min(endpoint.cursor, first), replayed_to=max(endpoint.replayed_to, endpoint.cursor)),
    )


async def remove(tx: Transaction, name: str) -> Endpoint:
    """Forget the endpoint, and what it was still to be told. Raises `webhook.unknown`."""
    endpoint = await get(tx, name)
    await repository.delete_endpoint(tx, endpoint.id)
    return endpoint


def unknown() -> Problem:
    """There is none of this name, or it is not the caller's."""
    return Problem(
        "webhook.unknown",
        Kind.NOT_FOUND,
        Text("Không có webhook tên như vậy.", "There is no webhook of this name."),
        Text("Xem danh sách bằng lệnh gateway webhooks list.", "See the list with gateway webhooks list."),
    )


async def _locked(tx: Transaction, name: str) -> Endpoint:
    endpoint = await repository.locked_endpoint(tx, (await get(tx, name)).id)
    if endpoint is None:
        raise unknown()
    return endpoint


async def _saved(tx: Transaction, endpoint: Endpoint) -> Endpoint:
    await repository.save_endpoint(tx, endpoint)
    return endpoint


async def _wake(tx: Transaction, jobs: Jobs, endpoint_id: str) -> None:
    await jobs.put(tx, kind=FEED_JOB, key=endpoint_id, lane=Lane.SECOND)
    await jobs.wake(tx, FEED_JOB, endpoint_id)


def _problems(new: NewEndpoint, hosts: frozenset[str]) -> list[Problem]:
    found = []
    if not _NAME.fullmatch(new.name):
        found.append(
            _invalid(
                "webhook.name",
                Text("Tên webhook không hợp lệ.", "This cannot be a webhook's name."),
                Text("Dùng 1–60 ký tự a–z, 0–9, chấm, gạch nối.", "Use 1 to 60 of a–z, 0–9, dot and hyphen."),
                "/name",
            )
        )
    if not new.units:
        found.append(
            _invalid(
                "webhook.no_units",
                Text("Chưa nêu đơn vị nào cho webhook.", "No unit is named for the webhook."),
                Text("Nêu ít nhất một đơn vị.", "Name one unit at least."),
                "/units",
            )
        )
    if not new.groups or not new.groups <= frozenset(GROUPS):
        found.append(
            _invalid(
                "webhook.groups",
                Text("Nhóm sự kiện không hợp lệ.", "These are not groups of events."),
                Text(f"Dùng: {', '.join(GROUPS)}.", f"Use: {', '.join(GROUPS)}."),
                "/groups",
            )
        )
    if new.hands_over and "document" not in new.groups:
        found.append(
            _invalid(
                "webhook.hands_nothing_over",
                Text(
                    "Webhook bàn giao văn bản phải nhận nhóm document.",
                    "A webhook that hands over has to be told of documents.",
                ),
                Text("Thêm nhóm document.", "Add the group document."),
                "/groups",
            )
        )
    return found + _url_problems(new, hosts) + _source_problems(new.secret_source)


def _url_problems(new: NewEndpoint, hosts: frozenset[str]) -> list[Problem]:
    host = _host_of(new.url)
    if host is None:
        return [
            _invalid(
                "webhook.url",
                Text("Địa chỉ webhook không hợp lệ.", "This cannot be a webhook's address."),
                Text(
                    "Ghi dạng https://máy[:cổng]/đường-dẫn, không kèm tài khoản, tham số hay ký tự có dấu.",
                    "Write https://host[:port]/path, ASCII only, without user, query or fragment.",
                ),
                "/url",
            )
        ]
    if new.url.lower().startswith("http:") and not new.allow_plain_http:
        return [
            _invalid(
                "webhook.plain_http",
                Text("Địa chỉ dùng HTTP không mã hóa.", "The address uses plain HTTP."),
                Text(
                    "Dùng https, hoặc cho phép HTTP bằng --allow-plain-http nếu đường truyền nằm trong mạng riêng.",
                    "Use https, or allow plain HTTP with --allow-plain-http if the line is a private network.",
                ),
                "/url",
            )
        ]
    if host not in hosts:
        return [
            _invalid(
                "webhook.host_not_allowed",
                Text(f"Không được phép gọi máy {host}.", f"The host {host} may not be called."),
                Text(
                    "Thêm máy này vào GATEWAY_HANDOVER_WEBHOOK_HOSTS của mọi nút rồi khởi động lại.",
                    "Add it to GATEWAY_HANDOVER_WEBHOOK_HOSTS of every node, and restart.",
                ),
                "/url",
            )
        ]
    return []


def _host_of(url: str) -> str | None:
    if len(url) > 500 or not re.fullmatch(r"[!-~]+", url) or any(one in url for one in "@?#\\"):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") and port != 0 else None


def _source_problems(source: str) -> list[Problem]:
    try:
        secret_source(source)
    except ValueError:
        return [
            _invalid(
                "webhook.secret_source",
                Text("Nơi lấy khóa bí mật không hợp lệ.", "The place of the secret is not written as it must be."),
                Text(
                    "Ghi file:/đường/dẫn/tuyệt/đối hoặc env:TÊN_BIẾN; không ghi chính khóa bí mật.",
                    "Write file:/absolute/path or env:NAME, never the secret itself.",
                ),
                "/secret_source",
            )
        ]
    return []


def _invalid(code: str, text: Text, action: Text, field: str) -> Problem:
    return Problem(code, Kind.INVALID, text, action, field=field)
