"""The doctor against a simulated axis, against silence, and against what is not an axis at all."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from clocks import FakeClock
from parts import missing
from simulated import Running, running

from gateway.api import clients
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.doctor import Check, Layer, Verdict, examine
from gateway.settings import Settings, load
from gateway.store import Store, StoreSettings, migrate

SYSTEMS = ("00.99.H99:first:H01.07", "00.97.H97:third:H97")
LATER = datetime(2026, 11, 22, 2, tzinfo=UTC)


def real_clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Settings of a gateway on a fresh embedded database with all tables."""
    shutil.copyfile(sqlite_template, tmp_path / "doctor.db")
    return settings_in(tmp_path)


def settings_in(folder: Path, **more: str) -> Settings:
    names = {
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'doctor.db'}",
        "GATEWAY_BLOB_URL": str(folder / "blobs"),
        "GATEWAY_DISK_FREE_MB": "1",
    }
    return load(environment={**names, **more})


@pytest_asyncio.fixture
async def opened(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.store)
    yield store
    await store.close()


@pytest.fixture(scope="module")
def axis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("axis"), clock=real_clock, systems=SYSTEMS) as started:
        yield started


async def connect(
    store: Store,
    folder: Path,
    endpoint: str,
    *,
    secret: str | None = "first",
    codes: tuple[str, ...] = ("H01.07",),
    aliases: tuple[str, ...] = (),
    ca_file: Path | None = None,
) -> None:
    if secret is not None:
        (folder / "secret").write_text(secret)
    async with store.begin() as tx:
        await connections.add(
            tx,
            NewConnection(
                id="truc-a",
                endpoint=endpoint,
                system_id="00.99.H99",
                secret_source=f"file:{folder / 'secret'}",
                allow_plain_http=True,
                ca_file=str(ca_file) if ca_file else None,
            ),
            LATER,
        )
        for code in codes:
            unit = NewUnit(code=code, name="Sở Nội vụ", connection_id="truc-a", aliases=aliases)
            await units.add(tx, unit, LATER)
        await clients.add(tx, "qlvb", frozenset(codes), LATER)


async def examined(settings: Settings, connection_id: str | None = None, clock: object = None) -> list[Check]:
    given = clock if isinstance(clock, FakeClock) else real_clock
    return [check async for check in examine(lambda: settings, clock=given, connection_id=connection_id)]


def of(checks: list[Check], layer: Layer, unit: str | None = None) -> Check:
    (found,) = [check for check in checks if check.layer is layer and unit in (None, check.unit)]
    return found


def layers(checks: list[Check]) -> list[Layer]:
    return [check.layer for check in checks]


async def test_all_is_well_with_an_axis_that_answers(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint)
    async with opened.begin() as tx:
        await connections.activate(tx, "truc-a", LATER, LATER)
    checks = await examined(settings)
    assert [check for check in checks if check.verdict is not Verdict.OK] == []
    assert set(layers(checks)) == set(Layer)


async def test_wrong_settings_are_each_named_and_nothing_else_is_looked_at() -> None:
    def wrong() -> Settings:
        return load(environment={"GATEWAY_PORT": "x", "GATEWAY_NONSENSE": "1"})

    checks = [check async for check in examine(wrong, clock=real_clock)]
    assert layers(checks) == [Layer.SETTINGS, Layer.SETTINGS]
    assert all(check.refuses for check in checks)


async def test_a_database_that_was_never_made_is_not_made_by_looking(tmp_path: Path) -> None:
    checks = await examined(settings_in(tmp_path))
    assert of(checks, Layer.DATABASE).refuses
    assert not (tmp_path / "doctor.db").exists()


async def test_a_database_of_an_older_version_refuses(tmp_path: Path) -> None:
    (tmp_path / "doctor.db").touch()
    database = of(await examined(settings_in(tmp_path)), Layer.DATABASE)
    assert database.refuses
    assert database.action is not None
    assert "gateway migrate" in database.action.en


async def test_a_database_that_cannot_be_reached_refuses(tmp_path: Path) -> None:
    nowhere = settings_in(tmp_path, GATEWAY_DATABASE_URL="postgresql://gateway@127.0.0.1:1/gateway")
    assert of(await examined(nowhere), Layer.DATABASE).refuses


async def test_a_postgresql_database_is_examined_too(empty_database_url: str, tmp_path: Path) -> None:
    store = Store(StoreSettings(database_url=empty_database_url))
    await migrate.upgrade(store)
    await store.close()
    checks = await examined(settings_in(tmp_path, GATEWAY_DATABASE_URL=empty_database_url))
    assert of(checks, Layer.DATABASE).verdict is Verdict.OK


async def test_a_blob_folder_that_cannot_be_made_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert of(await examined(settings_in(tmp_path, GATEWAY_BLOB_URL=str(tmp_path / "file/blobs"))), Layer.BLOBS).refuses


