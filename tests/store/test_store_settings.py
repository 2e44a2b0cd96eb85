"""A wrong address is refused when it is read, and never shown with its password."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.store import StoreSettings


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///var/gateway.db", "sqlite+aiosqlite"),
        ("sqlite:////srv/gateway.db", "sqlite+aiosqlite"),
        ("postgresql://gateway:x@db/gateway", "postgresql+psycopg"),
        ("postgres://gateway@db/gateway", "postgresql+psycopg"),
        ("postgresql+psycopg://gateway@db/gateway?sslmode=require", "postgresql+psycopg"),
    ],
)
def test_a_usual_address_is_given_its_driver(given: str, driver: str) -> None:
    assert StoreSettings(database_url=given).engine_url.drivername == driver


@pytest.mark.parametrize(
    "given", ["", "gateway.db", "mysql://db/x", "sqlite://", "sqlite:///:memory:", "sqlite:///a?mode=ro"]
)
def test_an_address_that_cannot_be_used_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        StoreSettings(database_url=given)


@pytest.mark.parametrize(("given", "folder"), [("var/blobs", "var/blobs"), ("file:///srv/kho%20tep", "/srv/kho tep")])
def test_a_blob_folder_is_a_path_or_a_file_address(given: str, folder: str) -> None:
    assert StoreSettings(blob_url=given).blob_folder == Path(folder)


@pytest.mark.parametrize("given", ["", "s3://bucket", "file://host/share"])
def test_a_blob_address_that_cannot_be_used_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        StoreSettings(blob_url=given)


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(StoreSettings(database_url="postgresql://gateway:hunter2@db/gateway"))


def test_every_setting_says_why() -> None:
    assert all(field.description for field in StoreSettings.model_fields.values())
