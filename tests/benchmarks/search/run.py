"""Our proposers beside the rivals, on the problems of the harness and on ours: one JSON line a run.

    python tests/benchmarks/search/run.py --harness FOLDER --peers ehvi,tpe --seeds 0,1,2,3,4 --out ours.jsonl
    RIVALS/bin/python tests/benchmarks/search/run.py --harness FOLDER --peers optuna-gp,ax --out rivals.jsonl
    python tests/benchmarks/search/report.py --harness FOLDER ours.jsonl rivals.jsonl

``--harness``: the folder of the rivals' harness (space.py, problems.py, peers.py, run.py). A rival runs in an
environment of its own, which needs the harness's packages and not this one. A run that is in the file already is not
made again.
"""

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", required=True)
    parser.add_argument(
        "--peers", required=True, help="proposers of ours (ehvi~3: told three trials late) and of the harness"
    )
    parser.add_argument("--problems", default="", help="names or groups; all of them if left out")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--limit", type=float, default=3600.0, help="wall seconds for one run")
    parser.add_argument("--label", default="", help="added to a peer's name in the file, for a variant under test")
    parser.add_argument("--out", required=True)
    asked = parser.parse_args()
    # ours last: the harness has modules named run and report too
    sys.path[0] = asked.harness
    sys.path += [str(HERE), str(HERE.parents[2])]
    import more_problems
    import run as harness
    from peers import PEERS

    groups = {name: more_problems.load(name).group for name in more_problems.names()}
    wanted = asked.problems.split(",") if asked.problems else list(groups)
    chosen = [name for name, group in groups.items() if name in wanted or group in wanted]
    out = Path(asked.out)
    lines = out.read_text().splitlines() if out.exists() else []
    done = {tuple(json.loads(line)[key] for key in ("problem", "peer", "seed", "batch", "budget")) for line in lines}
    for seed in map(int, asked.seeds.split(",")):
        for name in chosen:
            for peer in asked.peers.split(","):
                key = (name, peer + asked.label, seed, asked.batch, asked.n)
                if key in done:
                    continue
                if peer not in PEERS:
                    from ours import adapter

                    PEERS[peer] = adapter(peer)
                problem = more_problems.load(name)
                head = dict(zip(("problem", "peer", "seed", "batch", "budget"), key, strict=True))
                head |= {"group": problem.group, "version": PEERS[peer].version(), "ref": problem.ref}
                began = time.time()
                try:
                    body = harness.run(PEERS[peer], problem, seed, asked.n, asked.batch, asked.limit)
                    reached = f"{body['hv'][-1] / problem.max_hv:.4f}"
                except Exception as error:  # a rival's failure is a result
                    body = {"error": f"{type(error).__name__}: {error}"[:300]}
                    reached = body["error"]
                print(*key, reached, f"{time.time() - began:.0f} s", flush=True)
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(head | body) + "\n")


if __name__ == "__main__":
    main()
