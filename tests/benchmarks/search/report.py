"""Tables of the runs: normalised hypervolume, ranks, wins by group, and the trials that reach the best rival.

python tests/benchmarks/search/report.py --harness FOLDER [--n 60] [--batch 1] [--ours ehvi] RUNS.jsonl ...
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean, median

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--harness", required=True)
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--ours", default="ehvi")
    parser.add_argument("--peers", default="", help="these only")
    parser.add_argument("--seeds", default="", help="these only")
    parser.add_argument("--problems", default="", help="these only")
    asked = parser.parse_args()
    sys.path[0] = asked.harness
    sys.path += [str(HERE)]
    import more_problems
    from report import ask_cost, ranks, table

    largest = {name: more_problems.load(name).max_hv for name in more_problems.names()}
    runs = []
    for line in (line for path in asked.paths for line in Path(path).read_text().splitlines()):
        run = json.loads(line)
        kept = run["batch"] == asked.batch and (not asked.peers or run["peer"] in asked.peers.split(","))
        kept = kept and (not asked.seeds or str(run["seed"]) in asked.seeds.split(","))
        kept = kept and (not asked.problems or run["problem"] in asked.problems.split(","))
        if kept and len(run.get("hv", ())) >= asked.n:
            run["norm"] = [value / largest[run["problem"]] for value in run["hv"]]
            runs.append(run)
    data: dict = defaultdict(lambda: defaultdict(list))
    traces: dict = defaultdict(list)
    for run in runs:
        data[run["problem"]][run["peer"]].append(run["norm"][asked.n - 1])
        traces[run["problem"], run["peer"]].append(run["norm"])
    group = {run["problem"]: run["group"] for run in runs}
    peers = sorted({run["peer"] for run in runs}, key=lambda peer: (peer != asked.ours, peer))
    rows, place, won = [], defaultdict(list), defaultdict(list)
    for problem in sorted(data, key=lambda name: (group[name], name)):
        middle = {peer: median(found) for peer, found in data[problem].items()}
        best = max(middle.values())
        row = [problem, group[problem]]
        for peer in peers:
            found = data[problem].get(peer)
            text = f"{middle[peer]:.3f} [{min(found):.3f}, {max(found):.3f}]{_count(found)}" if found else ""
            row.append(f"**{text}**" if found and middle[peer] >= best - 1e-9 else text)
        if asked.ours in middle and len(middle) > 1:
            rival = max(value for peer, value in middle.items() if peer != asked.ours)
            won[group[problem]].append(middle[asked.ours] >= rival - 5e-4)
            typical = [median(each) for each in zip(*traces[problem, asked.ours], strict=False)]
            row.append(next((str(i + 1) for i, value in enumerate(typical) if value >= rival), f"> {asked.n}"))
            for peer, value in ranks(middle).items():
                place[peer].append(value)
        rows.append(row)
    print(f"n = {asked.n}, batch {asked.batch}: median [lowest, highest] over seeds\n")
    print(table(["problem", "group", *peers, "trials to the best rival"], rows), "\n")
    cost = ask_cost(runs)
    print(table(["peer", "mean rank", "problems", "s a proposal near n = 60"],
                [[p, f"{mean(place[p]):.2f}", str(len(place[p])), f"{cost[p][1]:.3f}" if p in cost else ""]
                 for p in sorted(place, key=lambda p: mean(place[p]))]), "\n")  # fmt: skip
    print("at least the best rival: " + ", ".join(f"{g} {sum(w)}/{len(w)}" for g, w in sorted(won.items())))


def _count(found: list[float]) -> str:
    return "" if len(found) >= 5 else f" ({len(found)})"


if __name__ == "__main__":
    main()
