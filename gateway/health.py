"""What readiness and metrics look at: each check named, with the reason and what to do."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from gateway.api.meters import Figures
from gateway.api.ops import Check, Reading
from gateway.directory import connections
from gateway.directory.records import Connection, Mode
from gateway.documents import repository as documents
from gateway.handover import repository as handover
from gateway.installation import Nodes, Standing
from gateway.installation import repository as installation
from gateway.jobs import Jobs
from gateway.problems import Problem, Text
from gateway.settings import ServeSettings
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
        clock: Clock,
        settings: ServeSettings,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._nodes = nodes
        self._standing = standing
        self._clock = clock
        self._settings = settings
        self._looked_at: datetime | None = None
        self._busy: int | None = None

    async def checks(self) -> Sequence[Check]:
        """Database, disk, files, clock, nodes, a restore, and for each connection its last good poll and its clock."""
        fixed = [
            Check("database", self._database),
            Check("blobs", self._blob_folder),
            Check("disk", self._disk),
            Check("files", self._files),
            Check("clock", self._clock_goes_on),
            Check("nodes", self._other_nodes),
            Check("restored", self._restored),
        ]
        async with self._store.read() as tx:
            known = await connections.every(tx)
        for connection in known:
            fixed.append(Check(f"poll:{connection.id}", partial(self._poll, connection)))
            fixed.append(Check(f"clock:{connection.id}", partial(self._skew, connection)))
        return fixed

    async def figures(self) -> Figures:
        """What the database says now."""
        now = self._clock()
        async with self._store.read() as tx:
            known = await connections.every(tx)
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
                disk_free_bytes=self._blobs.free_bytes(),
                commits=self._store.commits,
            )

    async def busy(self) -> int | None:
        """Seconds after which to come back when disk or queue are past their marks; None when there is room.

        Asked for every upload, so looked at every few seconds only.
        """
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY:
            self._looked_at, self._busy = now, await self._look_for_room()
        return self._busy

    async def _look_for_room(self) -> int | None:
        if await asyncio.to_thread(self._blobs.free_bytes) < self._settings.disk_free_mb * MB:
            return 300
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
                    f"Chạy 'gateway doctor {connection.id}', sửa cấu hình rồi 'gateway connections resume {connection.id}'.",
                    f"Run 'gateway doctor {connection.id}', correct it, then 'gateway connections resume {connection.id}'.",
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


def _mode_action(connection: Connection) -> Text:
    if connection.mode is Mode.ACTIVE:
        return Text("Không cần làm gì.", "Nothing to do.")
    return Text(
        f"Kết nối đang quan sát, chưa gửi và chưa xác nhận: 'gateway connections activate {connection.id} --since NGÀY'.",
        f"It only observes, sends and acknowledges nothing: 'gateway connections activate {connection.id} --since DATE'.",
    )


def _age(now: datetime, then: datetime | None) -> float | None:
    return (now - then).total_seconds() if then else None
