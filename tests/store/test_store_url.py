"""What may be a store: one place of one protocol, without credentials, and never a machine's own metadata."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.store.url import PROTOCOLS, parse_location, parse_option, read_setting


@pytest.mark.parametrize(
    ("url", "protocol", "host", "path"),
    [
        ("s3://team-store", "s3", "", "team-store"),
        ("s3://team-store/churn/2026/", "s3", "", "team-store/churn/2026"),
        ("gs://team_store/churn", "gs", "", "team_store/churn"),
        ("az://container/churn", "az", "", "container/churn"),
        ("abfss://container@account.dfs.core.windows.net/a", "az", "account.dfs.core.windows.net", "container/a"),
        ("sftp://ada@files.example.org:2222/srv/store", "sftp", "ada@files.example.org:2222", "/srv/store"),
        ("ssh://[::1]/srv/store".replace("::", "0:0:0:0:0:0:0:"), "sftp", "[0:0:0:0:0:0:0:1]", "/srv/store"),
        ("file:///srv/store/", "file", "", "/srv/store"),
        ("/srv/store", "file", "", "/srv/store"),
        ("/srv/with: colon/store", "file", "", "/srv/with: colon/store"),
    ],
)
def test_a_place_of_one_protocol_is_a_store(url: str, protocol: str, host: str, path: str) -> None:
    found = parse_location(url)
    assert (found.protocol, found.host, found.path) == (protocol, host, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relative/path",
        "/",
        "simplecache::s3://bucket/x",
        "filecache::file:///etc",
        "s3://bucket/x::file:///etc/passwd",
        "zip://a.zip::s3://bucket",
        "memory://store",
        "http://example.org/store",
        "hf://datasets/a",
        "github://org:repo@main/",
        "reference://",
        "local:///srv/store",
        "s3:bucket",
        "file://host/srv/store",
        "file:srv",
        "//host/share/../../etc",
        "s3://",
        "s3://-bucket/x",
        "s3://bucket/../other",
        "s3://bucket//x",
        "s3://bucket/./x",
        "s3://bucket/x?versionId=1",
        "s3://bucket/x#y",
        "s3://bucket/%2e%2e/x",
        "s3://bucket\\x",
        "s3://bucket/a\x00b",
        "s3://bucket/a\nb",
        "s3://bucket/a\x1b[2J",
        "s3://bucket/a\u202eb",
        "sftp://host",
        "sftp://-oProxyCommand=x/srv",
        "sftp://host:99999/srv",
        "/srv/../../etc",
        "s3://b/" + "x" * 2000,
    ],
)
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse_location(url)


@pytest.mark.parametrize(
    "url",
    ["s3://AKIA123:hunter2@bucket/x", "gs://hunter2@bucket", "sftp://ada:hunter2@host/srv", "s3://bucket?sig=hunter2"],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_location(url)
    assert "hunter2" not in str(told.value)
    assert told.value.hint


@pytest.mark.parametrize(
    "key",
    "key secret token password passphrase sas_token account_key connection_string client_kwargs.aws_secret_access_key "
    "aws_session_token credential client_secret".split(),
)
def test_an_option_with_credentials_is_refused_without_repeating_them(key: str) -> None:
    for url in ("s3://bucket", "gs://bucket", "az://container", "sftp://host/srv"):
        with pytest.raises(UsageError) as told:
            parse_location(url, {key: "hunter2"})
        assert "hunter2" not in str(told.value)
        assert "put them into" in str(told.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/latest",
        "http://169.254.1.1",
        "http://[fd00:ec2::254]",
        "http://[::ffff:169.254.169.254]",
        "http://[0:0:0:0:0:ffff:a9fe:a9fe]",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://0xa9.0xfe.0xa9.0xfe",
        "http://0251.0376.0251.0376",
        "http://169.254.43518",
        "http://100.100.100.200",
        "http://metadata.google.internal.",
        "http://METADATA.google.internal",
        "http://ada:pw@minio.example.org",
        "file:///etc",
        "ftp://minio",
    ],
)
def test_an_endpoint_is_no_metadata_address_and_holds_no_credentials(endpoint: str) -> None:
    with pytest.raises(UsageError):
        parse_location("s3://bucket", {"endpoint_url": endpoint})


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "0xa9fea9fe"])
@pytest.mark.parametrize("form", ["s3://{}/x", "gs://{}/x", "sftp://{}/srv", "sftp://ada@{}:22/srv"])
def test_no_host_is_a_metadata_address(form: str, host: str) -> None:
    with pytest.raises(UsageError, match="only a machine itself"):
        parse_location(form.format(host))


@settings(max_examples=40)
@given(st.ip_addresses(v=4, network="169.254.0.0/16"), st.sampled_from(["dotted", "number", "hex", "mapped"]))
def test_no_spelling_of_a_link_local_address_gets_through(address: ipaddress.IPv4Address, form: str) -> None:
    spelt = {"dotted": str(address), "number": str(int(address)), "hex": hex(int(address))}
    host = spelt.get(form, f"[::ffff:{address}]")
    with pytest.raises(UsageError):
        parse_location("s3://bucket", {"endpoint_url": f"http://{host}/x"})


@given(st.text(max_size=60), st.sampled_from([*(f"{name}://" for name in PROTOCOLS), "", "/"]))
def test_any_text_is_a_place_inside_its_root_or_refused(text: str, start: str) -> None:
    try:
        found = parse_location(start + text)
    except UsageError:
        return
    assert "::" not in found.url
    assert found.url.isprintable()
    assert not {"", ".", ".."} & set(found.path.strip("/").split("/"))
    assert parse_location(found.url) == found


def test_the_team_may_set_where_a_store_is_and_nothing_else() -> None:
    assert read_setting("s3://bucket/x").path == "bucket/x"
    given_ = {"url": "s3://bucket", "options": {"endpoint_url": "http://minio:9000", "anon": True}}
    assert read_setting(given_).options == given_["options"]
    for wrong in (
        None, 3, [], {}, {"url": 3}, {"url": "s3://b", "key": "x"}, {"url": "s3://b", "options": []}, "relative",
        {"url": "s3://b", "options": {"config_kwargs": 1}}, {"url": "s3://b", "options": {"profile": "root"}},
        {"url": "sftp://h/x", "options": {"config": "/tmp/evil"}}, {"url": "s3://b", "options": {"anon": {"a": 1}}},
        {"url": "sftp://h/x", "options": {"known_hosts": "/tmp/evil"}},
    ):  # fmt: skip
        with pytest.raises(UsageError):
            read_setting(wrong)


def test_an_option_is_read_as_what_it_looks_like() -> None:
    assert parse_option("anon=true") == ("anon", True)
    assert parse_option("port=2222") == ("port", 2222)
    assert parse_option("client_kwargs.region_name=eu-west-1") == ("client_kwargs.region_name", "eu-west-1")
    for wrong in ("anon", "=x", "A=1", "a b=1", "a.b.c=1"):
        with pytest.raises(UsageError):
            parse_option(wrong)
