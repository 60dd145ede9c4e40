"""How good verdicts are: the figures of `flowsentry evaluate`, computed for anyone's verdicts, and checked against its own."""

import numpy as np

FIVE = ["Normal", "DDoS", "Port Scanning", "Brute Force", "ARP Poisoning"]
TOLERANCE = 1e-9


def ratio(part, whole):
    return part / whole if whole else 0.0


def harmonic_mean(left, right):
    return 2 * left * right / (left + right) if left + right else 0.0


def class_figures(flows, verdicts, index):
    """Precision and recall over all flows, recall averaged over the captures that hold the class, F1 of precision and that."""
    of_class, said = flows.classes == index, verdicts == index
    right = of_class & said
    held = np.unique(flows.captures[of_class])
    recalls = [right[flows.captures == capture].sum() / of_class[flows.captures == capture].sum() for capture in held]
    precision, by_capture = ratio(right.sum(), said.sum()), float(np.mean(recalls)) if recalls else 0.0
    return {"flows": int(of_class.sum()), "captures": len(held), "precision": float(precision),
            "recall": float(ratio(right.sum(), of_class.sum())), "recall_by_capture": by_capture,
            "f1": float(harmonic_mean(precision, by_capture))}


def scores(flows, verdicts, names):
    """Figures by class, and the mean of F1 over those that have flows: all, and the existing system's five."""
    by_class = {name: class_figures(flows, verdicts, index) for index, name in enumerate(names)}
    mean = lambda wanted: float(np.mean([figures["f1"] for name, figures in by_class.items() if figures["flows"] and name in wanted]))
    return {"classes": by_class, "macro_f1": mean(names), "macro_f1_five": mean(FIVE)}


def false_alarms(flows, verdicts, names, hours):
    """Verdicts other than Normal on captures without an attack, an hour of these captures."""
    benign = np.isin(flows.captures, [number for number, (_, subject) in enumerate(flows.subjects) if subject == names[0]])
    alarms = benign & (verdicts != 0)
    return {"alarms": int(alarms.sum()), "captures_with_alarm": len(np.unique(flows.captures[alarms])),
            "captures": sum(subject == names[0] for _, subject in flows.subjects), "per_hour": ratio(int(alarms.sum()), hours)}


def evaluate(flows, verdicts, names, hours, full_flow_packets):
    """All figures of one detector on one split."""
    full = flows.packets >= full_flow_packets
    return {"all": scores(flows, verdicts, names), "full_flows": scores(flows.where(full), verdicts[full], names),
            "false_alarms": false_alarms(flows, verdicts, names, hours)}


def must_agree(ours, theirs):
    """Stops if the figures of the exported verdicts are not those that flowsentry computes itself."""
    def check(what, found, expected):
        if abs(found - expected) > TOLERANCE:
            raise SystemExit(f"{what} is {found} here and {expected} by flowsentry evaluate: one of both is not as the other defines it")
    for flows in ("all", "full_flows"):
        check(f"macro-F1 ({flows})", ours[flows]["macro_f1"], theirs[flows]["macro_f1"])
        for row in theirs[flows]["classes"]:
            found = ours[flows]["classes"][row["class"]]
            for figure in ("flows", "captures", "precision", "recall", "recall_by_capture", "f1"):
                check(f"{figure} of {row['class']} ({flows})", found[figure], row[figure])
