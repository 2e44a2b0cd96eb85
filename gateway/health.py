"""What readiness and metrics look at: each check named, with the reason and what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from gateway.api.meters import Figures
from gateway.api.ops import Check, Reading, Scope
from gateway.directory import connections
from gateway.directory.records import Connection, Mode
from gateway.documents import repository as documents
from gateway.documents.pools import sender_of, way_in, way_out
from gateway.handover import repository as handover
from gateway.installation import Nodes, Standing
from gateway.installation import repository as installation
from gateway.jobs import Breakers, BreakerState, Jobs
from gateway.problems import Problem, Text
from gateway.settings import ServeSettings
from gateway.signing.keys.reasons import explained
from gateway.signing.keys.ring import KeyStanding
from gateway.store import Blobs, DatabaseUnavailable, Store
from gateway.times import Clock, shown

MB = 1024 * 1024
_LOOK_EVERY = timedelta(seconds=2)


class Health:
    """The checks of this node and the figures of the whole gateway."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        jobs: Jobs,
        nodes: Nodes,
        standing: Standing,
        breakers: Breakers,
        keys: Callable[[datetime], Awaitable[Sequence[KeyStanding]]],
        clock: Clock,
        settings: ServeSettings,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._nodes = nodes
        self._standing = standing
        self._breakers = breakers
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._looked_at: datetime | None = None
        self._busy: int | None = None

    async def checks(self) -> Sequence[Check]:
        """Database, disk, files, clock, nodes, a restore; each connection's last poll, line and clock; each signing key."""
        fixed = [
            Check("database", self._database, Scope.NODE),
            Check("blobs", self._blob_folder, Scope.NODE),
            Check("disk", self._disk),
            Check("files", self._files),
            Check("clock", self._clock_goes_on, Scope.NODE),
            Check("nodes", self._other_nodes),
            Check("restored", self._restored),
        ]
        async with self._store.read() as tx:
            known = await connections.every(tx)
        for connection in known:
            fixed.append(Check(f"poll:{connection.id}", partial(self._poll, connection)))
            fixed.append(Check(f"line:{connection.id}", partial(self._line, connection)))
            fixed.append(Check(f"clock:{connection.id}", partial(self._skew, connection)))
        for key in await self._keys(self._clock()):
            fixed.append(Check(f"key:{key.row.id}", partial(self._signing_key, key)))
        return fixed

    async def figures(self) -> Figures:
        """What the database says now."""
        now = self._clock()
        keys = await self._keys(now)
        async with self._store.read() as tx:
            known = await connections.every(tx)
            lines = [_Line.of(one, await self._breakers.look(tx)) for one in known]
            return Figures(
                documents=tuple(await documents.document_counts(tx)),
                dispatches=tuple(await documents.dispatch_counts(tx)),
                arrivals=tuple(await documents.arrival_counts(tx)),
                oldest_unsent=_age(now, await documents.oldest_unsent(tx)),
                oldest_unhanded=_age(now, await handover.oldest_unhanded(tx)),
                oldest_unacknowledged=_age(now, await documents.oldest_unacknowledged(tx)),
                poll_ages=tuple(
                    (one.id, (now - one.last_good_poll_at).total_seconds()) for one in known if one.last_good_poll_at
                ),
                jobs=tuple((one.kind, one.state, one.count) for one in await self._jobs.counts(tx)),
                breakers_open=tuple(
                    (line.connection, way, len(names)) for line in lines for way, names in line.open.items()
                ),
                stopped=tuple((one.id, one.stopped_reason is not None) for one in known),
                disk_free_bytes=self._blobs.free_bytes(),
                key_days=tuple((one.row.id, one.days_left) for one in keys if one.days_left is not None),
                keys=tuple((one.row.id, one.fault is None) for one in keys),
                commits=self._store.commits,
            )

    async def busy(self, coming: int) -> int | None:
        """Seconds after which to come back when disk or queue are past their marks; None when there is room.

        `coming` bytes are still to be written: with them on it the disk must not be past its mark either. Asked for
        every upload, so all but the disk is looked at every few seconds only.
        """
        if await asyncio.to_thread(self._blobs.free_bytes) - coming < self._settings.disk_free_mb * MB:
            return 300
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY:
            self._looked_at, self._busy = now, await self._look_for_room()
        return self._busy

    async def _look_for_room(self) -> int | None:
        try:
            await self._standing.folder()
        except DatabaseUnavailable:
            raise
        except Problem as problem:
            return problem.retry_after or 60
        async with self._store.read() as tx:
            waiting = await self._jobs.waiting(tx, "dispatch", self._settings.queue_mark)
        return 60 if waiting >= self._settings.queue_mark else None

    async def _database(self) -> Reading:
        await self._standing.program()
        await self._nodes.probe()
        return Reading(ok=True, reason=Text("Cơ sở dữ liệu trả lời, đúng phiên bản.", "It answers, at our version."))

    async def _blob_folder(self) -> Reading:
        await self._standing.folder()
        await asyncio.to_thread(self._blobs.probe)
        return Reading(ok=True, reason=Text("Kho tệp ghi được.", "The blob folder can be written."))

    async def _disk(self) -> Reading:
        free = await asyncio.to_thread(self._blobs.free_bytes) // MB
        mark = self._settings.disk_free_mb
        return Reading(
            ok=free >= mark,
            reason=Text(
                f"Còn trống {free} MB, mức tối thiểu {mark} MB.", f"{free} MB free, at least {mark} MB wanted."
            ),
            action=Text("Giải phóng hoặc mở rộng ổ đĩa.", "Free disk space, or add some.")
            if free < mark
            else Text("Không cần làm gì.", "Nothing to do."),
        )

    async def _files(self) -> Reading:
        async with self._store.read() as tx:
            damaged = await installation.damaged_count(tx)
        if not damaged:
            return Reading(
                ok=True, reason=Text("Chưa phát hiện tệp hỏng hoặc mất.", "No lost or damaged file has been found.")
            )
        return Reading(
            ok=False,
            reason=Text(f"{damaged} tệp trong kho bị mất hoặc hỏng.", f"{damaged} stored files are lost or damaged."),
            action=Text(
                "Kiểm tra đĩa; chép lại các tệp này từ bản sao lưu (dòng nhật ký blob.damage_found nêu tên tệp).",
                "Check the disk; copy these files back from a backup (the log's blob.damage_found names them).",
            ),
        )

    async def _clock_goes_on(self) -> Reading:
        await self._standing.time()
        return Reading(ok=True, reason=Text("Đồng hồ không bị lùi.", "Our clock has not been set back."))

    async def _other_nodes(self) -> Reading:
        async with self._store.read() as tx:
            found = await self._nodes.alive(tx)
        versions = {(one.version, one.schema) for one in found}
        if len(versions) <= 1:
            return Reading(
                ok=True,
                reason=Text(f"{len(found)} tiến trình, cùng phiên bản.", f"{len(found)} nodes, of one version."),
            )
        listed = ", ".join(f"{one.host}: {one.version} ({one.schema})" for one in found)
        return Reading(
            ok=True,
            reason=Text(f"Các tiến trình khác phiên bản: {listed}.", f"Nodes of different versions: {listed}."),
            action=Text("Nâng cấp nốt các máy còn lại.", "Finish the upgrade on the others."),
        )

    async def _restored(self) -> Reading:
        async with self._store.read() as tx:
            found = await installation.unreleased(tx)
        if found is None:
            return Reading(ok=True, reason=Text("Không có gì bị giữ sau phục hồi.", "No restore holds anything back."))
        return Reading(
            ok=False,
            reason=Text(
                f"Đã phục hồi từ bản sao lưu lúc {shown(found.taken_at)}; đang giữ, chưa gửi và chưa xác nhận gì.",
                f"Restored from the backup of {shown(found.taken_at)}; held: nothing is sent or acknowledged.",
            ),
            action=Text(
                "Xem 'gateway restore differences', rồi chạy 'gateway restore release'.",
                "See 'gateway restore differences', then run 'gateway restore release'.",
            ),
        )

    async def _poll(self, connection: Connection) -> Reading:
        if connection.stopped_reason:
            return Reading(
                ok=False,
                reason=Text(
                    f"Kết nối đã dừng: {connection.stopped_reason}.",
                    f"The connection is stopped: {connection.stopped_reason}.",
                ),
                action=Text(
                    f"Chạy 'gateway doctor {connection.id}' và sửa: đổi khóa trong tệp hoặc 'gateway connections change' "
                    f"thì tự chạy tiếp; còn lại dùng 'gateway connections resume {connection.id}'.",
                    f"Run 'gateway doctor {connection.id}' and correct it: it goes on by itself when the secret's file or "
                    f"the connection changes, else with 'gateway connections resume {connection.id}'.",
                ),
            )
        last = connection.last_good_poll_at
        since = (self._clock() - (last or connection.created_at)).total_seconds()
        late = since > max(self._settings.poll_late_seconds, 3 * connection.poll_seconds)
        seen = shown(last) if last else "-"
        mode = connection.mode.value
        error = f" ({connection.last_poll_error})" if connection.last_poll_error else ""
        return Reading(
            ok=not late,
            reason=Text(
                f"Lần hỏi trục thành công gần nhất: {seen}{error}; chế độ {mode}.",
                f"Last good poll of the axis: {seen}{error}; mode {mode}.",
            ),
            action=Text(
                f"Chạy 'gateway doctor {connection.id}' để biết tầng nào từ chối.",
                f"Run 'gateway doctor {connection.id}' to see which layer refuses.",
            )
            if late
            else _mode_action(connection),
        )

    async def _line(self, connection: Connection) -> Reading:
        async with self._store.read() as tx:
            line = _Line.of(connection, await self._breakers.look(tx))
        senders = ", ".join(name.rpartition(":")[2] for name in line.open["from"])
        if senders:
            return Reading(
                ok=False,
                reason=Text(
                    f"Trục chưa đăng ký mã gửi {senders}: văn bản của các mã này đang chờ.",
                    f"The axis does not know as senders: {senders}. What they send waits.",
                ),
                action=Text(
                    "Đề nghị đơn vị vận hành trục đăng ký; cổng tự thử lại ít nhất mỗi 15 phút, hoặc ngay sau "
                    f"'gateway connections resume {connection.id}'.",
                    "Have the axis's operator register them; it is tried every 15 minutes at least, and at once after "
                    f"'gateway connections resume {connection.id}'.",
                ),
            )
        failing = [name for way in ("out", "in") for name in line.open[way]]
        if not failing:
            return Reading(ok=True, reason=Text("Trục trả lời bình thường.", "The axis answers as it should."))
        states = [self._breakers.seen(name) for name in failing]
        since = min(shown(one.failing_since) for one in states if one.failing_since)
        why = ", ".join(sorted({one.reason or "-" for one in states}))
        ways = ", ".join(name.partition(":")[0] for name in failing)
        return Reading(
            ok=False,
            reason=Text(
                f"Trục lỗi từ {since} ({ways}: {why}); tạm ngừng, thử lại từng lượt một.",
                f"The axis has failed since {since} ({ways}: {why}); left alone, tried by one at a time.",
            ),
            action=Text(
                f"Chạy 'gateway doctor {connection.id}'; khi trục hoạt động lại thì tự gửi tiếp.",
                f"Run 'gateway doctor {connection.id}'; when the axis is back, it goes on by itself.",
            ),
        )

    async def _skew(self, connection: Connection) -> Reading:
        skew, mark = connection.clock_skew_seconds, self._settings.clock_skew_seconds
        if skew is None:
            return Reading(
                ok=True, reason=Text("Chưa có trả lời của trục để so giờ.", "No answer of the axis to compare yet.")
            )
        off = abs(skew) > mark
        return Reading(
            ok=not off,
            reason=Text(f"Giờ máy lệch trục {skew:+.0f} giây.", f"Our clock differs from the axis's by {skew:+.0f} s."),
            action=Text("Đồng bộ giờ máy chủ (NTP).", "Synchronise this server's clock (NTP).")
            if off
            else Text("Không cần làm gì.", "Nothing to do."),
        )

    async def _signing_key(self, key: KeyStanding) -> Reading:
        """Says no when nothing signs in the key's place; a key that ends soon is told of, and does not stop the node."""
        days = Text("", "") if key.days_left is None else _days_left(key.days_left)
        if key.fault is not None:
            why = explained(key.fault)
            return Reading(
                ok=key.signs or key.stood_in,
                reason=Text(f"{why.text.vi}{days.vi} ({key.fault})", f"{why.text.en}{days.en} ({key.fault})"),
                action=why.action,
            )
        used = Text("Khóa ký được.", "The key can sign.")
        return Reading(
            ok=True,
            reason=Text(f"{used.vi}{days.vi}", f"{used.en}{days.en}"),
            action=Text(
                "Xin cấp chứng thư mới, thêm bằng 'gateway keys add'.",
                "Have a new certificate issued, and add it with 'gateway keys add'.",
            )
            if key.expiring
            else Text("Không cần làm gì.", "Nothing to do."),
        )


