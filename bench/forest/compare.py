"""The model beside others on the same flows, in one table.

    compare.py DIRECTORY SPLIT …

DIRECTORY is what bench/forest.rs exported. Prints a table a split, and what each feature is worth to the model and to a
forest; writes both as DIRECTORY/comparison-SPLIT.json, and the totals as Markdown.
"""

import json
import os
import sys
import time
from dataclasses import dataclass

import numpy as np

import detectors
import figures

IMPORTANT = 25  # features shown


@dataclass
class Flows:
    features: np.ndarray
    classes: np.ndarray
    captures: np.ndarray
    packets: np.ndarray
    verdicts: np.ndarray
    subjects: list

    @classmethod
    def read(cls, directory, split, captures):
        load = lambda what: np.load(os.path.join(directory, f"{split}.{what}.npy"))
        return cls(*(load(what) for what in ("features", "classes", "captures", "packets", "verdicts")), captures)

    def where(self, rows):
        return Flows(self.features[rows], self.classes[rows], self.captures[rows], self.packets[rows], self.verdicts[rows],
                     self.subjects)


def existing_features(features, names):
    """The existing system's 17, of ours: it knows four protocols, and TCP flags only where a flow has no more than one."""
    column = lambda name: features[:, names.index(name)]
    numbers = ["packet_count", "packet_per_sec", "byte_count", "byte_per_sec", "connection_attempts", "unique_ports"]
    protocols = [f"protocol_{name}" for name in ("arp", "icmp", "tcp", "udp")]
    flags = {name: column(name) for name in names if name.startswith("tcp_flag_")}
    count = np.sum(list(flags.values()), axis=0)
    alone = [flags[f"tcp_flag_{name}"] * (count == 1) for name in ("ack", "fin", "psh", "rst", "syn", "urg")]
    return np.column_stack([column(name) for name in numbers + protocols] + alone + [count == 0])


class Existing(detectors.Forest):
    """A forest on the existing system's features."""

    def __init__(self, names):
        super().__init__(slice(None))
        self.names = names

    def learn(self, train, validation):
        as_existing = lambda flows: Flows(existing_features(flows.features, self.names), flows.classes, flows.captures,
                                          flows.packets, flows.verdicts, flows.subjects)
        super().learn(as_existing(train), as_existing(validation))

    def judge(self, features):
        return super().judge(existing_features(features, self.names))


def line(name, score):
    cells = [f"{score[flows][figure]:>9.3f}" for flows in ("all", "full_flows")
             for figure in ("precision", "recall", "recall_by_capture", "f1")]
    return f"  {name:22}" + "".join(cells[:4]) + "  " + "".join(cells[4:])


def table(results, names, full_flow_packets):
    heads = "".join(f"{head:>9}" for head in ("precision", "recall", "by capt.", "F1"))
    print(f"\n{'':24}{'all flows':^36}  {f'flows of {full_flow_packets} packets and more':^36}\n{'':24}{heads}  {heads}")
    for title, result in results.items():
        print(f"{title}" + (f" ({result['chosen']})" if result["chosen"] else ""))
        for name in names:
            print(line(name, {flows: result[flows]["classes"][name] for flows in ("all", "full_flows")}))
        for what, key in (("five classes", "macro_f1_five"), ("all classes", "macro_f1")):
            print(f"  {'macro-F1, ' + what:49}{result['all'][key]:>9.3f}  {'':27}{result['full_flows'][key]:>9.3f}")
        alarms = result["false_alarms"]
        print(f"  false alarms on benign captures: {alarms['per_hour']:.1f} an hour ({alarms['alarms']}, "
              f"in {alarms['captures_with_alarm']} of {alarms['captures']} captures)\n")