async def test_too_little_disk_refuses(tmp_path: Path) -> None:
    assert of(await examined(settings_in(tmp_path, GATEWAY_DISK_FREE_MB=str(10**9))), Layer.DISK).refuses


async def test_an_empty_gateway_says_what_to_add(settings: Settings) -> None:
    checks = await examined(settings)
    for layer, command in (
        (Layer.CONNECTIONS, "connections add"),
        (Layer.UNITS, "units add"),
        (Layer.CLIENTS, "clients add"),
    ):
        check = of(checks, layer)
        assert check.verdict is Verdict.WARNING
        assert check.action is not None
        assert command in check.action.en


async def test_an_unknown_connection_is_an_error(settings: Settings) -> None:
    checks = await examined(settings, "nowhere")
    assert of(checks, Layer.CONNECTION).refuses


async def test_a_stopped_connection_is_an_error_and_still_examined(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint)
    async with opened.begin() as tx:
        await connections.stop(tx, "truc-a", "code_15", LATER)
    checks = await examined(settings, "truc-a")
    assert of(checks, Layer.CONNECTION).refuses
    assert of(checks, Layer.SIGNATURE).verdict is Verdict.OK


async def test_an_observing_connection_is_a_reminder(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint)
    assert of(await examined(settings), Layer.CONNECTION).verdict is Verdict.WARNING


async def test_a_failed_poll_is_a_reminder(settings: Settings, opened: Store, axis: Running, tmp_path: Path) -> None:
    await connect(opened, tmp_path, axis.endpoint)
    async with opened.begin() as tx:
        await connections.record_poll(tx, "truc-a", at=LATER, error="http_502")
    standing = of(await examined(settings), Layer.CONNECTION)
    assert standing.verdict is Verdict.WARNING
    assert "http_502" in standing.text.en


async def test_a_wrong_secret_is_told_by_code_15(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint, secret="another-one")
    checks = await examined(settings)
    signature = of(checks, Layer.SIGNATURE)
    assert signature.refuses
    assert "15" in signature.text.en
    assert Layer.FROM not in layers(checks)
    assert "another-one" not in repr(checks)


async def test_a_secret_that_is_not_there_ends_before_the_axis_is_asked(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint, secret=None)
    checks = await examined(settings)
    assert of(checks, Layer.SECRET).refuses
    assert layers(checks)[-1] is Layer.SECRET


async def test_a_unit_that_the_axis_does_not_list_cannot_send(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint, codes=("H01.07", "H01.08"))
    checks = await examined(settings)
    assert of(checks, Layer.FROM, "H01.07").verdict is Verdict.OK
    assert of(checks, Layer.FROM, "H01.08").refuses


async def test_a_unit_that_is_listed_under_another_code_is_a_warning(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    await connect(opened, tmp_path, axis.endpoint, codes=("H01.08",), aliases=("H97",))
    assert of(await examined(settings), Layer.FROM).verdict is Verdict.WARNING


async def test_the_system_id_itself_may_send(settings: Settings, opened: Store, axis: Running, tmp_path: Path) -> None:
    await connect(opened, tmp_path, axis.endpoint, codes=("00.99.H99",))
    assert of(await examined(settings), Layer.FROM).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("code", "verdict", "says"),
    [
        ("H01.01", Verdict.OK, "H01.01"),
        ("H33.01", Verdict.WARNING, "H33"),
        ("000.00.07.H33", Verdict.WARNING, "H33"),
        ("vxp.saas.03", Verdict.WARNING, "form"),
        ("Q99.01", Verdict.WARNING, "Q99"),
        ("A05.01", Verdict.OK, "well formed"),
        ("0100109106", Verdict.OK, "well formed"),
    ],
)
async def test_the_code_of_a_unit_is_judged_by_form_and_level_1(
    settings: Settings, opened: Store, tmp_path: Path, code: str, verdict: Verdict, says: str
) -> None:
    await connect(opened, tmp_path, "http://127.0.0.1:1/a", codes=(code,))
    check = of(await examined(settings), Layer.CODE)
    assert check.verdict is verdict
    assert says in check.text.en


async def test_a_successor_is_only_proposed(settings: Settings, opened: Store, tmp_path: Path) -> None:
    await connect(opened, tmp_path, "http://127.0.0.1:1/a", codes=("H33.01",))
    action = of(await examined(settings), Layer.CODE).action
    assert action is not None
    assert "may be H01" in action.en


async def test_a_port_where_nobody_listens_refuses_at_tcp(settings: Settings, opened: Store, tmp_path: Path) -> None:
    await connect(opened, tmp_path, "http://127.0.0.1:1/adapter")
    checks = await examined(settings)
    assert of(checks, Layer.TCP).refuses
    assert layers(checks)[-1] is Layer.TCP


async def test_a_name_that_does_not_exist_refuses_at_dns(settings: Settings, opened: Store, tmp_path: Path) -> None:
    await connect(opened, tmp_path, "http://no-such-host.invalid/adapter")
    checks = await examined(settings)
    assert of(checks, Layer.DNS).refuses
    assert layers(checks)[-1] is Layer.DNS


