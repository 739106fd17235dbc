"""Children that were forked, spawned or given an environment, and the ranks of a launch."""

from __future__ import annotations

import textwrap

import pytest

FORK = """\
import os, gtrack
with gtrack.start_run("parent") as run:
    log = run.log_metric
    run.log({"parent": 1})
    pids = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            for step in range(50):
                run.log({f"child{number}": step}, step=step)
            log("parent", 1.5, step=10 + number)  # a method that was bound before the fork
            log(f"bound{number}", number)
            gtrack.set_tag(f"child{number}", True)
            assert not run.owner
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    run.log({"parent": 2})
"""


def test_forked_children_log_to_their_parents_run(project):
    project.train(FORK)
    found = project.only_run()
    assert found.status == "finished"
    assert found.curves(["parent"])["value"].to_pylist() == [1, 2, 1.5, 1.5, 1.5]
    for number in range(3):
        assert found.metrics[f"bound{number}"] == number
        assert found.curves([f"child{number}"])["value"].to_pylist() == list(range(50))
        assert found.tags[f"child{number}"] is True


def test_a_forked_childs_exit_does_not_end_the_run(project):
    project.train(
        """\
import os, sys, gtrack
run = gtrack.start_run("parent")
run.log({"parent": 1})
for leave in ("sys.exit(0)", "sys.exit(3)", "raise RuntimeError('a child')", "run.end('failed')"):
    pid = os.fork()
    if pid == 0:
        run.log({"child": 1})
        exec(leave)
        sys.exit(0)
    os.waitpid(pid, 0)
    run.log({"parent": 2})
"""
    )
    found = project.only_run()
    assert (found.status, found.summary["parent"].count, found.summary["child"].count) == ("finished", 5, 4)


def test_a_forked_child_that_lives_longer_adds_its_values_later(project):
    done = project.train(
        """\
import os, sys, gtrack
reader, writer = os.pipe()
with gtrack.start_run("parent") as run:
    run.log({"parent": 1})
    if os.fork() == 0:
        os.close(writer)
        run.log({"child": 1})
        os.read(reader, 1)  # until the parent has gone
        run.log({"child": 2})
        sys.exit(0)
os.close(reader)
"""
    )
    assert not [line for line in done.notices if "warning" in line]
    project.eventually(lambda: project.only_run().summary["child"].count == 2)
    project.eventually(lambda: not project.only_run().state.live)
    found = project.only_run()
    assert found.status == "finished"
    assert found.curves(["child"])["value"].to_pylist() == [1, 2]
    assert found.summary["child"].max == 2


MULTIPROCESSING = """\
import multiprocessing, gtrack

def work(run, number):
    for step in range(20):
        run.log({{f"worker{{number}}": step}}, step=step)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with gtrack.start_run("parent") as run:
        run.log({{"parent": 1}})
        workers = [context.Process(target=work, args=(run, number)) for number in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_log_to_the_run_they_are_given(project, method):
    done = project.train(MULTIPROCESSING.format(method=method))
    assert [line.split()[3] for line in done.notices] == ["started", "finished"]
    found = project.only_run()
    assert found.status == "finished"
    for number in range(2):
        assert found.curves([f"worker{number}"])["value"].to_pylist() == list(range(20))


WORKER = """\
import gtrack
with gtrack.start_run(params={"worker": True}) as run:
    run.log({"in_worker": 1})
gtrack.start_run("second of the worker").end()
print(run.id)
"""


def test_a_process_that_is_given_the_environment_joins_the_run_and_its_later_runs_are_children(project):
    done = project.train(
        f"""\
import os, subprocess, sys, gtrack
with gtrack.start_run("parent") as run:
    run.log({{"parent": 1}})
    env = {{**os.environ, **run.environ()}}
    out = subprocess.run([sys.executable, "-c", {WORKER!r}], env=env, capture_output=True, text=True, check=True).stdout
    assert out.strip() == run.id
    run.log({{"parent": 2}})
print(run.id)
"""
    )
    runs = {run.name: run for run in project.runs()}
    parent = runs["parent"]
    assert set(runs) == {"parent", "second of the worker"}
    assert (parent.id, parent.status, parent.params) == (done.out.strip(), "finished", {"worker": True})
    assert parent.metrics == {"parent": 2.0, "in_worker": 1.0}
    assert runs["second of the worker"].state.parent == parent.id


RANK = """\
import os, sys, time, gtrack
rank = int(os.environ[sys.argv[1]])
params = {"world": 4} if rank == 0 else None
for number in range(2):
    delay = {"first": rank, "last": 3 - rank}[sys.argv[2]] * 0.1
    time.sleep(delay)
    with gtrack.start_run(f"launch-{number}", params=params) as run:
        for step in range(10):
            run.log({"loss": rank + step / 10}, step=step)
        if rank == 0:
            run.log({"val": number}, step=9)
        with gtrack.start_run(f"child-{number}", nested=True):
            gtrack.log({"in_child": rank}, step=0)
        time.sleep(0.5 - delay)
    os.write(1, f"{run.id}\\n".encode())
"""
LAUNCH = """\
import os, subprocess, sys
def variables(rank):
    return {entry.split("=")[0]: entry.split("=")[1].replace("RANK", str(rank)) for entry in sys.argv[4:]}
