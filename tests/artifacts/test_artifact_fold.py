"""Folding manifests: the order in which they come does not matter, and the latest word on a path stands."""

from __future__ import annotations

from dataclasses import replace

from artifact_strategies import DIGESTS, START, manifests
from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.artifact import Artifact, Manifest, fold_artifacts


@given(st.lists(manifests(), max_size=5).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_manifests_does_not_matter(both: tuple[list[Manifest], list[Manifest]]) -> None:
    given_, shuffled = both
    folded = fold_artifacts(given_)
    assert folded == fold_artifacts(shuffled)
    assert list(folded) == sorted(folded)


@given(st.lists(manifests(), max_size=5))
def test_the_same_manifest_twice_is_the_same_as_once(found: list[Manifest]) -> None:
    assert fold_artifacts([*found, *found]) == fold_artifacts(found)


def test_of_one_path_the_later_time_stands_and_then_the_smaller_digest() -> None:
    first = Artifact("a", 1, DIGESTS[0], "text/plain", START)
    later = replace(first, digest=DIGESTS[1], time=START + 1)
    rival = replace(later, digest=DIGESTS[2])
    assert fold_artifacts([Manifest({"a": later}), Manifest({"a": first})]) == {"a": later}
    smaller = min(later, rival, key=lambda artifact: artifact.digest)
    assert fold_artifacts([Manifest({"a": rival}), Manifest({"a": later})]) == {"a": smaller}


def test_what_was_removed_is_not_shown_until_it_is_logged_again() -> None:
    logged, again = (Artifact("a", 1, DIGESTS[0], "text/plain", START + t) for t in (0, 2))
    gone = Manifest(removed={"a": START + 1})
    assert fold_artifacts([Manifest({"a": logged}), gone]) == {}
    assert fold_artifacts([Manifest({"a": logged}), gone, Manifest({"a": again})]) == {"a": again}


def test_of_several_removals_the_latest_counts() -> None:
    logged = Artifact("a", 1, DIGESTS[0], "text/plain", START + 1)
    gone = [Manifest(removed={"a": START + t}) for t in (0, 2)]
    assert fold_artifacts([Manifest({"a": logged}), *gone]) == {}
    assert fold_artifacts([*reversed(gone), Manifest({"a": logged})]) == {}


def test_an_artifact_knows_the_object_that_holds_it() -> None:
    alone = Artifact("a", 7, DIGESTS[0], "text/plain", START)
    assert (alone.object, alone.object_size) == (DIGESTS[0], 7)
    packed = replace(alone, pack=DIGESTS[1], offset=5, object_size=100)
    assert (packed.object, packed.object_size) == (DIGESTS[1], 100)
