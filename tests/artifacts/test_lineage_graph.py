"""Walking along what runs were made from: every run once, whatever the edges."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.uses import Edge, Graph, edges_of

IDS = [f"{number:032x}" for number in range(7)]
edges = st.lists(
    st.builds(Edge, st.sampled_from(IDS), st.sampled_from(IDS), st.sampled_from(["a", "b", ""])), max_size=20
)


def reachable(found, start, *, up, path=None):
    """The plain definition."""
    out, more = set(), {start}
    while more:
        out |= more
        step = set()
        for edge in found:
            near, far = (edge.user, edge.run) if up else (edge.run, edge.user)
            if near in more and (up or path is None or near != start or edge.path == path):
                step.add(far)
        more = step - out
    return out


@given(edges, st.booleans(), st.none() | st.just("a"))
def test_a_walk_reaches_every_run_and_ends_whatever_the_cycles(found, up, path):
    steps = Graph(found).walk(IDS[0], up=up, path=path)
    assert {step.run for step in steps} == reachable(found, IDS[0], up=up, path=path)
    followed = [step.run for step in steps if not step.again]
    assert len(followed) == len(set(followed))
    assert steps[0].run == IDS[0]
    assert all(step.edges for step in steps[1:])


@given(edges, st.booleans(), st.integers(1, 6))
def test_a_walk_is_no_longer_than_asked_and_says_what_it_left_out(found, up, most):
    graph = Graph(found)
    whole, steps = graph.walk(IDS[0], up=up), graph.walk(IDS[0], up=up, most=most)
    assert len(steps) <= most
    assert (len(whole) > most) == any(step.more for step in steps)


@given(edges)
def test_the_order_of_edges_does_not_matter(found):
    assert Graph(found).walk(IDS[0], up=True) == Graph(reversed(found)).walk(IDS[0], up=True)


def test_a_chain_deeper_than_the_stack_is_walked():
    chain = [f"{number:032x}" for number in range(5000)]
    graph = Graph(Edge(user, run) for user, run in itertools.pairwise(chain))
    assert len(graph.walk(chain[0], up=True, most=10_000)) == 5000
    assert len(graph.walk(chain[-1], up=False, most=10_000)) == 5000


def test_what_is_no_edge_is_passed_over():
    run = "a" * 32
    hostile = [
        None, 1, "x", [], {}, {"run": 3}, {"run": "../x"}, {"run": "A" * 32}, {"run": run + "\n"},
        {"run": run, "path": 3, "sha256": "zz"},
    ]  # fmt: skip
    assert list(edges_of("b" * 32, hostile)) == [Edge("b" * 32, run)]
    for uses in (None, 3, "text", {"run": run}):
        assert list(edges_of("b" * 32, uses)) == []
    assert len(list(edges_of("b" * 32, [{"run": run, "path": str(n)} for n in range(20_000)]))) == 10_000