def markdown(results):
    """The same for a model's card: a row a detector."""
    heads = ["detector", "macro-F1, five classes", "all classes", "five, full flows", "all, full flows",
             "false alarms an hour", "captures with one"]
    rows = [heads, ["---"] * len(heads)]
    for title, result in results.items():
        figures = [f"{result[flows][key]:.3f}" for flows in ("all", "full_flows") for key in ("macro_f1_five", "macro_f1")]
        alarms = result["false_alarms"]
        rows.append([title, *figures, f"{alarms['per_hour']:.1f}", f"{alarms['captures_with_alarm']} of {alarms['captures']}"])
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def importances(directory, validation, forest, names):
    """By feature: what model and forest lose of their balanced recall on validation when it alone is another flow's."""
    orders = np.load(os.path.join(directory, "shuffles.npy"))
    of_model = np.load(os.path.join(directory, "shuffled_verdicts.npy"))
    weights = detectors.balanced(validation)
    recall = lambda verdicts: detectors.balanced_recall(validation, weights, verdicts)
    whole = recall(validation.verdicts), recall(forest.judge(validation.features))
    losses = []
    for column, name in enumerate(names):
        shuffled, by_forest = validation.features.copy(), []
        for order in orders:
            shuffled[:, column] = validation.features[order, column]
            by_forest.append(recall(forest.judge(shuffled)))
        by_model = [recall(verdicts) for verdicts in of_model[column]]
        losses.append({"feature": name, "model": whole[0] - float(np.mean(by_model)), "forest": whole[1] - float(np.mean(by_forest))})
    return sorted(losses, key=lambda loss: -loss["forest"])


class Board:
    """The figures of every detector on one split."""

    def __init__(self, directory, split, about):
        self.split, self.about, self.results = split, about, {}
        self.evaluation = about["splits"][split]["evaluation"]
        self.flows = Flows.read(directory, split, about["splits"][split]["captures"])
        self.enter(f"the model {about['model']}", "", self.flows.verdicts)
        figures.must_agree(next(iter(self.results.values())), self.evaluation)

    def enter(self, title, chosen, verdicts):
        found = figures.evaluate(self.flows, verdicts, self.about["classes"], self.evaluation["false_alarms"]["hours"],
                                 self.about["full_flow_packets"])
        self.results[title] = {"chosen": chosen, **found}


def others(about):
    features = about["features"]
    learnt, every = [features.index(name) for name in about["learnt_features"]], list(range(len(features)))
    return {"random forest, the model's features": detectors.Forest(learnt),
            "boosted forest, the model's features": detectors.Boosted(learnt),
            "random forest, the existing system's features": Existing(features),
            "one threshold a class": detectors.Thresholds(every, about["classes"], features),
            "random forest, every feature": detectors.Forest(every)}


def main(directory, splits):
    with open(os.path.join(directory, "export.json")) as file:
        about = json.load(file)
    boards = [Board(directory, split, about) for split in splits]
    train, validation = (Flows.read(directory, split, about["splits"][split]["captures"]) for split in ("train", "validation"))
    print(f"learning from {len(train.classes)} flows …", flush=True)
    for title, other in others(about).items():
        began = time.monotonic()
        other.learn(train, validation)
        print(f"  {title}: learnt in {time.monotonic() - began:.0f} s", flush=True)
        for board in boards:
            board.enter(title, other.chosen, other.judge(board.flows.features))
    losses = importances(directory, validation, other, about["features"])
    for board in boards:
        print(f"\n== the {board.split} split: {len(board.flows.classes)} flows")
        table(board.results, about["classes"], about["full_flow_packets"])
        with open(os.path.join(directory, f"comparison-{board.split}.json"), "w") as file:
            json.dump({"split": board.split, "detectors": board.results, "importances": losses}, file, indent=1)
        with open(os.path.join(directory, f"comparison-{board.split}.md"), "w") as file:
            file.write(markdown(board.results))
    print(f"{'lost on validation without the feature':44}{'forest':>9}{'model':>9}")
    for loss in losses[:IMPORTANT]:
        of_model = f"{loss['model']:>9.3f}" if loss["feature"] in about["model_features"] else f"{'no input':>9}"
        print(f"  {loss['feature']:42}{loss['forest']:>9.3f}{of_model}")


main(sys.argv[1], sys.argv[2:])