def _days_left(days: int) -> Text:
    if days < 0:
        return Text(f" Chứng thư hết hạn {-days} ngày trước.", f" Its certificate ended {-days} days ago.")
    return Text(f" Chứng thư còn {days} ngày.", f" Its certificate has {days} days left.")


@dataclass(frozen=True, slots=True)
class _Line:
    """The names of a connection's open breakers, by way: out, in, from (a sender that the axis does not know)."""

    connection: str
    open: dict[str, list[str]]

    @classmethod
    def of(cls, connection: Connection, states: Mapping[str, BreakerState]) -> "_Line":
        names = sorted(name for name, state in states.items() if state.open_until is not None)
        return cls(
            connection.id,
            {
                "out": [name for name in names if name == way_out(connection.id)],
                "in": [name for name in names if name == way_in(connection.id)],
                "from": [name for name in names if name.startswith(sender_of(connection.id, ""))],
            },
        )


def _mode_action(connection: Connection) -> Text:
    if connection.mode is Mode.ACTIVE:
        return Text("Không cần làm gì.", "Nothing to do.")
    return Text(
        f"Kết nối đang quan sát, chưa gửi và chưa xác nhận: 'gateway connections activate {connection.id} --since NGÀY'.",
        f"It only observes, sends and acknowledges nothing: 'gateway connections activate {connection.id} --since DATE'.",
    )


def _age(now: datetime, then: datetime | None) -> float | None:
    return (now - then).total_seconds() if then else None
