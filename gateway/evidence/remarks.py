"""What is said of a bundle: flaws, and what could not be told; in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.problems import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing. `where` is a file of the bundle, an entry's number or an id; `is_flaw` False: it cannot be told."""

    code: str
    where: str
    is_flaw: bool

    @property
    def text(self) -> Text:
        """For people."""
        return (FLAWS if self.is_flaw else NOTES)[self.code]


def flaw(code: str, where: str) -> Remark:
    """Something is wrong."""
    assert code in FLAWS
    return Remark(code=code, where=where, is_flaw=True)


def note(code: str, where: str) -> Remark:
    """Something cannot be told from this bundle."""
    assert code in NOTES
    return Remark(code=code, where=where, is_flaw=False)


FLAWS: Mapping[str, Text] = MappingProxyType(
    {
        "not_listed": Text("Tệp không có trong danh mục.", "The file is not in the manifest."),
        "missing": Text("Thiếu tệp (hoặc tệp đi kèm).", "A file is missing, or one that belongs to it."),
        "file_changed": Text("Tệp đã bị thay đổi.", "The file was changed."),
        "unreadable": Text("Tệp không đúng dạng.", "The file is not what it should be."),
        "other_subject": Text("Danh mục nói về đối tượng khác.", "The manifest speaks of another subject."),
        "packet_differs": Text("Gói tin không phải gói đã ghi.", "The packet is not the one that is described."),
        "attachments_differ": Text(
            "Tệp đính kèm trong gói tin khác với mô tả.", "The packet's files are not those that are described."
        ),
        "other_certificate": Text(
            "Chứng thư kèm theo không phải của chữ ký.", "The certificates are not the signature's."
        ),
        "facts_differ": Text(
            "Kiểm tra lại chữ ký cho kết quả khác với kết quả đã lưu.",
            "Verifying the signature anew gives other facts than those stored.",
        ),
        "entry_changed": Text("Mục nhật ký đã bị thay đổi.", "The entry of the log was changed."),
        "entry_unlinked": Text(
            "Mục nhật ký không nối đúng vào chuỗi.", "The entry of the log does not stand in the chain."
        ),
        "run_broken": Text("Chuỗi không dẫn đến giá trị đầu chuỗi.", "The chain does not lead to its head."),
        "head_differs": Text(
            "Giá trị cuối ngày khác với bản lưu bên ngoài.", "The day's head is not the one that was kept elsewhere."
        ),
        "meaning_differs": Text(
            "Nội dung văn bản không phải nội dung đã ghi nhật ký.",
            "The document is not the one that the log speaks of.",
        ),
        "packet_not_the_logged_one": Text(
            "Gói tin không phải gói đã ghi nhật ký.", "The packet is not the one that the log speaks of."
        ),
    }
)

NOTES: Mapping[str, Text] = MappingProxyType(
    {
        "packet_lost": Text(
            "Nội dung gói tin đã mất khi xuất.", "The packet's bytes were lost or damaged when this was exported."
        ),
        "no_facts": Text("Không lưu kết quả kiểm tra chữ ký.", "No facts about a signature were kept."),
        "not_reverified": Text(
            "Chữ ký không kiểm tra lại được từ gói này.", "The signature cannot be verified anew from here."
        ),
        "no_way_to_head": Text(
            "Mục nhật ký quá xa giá trị cuối ngày.", "The entry is too far from a head to show the way."
        ),
        "waiting": Text("Số mục nhật ký chưa vào chuỗi.", "So many entries were not chained yet."),
        "no_daily_head": Text(
            "Ngày của mục nhật ký chưa kết thúc khi xuất.", "The day was not over when this was exported."
        ),
        "head_not_compared": Text(
            "Chưa so với bản lưu bên ngoài (--heads).", "Not compared with heads kept elsewhere (--heads)."
        ),
        "head_not_known": Text("Tệp heads không có ngày này.", "The file of heads does not have this day."),
        "no_entries": Text("Nhật ký không có mục nào về đối tượng này.", "The log has no entry about this subject."),
        "packet_not_logged": Text("Nhật ký không nói về gói tin này.", "The log does not speak of this one's packet."),
    }
)