ranks = [
    subprocess.Popen([sys.executable, "rank.py", sys.argv[1], sys.argv[2]], env={**os.environ, **variables(rank)})
    for rank in range(int(sys.argv[3]))
]
sys.exit(max(rank.wait() for rank in ranks))
"""
TORCHRUN = (
    "RANK=RANK",
    "LOCAL_RANK=RANK",
    "WORLD_SIZE=4",
    "LOCAL_WORLD_SIZE=4",
    "TORCHELASTIC_RUN_ID=none",
    "MASTER_ADDR=127.0.0.1",
    "MASTER_PORT=29500",
)
SLURM = (
    "SLURM_JOB_ID=4711",
    "SLURM_STEP_ID=0",
    "SLURM_PROCID=RANK",
    "SLURM_LOCALID=RANK",
    "SLURM_NTASKS=4",
)
BY_HAND = ("RANK=RANK", "LOCAL_RANK=RANK", "WORLD_SIZE=4", "GTRACK_RUN_ID=" + "cd" * 16)


@pytest.mark.parametrize(
    ("variable", "given", "order"),
    [("RANK", TORCHRUN, "first"), ("RANK", TORCHRUN, "last"), ("SLURM_PROCID", SLURM, "last")],
    ids=["torchrun, rank 0 first", "torchrun, rank 0 last", "slurm"],
)
def test_the_ranks_of_a_launch_share_their_runs_side_by_side(project, variable, given, order):
    (project.root / "rank.py").write_text(RANK)
    done = project.train(LAUNCH, variable, order, "4", *given)
    assert len(set(done.out.split())) == 2
    runs = {run.name: run for run in project.runs()}
    assert set(runs) == {"launch-0", "launch-1", "child-0", "child-1"}
    # One process speaks for all: two lines for each of the four runs.
    assert len(done.notices) == 8, done.err
    for number in range(2):
        found = runs[f"launch-{number}"]
        assert (found.status, found.params) == ("finished", {"world": 4})
        rows = found.curves(["loss"]).to_pylist()
        assert {(row["rank"], row["step"]): row["value"] for row in rows} == {
            (rank, step): rank + step / 10 for rank in range(4) for step in range(10)
        }
        assert len(rows) == 40
        assert found.summary["loss"].count == 40
        assert found.metrics["val"] == number
        child = runs[f"child-{number}"]
        assert (child.state.parent, child.summary["in_child"].count) == (found.id, 4)


def test_a_launch_without_a_name_of_its_own_shares_the_run_id_a_person_gave_it(project):
    (project.root / "rank.py").write_text(RANK.replace("range(2)", "range(1)"))
    done = project.train(LAUNCH, "RANK", "first", "4", *BY_HAND)
    assert set(done.out.split()) == {"cd" * 16}
    found = project.run("launch-0")
    assert (found.id, found.status, found.params) == ("cd" * 16, "finished", {"world": 4})
    assert found.summary["loss"].count == 40


def test_a_single_process_may_be_given_its_run_id_by_a_person(project):
    script = "import gtrack\nwith gtrack.start_run('mine') as run: run.log({'x': 1})"
    env = {"GTRACK_RUN_ID": "ef" * 16}
    project.train(script, env=env)
    found = project.only_run()
    assert (found.id, found.name, found.status, found.metrics) == ("ef" * 16, "mine", "finished", {"x": 1.0})
    project.train(script.replace("'mine'", "").replace("x", "y"), env=env)
    found = project.only_run()
    assert (found.name, found.status, found.metrics) == ("mine", "finished", {"x": 1.0, "y": 1.0})


def test_ranks_of_a_later_launch_of_the_same_script_are_another_run(project):
    (project.root / "rank.py").write_text("import gtrack\nwith gtrack.start_run() as run: run.log({'x': 1})\n")
    given = [entry.replace("=4", "=2") for entry in TORCHRUN]
    for _ in range(2):
        project.train(LAUNCH, "RANK", "first", "2", *given)
    assert sorted(run.summary["x"].count for run in project.runs()) == [2, 2]


@pytest.mark.parametrize("first", [0, 1])
def test_the_ranks_of_a_launch_resume_one_run_together(project, first):
    (project.root / "rank.py").write_text(
        textwrap.dedent(
            """\
            import os, time, gtrack
            rank = int(os.environ["RANK"])
            resume = {"run_id": "last", "resume": True, "force": True} if os.path.exists("again.txt") else {}
            time.sleep(abs(rank - int(os.environ["FIRST"])) * 0.5)
            with gtrack.start_run(**resume) as run:
                for _ in range(3):
                    run.log({"loss": rank})
                time.sleep(0.8)
            """
        )
    )
    given = [f"FIRST={first}", *(entry.replace("=4", "=2") for entry in TORCHRUN)]
    project.train(LAUNCH, "RANK", "first", "2", *given)
    (project.root / "again.txt").touch()
    project.train(LAUNCH, "RANK", "first", "2", *given)
    found = project.only_run()
    assert found.status == "finished"
    assert len(found.state.sessions) == 2
    rows = [(row["rank"], row["step"]) for row in found.curves(["loss"]).to_pylist()]
    assert sorted(rows) == [(rank, step) for rank in range(2) for step in range(6)]
