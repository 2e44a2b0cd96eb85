"""`make demo`: tells the story as a timeline, one line a step; exit 1 and which step when one does not happen."""

import hashlib
import os
import signal
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from demo.agency import STEP_SECONDS, Agency, UnitSpec
from demo.processes import Processes, StepFailed
from gateway.statuses.codes import name_of

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "files"
FILES = [DATA / "1520_UBND-KT.pdf", DATA / "phu-luc-1.xlsx"]
SENDER = UnitSpec(code="H99", name="UBND tỉnh Giả Định")
RECEIVERS = (
    UnitSpec(code="H99.07", name="Sở Kiểm thử tỉnh Giả Định"),
    UnitSpec(code="000.00.12.H98", name="Sở Mẫu tỉnh Ví Dụ"),
)
STEPS = {
    "03": "Văn thư đã vào sổ văn bản đến số 310",
    "04": "Chuyển phòng chuyên môn",
    "05": "Chuyên viên đang xử lý",
    "06": "Đã xử lý xong",
}
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
COLOURS = {"axis": "magenta", SENDER.name: "cyan"}


class Timeline:
    """One line a step: time, agency, what happened. Coloured on a terminal, plain in a pipe."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def line(self, who: str, what: str, *, colour: str | None = None) -> None:
        """Print one step that happened now."""
        now = datetime.now(VIETNAM).strftime("%H:%M:%S.%f")[:-3]
        self._console.print(f"[dim]{now}[/dim]  [{colour or COLOURS.get(who, 'green')}]{who:<28}[/]  {what}")

    def note(self, what: str) -> None:
        """Print a line that is not a step."""
        self._console.print(what)


def main() -> int:
    """Tell the story; 0 when every step happened."""
    timeline = Timeline()
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    with tempfile.TemporaryDirectory(prefix="lienthong-demo-") as temporary:
        folder = Path(temporary)
        processes = Processes(folder)
        try:
            sender, receiver = _set_up(timeline, processes, folder)
            _tell(timeline, sender, receiver)
            if os.environ.get("KEEP"):
                _keep(timeline, processes, sender, receiver)
        except StepFailed as failure:
            timeline.line("demo", f"KHÔNG XẢY RA / did not happen: {failure}", colour="bold red")
            _show_logs(timeline, folder)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            processes.stop()
    return 0


def _set_up(timeline: Timeline, processes: Processes, folder: Path) -> tuple[Agency, Agency]:
    secret = "AdemoSecretDemoSecretDemoSecretDemoSecret0="
    receivers = ",".join(unit.code for unit in RECEIVERS)
    systems = [f"00.99.W00:{secret}:{SENDER.code}", f"00.98.W00:{secret}:{receivers}"]
    arguments = ["axis-sim", "--port", "0"]
    for system in systems:
        arguments += ["--system", system]
    axis = processes.start("axis", arguments, {})
    timeline.line("axis", f"Trục mô phỏng đã chạy / simulated axis is up: {axis}")
    sender = Agency(name=SENDER.name, system_id="00.99.W00", units=(SENDER,), folder=folder / "sender")
    receiver = Agency(name="Bên nhận (2 đơn vị)", system_id="00.98.W00", units=RECEIVERS, folder=folder / "receiver")
    for agency in (sender, receiver):
        agency.set_up(processes, axis, secret)
        timeline.line(agency.name, f"Cổng liên thông đã chạy / gateway is up: {agency.address}")
    for unit in RECEIVERS:
        sender.wait_for_directory(unit.code)
    timeline.line(sender.name, "Đã tải danh bạ đơn vị từ trục / the axis's list of agencies is stored")
    return sender, receiver


def _tell(timeline: Timeline, sender: Agency, receiver: Agency) -> None:
    address = sender.send(_document(), FILES)
    names = ", ".join(path.name for path in FILES)
    timeline.line(sender.name, f"Phần mềm QLVB giao văn bản 1520/UBND-KT ({names}) → 202 {address}")
    _follow(timeline, sender, {"document.sent"}, "the axis accepts the packet")
    claims = receiver.claim(len(RECEIVERS))
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES]
    for claim in claims:
        document = receiver.document(str(claim["document"]["href"]))  # type: ignore[index]  # JSON of our own API
        found = [hashlib.sha256(receiver.download(one["href"])).hexdigest() for one in document["attachments"]]  # type: ignore[attr-defined]  # JSON of our own API
        if found != wanted:
            raise StepFailed("the files that arrived are not the files that were sent")
        unit = _unit_name(str(document["unit_code"]))
        timeline.line(
            unit, "Phần mềm QLVB nhận văn bản, tệp đúng từng byte / files arrived byte for byte", colour="green"
        )
        receiver.confirm(claim)
    _follow_statuses(timeline, sender, "01")
    for code, description in STEPS.items():
        for claim in claims:
            receiver.report(str(claim["document"]["href"]), code, description)  # type: ignore[index]  # JSON of our own API
        _follow_statuses(timeline, sender, code)
    _show_result(timeline, sender, address)


def _follow(timeline: Timeline, agency: Agency, kinds: set[str], what: str) -> None:
    deadline = time.monotonic() + STEP_SECONDS
    missing = set(kinds)
    while missing and time.monotonic() < deadline:
        for event in agency.events():
            if event["kind"] in missing:
                missing.discard(str(event["kind"]))
                timeline.line(agency.name, "Trục đã tiếp nhận gói tin / the axis has accepted the packet")
        time.sleep(0.05)
    if missing:
        raise StepFailed(f"{agency.name}: {what}")


def _follow_statuses(timeline: Timeline, sender: Agency, code: str) -> None:
    """Until the sender has seen this status from every recipient."""
    waiting = {unit.code for unit in RECEIVERS}
    deadline = time.monotonic() + STEP_SECONDS
    while waiting and time.monotonic() < deadline:
        for event in sender.events():
            data = event["data"]
            if event["kind"] == "status.received" and data["code"] == code:  # type: ignore[index]  # JSON of our own API
                recipient = str(data["recipient"])  # type: ignore[index]  # JSON of our own API
                waiting.discard(recipient)
                timeline.line(sender.name, f"{code} {name_of(code).vi} ← {_unit_name(recipient)} ({recipient})")
        time.sleep(0.05)
    if waiting:
        raise StepFailed(f"status {code} {name_of(code).vi} from {', '.join(sorted(waiting))}")


def _show_result(timeline: Timeline, sender: Agency, address: str) -> None:
    document = sender.document(address)
    recipients = document["recipients"]
    if not isinstance(recipients, list):
        raise StepFailed("the sender's view of its recipients")
    for recipient in recipients:
        state = recipient["processing_state"]
        if recipient["transport_state"] != "accepted" or state is None or state["code"] != "06":
            raise StepFailed(f"{recipient['code']} stands at {recipient}")
        timeline.line(sender.name, f"Kết quả / result: {recipient['code']:<14} {state['code']} {state['name_vi']}")
    timeline.note("Xong: văn bản đi, văn bản đến, trạng thái về. / Done: there, in, and back.")


def _keep(timeline: Timeline, processes: Processes, sender: Agency, receiver: Agency) -> None:
    timeline.note("")
    timeline.note("Đang giữ chạy, Ctrl-C để dừng / kept running, Ctrl-C ends it. Try:")
    for agency in (sender, receiver):
        timeline.note(f"  # {agency.name}")
        timeline.note(f"  curl -H 'Authorization: Bearer {agency.key}' {agency.address}/v1/documents")
        timeline.note(f"  curl -H 'Authorization: Bearer {agency.key}' '{agency.address}/v1/events?after=0'")
    timeline.note(f"  # API: {sender.address}/v1/openapi.json")
    processes.wait()


def _show_logs(timeline: Timeline, folder: Path) -> None:
    for log in sorted(folder.glob("*.log")):
        timeline.note(f"--- {log.name} (cuối / tail)")
        timeline.note("\n".join(log.read_text(errors="replace").splitlines()[-8:]))


def _unit_name(code: str) -> str:
    return next((unit.name for unit in RECEIVERS if unit.code == code), code)


def _document() -> dict[str, object]:
    today = datetime.now(VIETNAM).date().isoformat()
    subject = "V/v thử nghiệm liên thông văn bản điện tử & <kiểm tra> ký tự"
    return {
        "message_header": {
            "from": {"organ_id": SENDER.code},
            "to": [{"organ_id": unit.code, "organ_name": unit.name} for unit in RECEIVERS],
            "code": {"code_number": "1520", "code_notation": "UBND-KT"},
            "promulgation_info": {"place": "Giả Định", "promulgation_date": today},
            "document_type": {"type": 2, "type_name": "Công văn"},
            "subject": subject,
            "content": subject,
            "signer_info": {"competence": "KT. CHỦ TỊCH", "position": "PHÓ CHỦ TỊCH", "full_name": "Nguyễn Văn Mẫu"},
            "other_info": {"priority": 1, "page_amount": 2, "promulgation_amount": 1},
            "to_places": ["Như trên", "Lưu: VT, VP"],
        },
        "attachments": [
            {"attachment_name": FILES[0].name, "description": "Văn bản chính"},
            {"attachment_name": FILES[1].name, "description": "Phụ lục I"},
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