async def test_a_proxy_before_a_dead_adapter_is_told_apart(
    settings: Settings, opened: Store, axis: Running, tmp_path: Path
) -> None:
    axis.fault("html-502")
    try:
        await connect(opened, tmp_path, axis.endpoint)
        signature = of(await examined(settings), Layer.SIGNATURE)
    finally:
        axis.http.delete(f"{axis.endpoint}/_sim/faults")
    assert signature.refuses
    assert "proxy" in signature.text.en


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, Verdict.OK), (401, Verdict.OK), (302, Verdict.WARNING), (503, Verdict.WARNING)]
)
async def test_a_server_that_is_no_axis_answers_and_is_found_out(
    settings: Settings, opened: Store, tmp_path: Path, status: int, verdict: Verdict
) -> None:
    with page(status) as address:
        await connect(opened, tmp_path, address)
        checks = await examined(settings)
    assert of(checks, Layer.HTTP).verdict is verdict
    assert of(checks, Layer.SIGNATURE).refuses


async def test_what_is_no_http_refuses_at_http(settings: Settings, opened: Store, tmp_path: Path) -> None:
    with hanging_up() as address:
        await connect(opened, tmp_path, address)
        checks = await examined(settings)
    assert of(checks, Layer.HTTP).refuses
    assert layers(checks)[-1] is Layer.HTTP


async def test_a_clock_that_is_far_off_is_a_warning(settings: Settings, opened: Store, tmp_path: Path) -> None:
    with page(200) as address:
        await connect(opened, tmp_path, address)
        slow = FakeClock(real_clock() - timedelta(seconds=900))
        clock = of(await examined(settings, clock=slow), Layer.CLOCK)
    assert clock.verdict is Verdict.WARNING
    assert re.search(r"-(8[89]|90)\d s", clock.text.en)


async def test_a_server_without_a_clock_is_no_fault(settings: Settings, opened: Store, tmp_path: Path) -> None:
    with page(200, date=False) as address:
        await connect(opened, tmp_path, address)
        assert of(await examined(settings), Layer.CLOCK).verdict is Verdict.OK


async def test_a_certificate_of_an_unknown_authority_refuses_at_tls(
    settings: Settings, opened: Store, tmp_path: Path
) -> None:
    with page(200, certificate=certificate(tmp_path, days=365)) as address:
        await connect(opened, tmp_path, address)
        checks = await examined(settings)
    assert of(checks, Layer.TLS).refuses
    assert layers(checks)[-1] is Layer.TLS


@pytest.mark.parametrize(("days", "verdict"), [(365, Verdict.OK), (5, Verdict.WARNING)])
async def test_an_authority_of_ones_own_is_trusted_by_its_file(
    settings: Settings, opened: Store, tmp_path: Path, days: int, verdict: Verdict
) -> None:
    made = certificate(tmp_path, days=days)
    with page(200, certificate=made) as address:
        await connect(opened, tmp_path, address, ca_file=made)
        checks = await examined(settings)
    assert of(checks, Layer.TLS).verdict is verdict
    assert of(checks, Layer.HTTP).verdict is Verdict.OK


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_refuses_at_tls(
    settings: Settings, opened: Store, tmp_path: Path, content: str | None
) -> None:
    authority = tmp_path / "ca.pem"
    if content is not None:
        authority.write_text(content)
    with page(200) as address:
        await connect(opened, tmp_path, address.replace("http:", "https:"), ca_file=authority)
        tls = of(await examined(settings), Layer.TLS)
    assert tls.refuses
    assert "CA" in tls.text.en


async def test_plain_http_behind_an_https_address_refuses_at_tls(
    settings: Settings, opened: Store, tmp_path: Path
) -> None:
    with page(200) as address:
        await connect(opened, tmp_path, address.replace("http:", "https:"))
        assert of(await examined(settings), Layer.TLS).refuses


@contextmanager
def page(status: int, *, date: bool = True, certificate: Path | None = None) -> Iterator[str]:
    """A web server that gives one page to everything."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            if date:
                self.send_header("Date", self.date_time_string())
            if status == 302:
                self.send_header("Location", "http://elsewhere.example/login")
            self.send_header("Content-Length", "13")
            self.end_headers()
            self.wfile.write(b"<html></html>")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # handshakes that we refuse
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            scheme = "http" if certificate is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}/adapter"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def hanging_up() -> Iterator[str]:
    """A server that takes connections and closes them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    taken, _ = listener.accept()
                except OSError:
                    return
                taken.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/adapter"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def certificate(folder: Path, *, days: int) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key, in one PEM file."""
    if shutil.which("openssl") is None:
        missing("openssl", "no command to make a certificate with")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(cert), "-days", str(days), "-subj", "/CN=axis"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    both.write_text(cert.read_text() + key.read_text())
    return both
