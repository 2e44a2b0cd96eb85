"""Engine, unit of work, blobs and migrations. Tables and SQL live in their own room's `repository.py`."""

from gateway.store.blobs import Blob, Blobs, BlobWriter, FolderBlobs
from gateway.store.columns import JsonColumn, UtcDateTime, metadata
from gateway.store.database import Store, Transaction
from gateway.store.faults import BlobDamaged, BlobMissing, DatabaseUnavailable
from gateway.store.ids import new_id
from gateway.store.lines import append_line
from gateway.store.settings import StoreSettings

__all__ = [
    "Blob",
    "BlobDamaged",
    "BlobMissing",
    "BlobWriter",
    "Blobs",
    "DatabaseUnavailable",
    "FolderBlobs",
    "JsonColumn",
    "Store",
    "StoreSettings",
    "Transaction",
    "UtcDateTime",
    "append_line",
    "metadata",
    "new_id",
]
