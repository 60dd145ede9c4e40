"""What a few labelled minutes of a site do for the shipped model, and what they cost it elsewhere.

`make adapt DATA=captures MODEL=file`, and with SPLITS=validation while there is still something to choose. Every collection
of the split is a site in turn. The first windows of each of its captures, SHARE of them (0.05 is 5 %) and at least one, are the site's
labels; captures of fewer than WINDOWS_MIN windows, or about what is no class of the model, give none. The model is adapted
to these by the real binary, `flowsentry train --add`, and judges, before and after, what is left of the site's captures, and
all of the split's captures of other collections. One row of a Markdown table a site; sites that give no labels are named below
it. Recall is the mean over classes of the recall by capture; false alarms are ordinary flows with an alarm, in whatever
capture.
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

WINDOW = 30  # seconds, as the service has it at its defaults
WINDOWS_MIN = 5  # of fewer, the first is a large part of all


def main():
    binary, data, model, target = (Path(argument) for argument in sys.argv[1:5])
    split, share, wanted = sys.argv[5], float(sys.argv[6]), sys.argv[7:]
    classes = json.loads(run(binary, "model", "show", model, "--json"))["classes"]
    captures = {capture["id"]: capture for capture in json.loads((data / "captures.json").read_text())}
    judged = sorted(json.loads((data / "splits.json").read_text())[split])
    sites = {}
    for name in judged:
        sites.setdefault(captures[name].get("repo") or "own recordings", []).append(captures[name])
    print_head()
    silent = []
    for site, of_site in sorted(sites.items()):
        if wanted and site not in wanted:
            continue
        shutil.rmtree(target, ignore_errors=True)
        own = Captures(target / "site", classes)
        labelled = [own.take(data, capture, share) for capture in of_site]
        if not own.splits["train"]:
            silent.append(site)
            continue
        own.write()
        adapted = target / "adapted.safetensors"
        run(binary, "train", "--add", own.directory, "--model", model, "--out", adapted)
        others = Captures(target / "others", classes)
        for name in judged:
            if captures[name] not in of_site:
                others.link(data, captures[name])
        others.write()
        pairs = [[figures(binary, file, where) for file in (model, adapted)] for where in (own, others)]
        print_row(site, sum(labelled), pairs)
    print(f"\nWithout a capture to take labels from: {', '.join(silent) or 'none'}.")


class Captures:
    """A directory of labelled captures that is being made."""

    def __init__(self, directory, classes):
        self.directory, self.classes = directory, classes
        self.captures, self.splits = [], {"train": [], "validation": [], "test": []}
        (directory / "packets").mkdir(parents=True)

    def take(self, data, capture, share):
        """The capture's first windows to learn from, the others to judge by; how many flows are to learn from."""
        table = pq.read_table(data / "packets" / f"{capture['id']}.parquet")
        windows = pc.cast(pc.floor(pc.divide(table["timestamp"], float(WINDOW))), "int64")
        distinct = sorted(set(windows.to_pylist()))
        if len(distinct) < WINDOWS_MIN or capture["class"] not in self.classes:
            self.link(data, capture)
            return 0
        border = distinct[math.ceil(share * len(distinct)) - 1]
        first = pc.less_equal(windows, border)
        for split, part in (("train", table.filter(first)), ("test", table.filter(pc.invert(first)))):
            self.add(split, dict(capture, id=f"{capture['id']}-{split}"))
            pq.write_table(part, self.path(f"{capture['id']}-{split}"), compression="zstd")
        keys = zip(*(table.filter(first)[name].to_pylist() for name in ("src_ip", "dst_ip", "protocol")))
        return len(set(zip(keys, windows.filter(first).to_pylist())))

    def link(self, data, capture):
        self.add("test", capture)
        self.path(capture["id"]).symlink_to((data / "packets" / f"{capture['id']}.parquet").resolve())

    def add(self, split, capture):
        self.captures.append(capture)
        self.splits[split].append(capture["id"])

    def path(self, name):
        return self.directory / "packets" / f"{name}.parquet"

    def write(self):
        (self.directory / "captures.json").write_text(json.dumps(self.captures))
        (self.directory / "splits.json").write_text(json.dumps(self.splits))


def run(binary, *arguments):
    """What the binary prints; where it refuses this ends too."""
    return subprocess.run([binary, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def figures(binary, model, captures):
    return json.loads(run(binary, "evaluate", "--model", model, "--data", captures.directory, "--json"))


def recall(evaluation):
    """Mean recall by capture of the attacks that the captures hold; None of no attacks."""
    recalls = [score["recall_by_capture"] for score in evaluation["all"]["classes"]
               if score["class"] != "Normal" and score["flows"] > 0]
    return sum(recalls) / len(recalls) if recalls else None


def arrow(pair, shape="{:.3f}"):
    return "-" if pair[0] is None else " → ".join(shape.format(value) for value in pair)


def print_head():
    print("| site | flows labelled | of | attacks: recall | all: macro-F1 | false alarms | elsewhere: recall "
          "| macro-F1, five classes | false alarms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)


def print_row(site, labelled, pairs):
    here, elsewhere = pairs
    rest = sum(score["flows"] for score in here[0]["all"]["classes"])
    cells = [site, str(labelled), str(labelled + rest)]
    cells.append(arrow([recall(found) for found in here]))
    cells.append(arrow([found["all"]["macro_f1"] for found in here]))
    cells.append(arrow([alarms(found) for found in here], "{}"))
    cells.append(arrow([recall(found) for found in elsewhere]))
    cells.append(arrow([found["full_flows"]["macro_f1_existing"] for found in elsewhere]))
    cells.append(arrow([alarms(found) for found in elsewhere], "{}"))
    print("| " + " | ".join(cells) + " |", flush=True)


def alarms(evaluation):
    """Ordinary flows with an alarm, in whatever capture."""
    classes, confusion = evaluation["classes"], evaluation["all"]["confusion"]
    normal = classes.index("Normal")
    return sum(confusion[normal]) - confusion[normal][normal]


if __name__ == "__main__":
    main()
