"""The Java SDK's properties file, as Java itself would read it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.vxp.sdk_properties import MAX_CHARACTERS, read_sdk_properties
from gateway.problems import Problem

FILE = """\ufeff# SDK
! cũ
client.protocol = HTTP
service.endpoint: http\\://10.1.2.3\\:8080/XrdAdapter/adapter
systemid\t00.99.X99
secret=c2Vj\\
    cmV0\\u003d=
client.max-connection=10
store-path-dir=C:\\\\edoc\\\\
"""


def test_all_habits_of_writing_are_read() -> None:
    found = read_sdk_properties(FILE)
    assert found.endpoint == "http://10.1.2.3:8080/XrdAdapter/adapter"
    assert found.system_id == "00.99.X99"
    assert found.secret == "c2VjcmV0=="
    assert found.max_connections == 10


def test_the_secret_is_in_no_repr() -> None:
    assert "c2Vj" not in repr(read_sdk_properties(FILE))


@pytest.mark.parametrize("count", ["0", "11", "-1", "many", "", "99999999999"])
def test_a_number_of_connections_that_cannot_be_used_is_left_out(count: str) -> None:
    assert read_sdk_properties(f"systemid=a\nclient.max-connection={count}").max_connections is None


@pytest.mark.parametrize("text", ["", "# systemid=a", "other=1", "x" * (MAX_CHARACTERS + 1), "systemid=a\0"])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(Problem, match=r"sdk\.file"):
        read_sdk_properties(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Problem):
        found = read_sdk_properties(text)
        assert (found.endpoint, found.system_id, found.secret) != (None, None, None)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80))
def test_a_secret_written_by_java_comes_back(secret: str) -> None:
    escaped = "".join(f"\\{sign}" if sign in "\\:=#!" else sign for sign in secret)
    assert read_sdk_properties(f"secret={escaped}\n").secret == secret
