"""Where data came from is recorded without secrets, and never opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gtrack.fingerprint.describe import describe
from gtrack.fingerprint.sources import as_source, dvc_pointer, lfs_pointer, unversioned
from gtrack.fingerprint.stat_cache import StatCache

HEX = "3" * 64
CANARY = "c4n4ry5ecret"


@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/train.csv?versionId=3sL4kqtJlcpXroDTDmJ",
        "s3://bucket/v1.2/train.csv",
        "gs://bucket/train.csv#1360887759327000",
        f"lakefs://repo/{HEX}/train.csv",
        "hf://datasets/acme/churn@a1b2c3d",
        "https://zenodo.org/records/train@2.1",
        "delta://lake/churn?versionAsOf=12",
        {"uri": "s3://bucket/train.csv", "version_id": "3sL4"},
        {"uri": "s3://bucket/train.csv", "sha256": HEX},
        {"feature_store": "feast", "name": "churn", "version": 3},
        {"name": "warehouse.churn"},
        "a remark",
        None,
    ],
)
def test_a_source_with_a_version_or_without_a_place_is_fine(source: object) -> None:
    assert unversioned(as_source(source)) is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("s3://bucket/train.csv", "no version"),
        ("https://example.org/train.csv", "no version"),
        ("s3://bucket/latest/train.csv", "'latest', which moves"),
        ("models:/churn/latest", None),
        ("hf://datasets/acme/churn@main", "'main', which moves"),
        ("lakefs://repo/main/train.csv", "'main', which is no commit"),
        ({"uri": "s3://bucket/train.csv", "version": "latest"}, "'latest', which moves"),
        ({"feature_store": "feast", "name": "churn", "version": "latest"}, "'latest', which moves"),
        ({"uri": "s3://bucket/train.csv", "version": None}, "no version"),
    ],
)
def test_a_source_that_moves_is_told(source: object, reason: str | None) -> None:
    found = unversioned(as_source(source))
    assert found is None if reason is None else found is not None and reason in found


@pytest.mark.parametrize(
    "source",
    [
        f"https://ada:{CANARY}@example.org/x.csv",
        f"https://{CANARY}@example.org/x.csv",
        f"s3://bucket/x.csv?X-Amz-Signature={CANARY}",
        f"https://blob.example.org/x?sv=1&sig={CANARY}",
        {"uri": "x", "password": CANARY},
        {"uri": "x", "options": {"aws_secret_access_key": CANARY}},
        {"lists": [f"postgres://ada:{CANARY}@db/x"]},
    ],
)
def test_secrets_are_not_recorded(source: object) -> None:
    assert CANARY not in json.dumps(as_source(source))


def test_a_source_is_bounded() -> None:
    assert len(json.dumps(as_source({f"k{n}": "x" * 10_000 for n in range(10_000)}))) < 500_000
    nested: dict[str, object] = {}
    for _ in range(100):
        nested = {"a": nested}
    as_source(nested)


def test_a_uri_is_recorded_and_not_opened() -> None:
    found = describe(f"http://ada:{CANARY}@127.0.0.1:1/x.csv", None, StatCache(None))
    assert found.facts == {"digest": None, "kind": "uri", "source": {"uri": "http://***@127.0.0.1:1/x.csv"}}


def test_an_lfs_pointer_stands_for_its_content(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{HEX}\nsize 12345\n")
    found = describe(path, None, StatCache(None), root=str(tmp_path))
    assert (found.facts["digest"], found.facts["bytes"], found.facts["path"]) == (HEX, 12345, "train.csv")
    assert "git lfs pull" in found.remarks[0]
    assert lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:zz\nsize 1\n") is None


DVC = "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 6\n  hash: md5\n  path: train.csv\n"


def test_a_dvc_pointer_names_the_data_beside_it(tmp_path: Path) -> None:
    pointer, data = tmp_path / "train.csv.dvc", tmp_path / "train.csv"
    pointer.write_text(DVC)
    absent = describe(pointer, None, StatCache(None), root=str(tmp_path))
    assert absent.facts["digest"] == "md5:0123456789abcdef0123456789abcdef"
    assert "dvc pull" in absent.remarks[0]
    data.write_text("a,b\n1\n")
    by_pointer, by_name = (describe(each, None, StatCache(None), root=str(tmp_path)) for each in (pointer, data))
    assert by_pointer.facts == by_name.facts
    source = by_name.facts["source"]
    assert isinstance(source, dict)
    assert source["dvc"]["md5"] == "0123456789abcdef0123456789abcdef"


def test_a_link_of_dvcs_is_told_by_its_own_name(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "cached").write_text("a,b\n1\n")
    (root / "train.csv").symlink_to(tmp_path / "cached")
    (root / "train.csv.dvc").write_text(DVC)
    found = describe(root / "train.csv", None, StatCache(None), root=str(root))
    assert found.facts["path"] == "train.csv"
    assert "source" in found.facts


@pytest.mark.parametrize(
    "text", ["", "outs: 3\n", "outs: []\n", "a: &x [*x]\n", "[" * 5000, "outs:\n- path: ../../etc/passwd\n"]
)
def test_what_is_no_pointer_of_dvcs_is_a_file_or_harmless(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.dvc"
    path.write_text(text)
    found = describe(path, None, StatCache(None), root=str(tmp_path))
    assert found.facts["kind"] in ("file", "uri")
    assert dvc_pointer(str(tmp_path / "none.dvc")) is None


def test_a_path_outside_is_told_without_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.csv").write_text("1")
    assert describe(tmp_path / "x.csv", None, StatCache(None)).facts["path"] == "~/x.csv"
