"""One flipped byte anywhere is found by ``artifact verify`` and by every read; the next place is tried."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from artifact_desk import MIDDLE, PLOT, Desk, desk, files_below, flip, shared_desk
from servers import run

import gtrack
from gtrack.branch.objects import BLOB
from gtrack.branch.repository import Repository

__all__ = ["desk", "shared_desk"]

DIGEST = hashlib.sha256(MIDDLE).hexdigest()


def cached(clone: Path, digest: str = DIGEST) -> Path:
    return clone / ".git" / "gtrack" / "objects" / digest[:2] / digest


def loose(git_dir: Path, blob: str) -> Path:
    return git_dir / "objects" / blob[:2] / blob[2:]


def blob_id(desk: Desk) -> str:
    with Repository(str(desk.bob), {}) as repo:
        return repo.objects.id_of(BLOB, MIDDLE)


def pack_of(desk: Desk) -> str:
    packs: list[str] = list(desk.manifest("plots")["packs"])
    return packs[0]


def test_a_flipped_byte_in_the_cache_is_named_and_replaced_by_the_next_read(desk: Desk, tmp_path: Path) -> None:
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "first"))
    assert "no damage" in desk.type(desk.bob, "artifact", "verify").err
    flip(cached(desk.bob))
    flip(cached(desk.bob, pack_of(desk)), 100)
    said = desk.type(desk.bob, "artifact", "verify", code=6)
    short = desk.run_id("plots")[:7]
    assert f"damaged: {short}/middle.bin: in the cache: its content has the SHA-256" in said.out
    assert f"damaged: {short}/plots/roc.png: in the cache" in said.out
    found = json.loads(desk.type(desk.bob, "artifact", "verify", "plots/middle.bin", "--json", code=6).out)
    assert [(each["path"], each["place"], each["sha256"]) for each in found] == [("middle.bin", "cache", DIGEST)]
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "second"))
    assert files_below(tmp_path / "second") == files_below(tmp_path / "first")
    assert cached(desk.bob).read_bytes() == MIDDLE
    assert "no damage" in desk.type(desk.bob, "artifact", "verify").err


def test_every_way_to_read_finds_a_flipped_byte_in_the_cache(desk: Desk, tmp_path: Path) -> None:
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "first"))
    with gtrack.Repo(str(desk.bob)) as repo:
        run_ = repo.run("plots")
        for path, digest, data in (("middle.bin", DIGEST, MIDDLE), ("plots/roc.png", pack_of(desk), PLOT)):
            flip(cached(desk.bob, digest), 100)
            assert run_.read_artifact(path) == data
            assert hashlib.sha256(cached(desk.bob, digest).read_bytes()).hexdigest() == digest
            flip(cached(desk.bob, digest), 100)
            assert desk.type(desk.bob, "artifact", "get", f"plots/{path}", "-o", str(tmp_path / "again")).code == 0
            assert (tmp_path / "again" / path).read_bytes() == data


def test_a_flipped_byte_of_an_object_nobody_names_is_found_too(desk: Desk) -> None:
    stray = hashlib.sha256(b"stray").hexdigest()
    cached(desk.bob, stray).parent.mkdir(parents=True, exist_ok=True)
    cached(desk.bob, stray).write_bytes(b"strax")
    said = desk.type(desk.bob, "artifact", "verify", code=6)
    assert f"damaged: {stray[:12]} (of no run here): in the cache" in said.out
    assert "no damage" in desk.type(desk.bob, "artifact", "verify", "plots").err


def test_a_flipped_byte_in_the_git_store_here_is_named_and_the_remote_is_asked(desk: Desk, tmp_path: Path) -> None:
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "first"))
    object_ = loose(desk.bob / ".git", blob_id(desk))
    cached(desk.bob).unlink()
    flip(object_, 40)
    said = desk.type(desk.bob, "artifact", "verify", "plots", code=6)
    assert "plots/middle.bin" not in said.out
    assert "/middle.bin: in the git store: git object" in said.out
    said = desk.type(desk.bob, "artifact", "get", "plots/middle.bin", "-o", str(tmp_path / "second"), code=6)
    assert "middle.bin is damaged wherever it is" in said.err
    assert files_below(tmp_path / "second") == {}
    object_.unlink()
    desk.type(desk.bob, "artifact", "get", "plots/middle.bin", "-o", str(tmp_path / "third"))
    assert files_below(tmp_path / "third") == {"middle.bin": MIDDLE}


def test_a_flipped_byte_in_a_pack_of_gits_is_found(desk: Desk, tmp_path: Path) -> None:
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "first"))
    run("git", "update-ref", "refs/kept/blob", blob_id(desk), cwd=desk.bob)
    run("git", "repack", "-adq", cwd=desk.bob)
    assert not loose(desk.bob / ".git", blob_id(desk)).exists()
    shown = run("git", "verify-pack", "-v", *map(str, (desk.bob / ".git/objects/pack").glob("*.idx")), cwd=desk.bob)
    offset = next(int(line.split()[4]) for line in shown.splitlines() if line.startswith(blob_id(desk)))
    [pack] = (desk.bob / ".git/objects/pack").glob("*.pack")
    flip(pack, offset + 30)
    cached(desk.bob).unlink()
    said = desk.type(desk.bob, "artifact", "verify", "plots", code=6)
    assert "/middle.bin: in the git store" in said.out
    assert (
        "middle.bin"
        in desk.type(desk.bob, "artifact", "get", "plots/middle.bin", "-o", str(tmp_path / "out"), code=6).err
    )
    assert files_below(tmp_path / "out") == {}


def test_damage_at_the_remote_is_found_by_the_fetch_and_by_verify_deep(desk: Desk, tmp_path: Path) -> None:
    packs = desk.bare / "objects" / "pack"
    for pack in packs.glob("*.pack"):
        moved = pack.with_name("moved")
        pack.rename(moved)
        with moved.open("rb") as given:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=desk.bare, stdin=given, check=True)
    flip(loose(desk.bare, blob_id(desk)), 40)
    said = desk.type(desk.bob, "artifact", "verify", "plots", "--deep", code=5)
    assert "origin could not be asked" in said.err
    said = desk.type(desk.bob, "artifact", "get", "plots/middle.bin", "-o", str(tmp_path / "out"), code=5)
    assert "middle.bin of run" in said.err
    assert "cannot be fetched: what file://" in said.err
    assert files_below(tmp_path / "out") == {}
    assert "no damage" in desk.type(desk.bob, "artifact", "verify", "plots").err


def test_verify_deep_reads_what_only_the_remote_has(desk: Desk) -> None:
    assert "2 of them not here: no damage" in desk.type(desk.bob, "artifact", "verify", "plots").err
    assert "2 objects: no damage" in desk.type(desk.bob, "artifact", "verify", "plots", "--deep").err


def test_verify_deep_reads_the_store_and_names_a_flipped_byte_there(desk: Desk, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for clone in (desk.ada, desk.bob):
        run("git", "config", "gtrack.store", str(store), cwd=clone)
    desk.type(desk.ada, "push")
    digest = next(iter(desk.listed(desk.bob, "large").values()))["sha256"]
    assert desk.listed(desk.bob, "large")["model.pkl"]["where"] == "store"
    assert "no damage" in desk.type(desk.bob, "artifact", "verify", "large", "--deep").err
    flip(store / "objects" / digest[:2] / digest, 1_500_000)
    said = desk.type(desk.bob, "artifact", "verify", "large", "--deep", code=6)
    assert f"{desk.run_id('large')[:7]}/model.pkl: in the store: its content has the SHA-256" in said.out
    said = desk.type(desk.bob, "artifact", "get", "large", "-o", str(tmp_path / "out"), code=6)
    assert "damaged wherever it is" in said.err
    assert files_below(tmp_path / "out") == {}
    assert "no damage" in desk.type(desk.ada, "artifact", "verify", "large").err
