"""The others. Each learns from the training split, each class and in it each capture weighing the same, as the model's draws;
what there is to choose is chosen by the validation split. The same numbers come out every time."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads would take the cores that others work on

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

SEED = 1
TREES = 100
LEAVES = [1, 8]  # least flows of a leaf
ROUNDS = 100  # most rounds of boosting
THRESHOLDS = 400  # tried a feature


def balanced(flows):
    """Weights by which every class counts the same, and in it every capture. Their mean is 1."""
    weights = np.zeros(len(flows.classes))
    for index in np.unique(flows.classes):
        of_class = flows.classes == index
        held = np.unique(flows.captures[of_class])
        for capture in held:
            rows = of_class & (flows.captures == capture)
            weights[rows] = 1 / len(held) / rows.sum()
    return weights * len(weights) / weights.sum()


def balanced_recall(flows, weights, verdicts):
    """Recall averaged over captures, then over classes."""
    return float(np.average(verdicts == flows.classes, weights=weights))


class Forest:
    def __init__(self, columns):
        self.columns = columns

    def learn(self, train, validation):
        weights, judging = balanced(train), balanced(validation)
        best = -1.0
        for leaf in LEAVES:
            forest = RandomForestClassifier(TREES, min_samples_leaf=leaf, random_state=SEED, n_jobs=-1)
            forest.fit(train.features[:, self.columns], train.classes, weights)
            forest.n_jobs = 1  # sums of probabilities in one order
            found = balanced_recall(validation, judging, forest.predict(validation.features[:, self.columns]))
            if found > best:
                best, self.forest, self.chosen = found, forest, f"{TREES} trees, at least {leaf} flows a leaf"

    def judge(self, features):
        return self.forest.predict(features[:, self.columns])


class Boosted:
    def __init__(self, columns):
        self.columns = columns

    def learn(self, train, validation):
        judging = balanced(validation)
        forest = HistGradientBoostingClassifier(learning_rate=0.1, max_iter=ROUNDS, early_stopping=False, random_state=SEED)
        forest.fit(train.features[:, self.columns], train.classes, balanced(train))
        stages = forest.staged_predict(validation.features[:, self.columns])
        recalls = [balanced_recall(validation, judging, verdicts) for verdicts in stages]
        self.forest, self.rounds = forest, int(np.argmax(recalls)) + 1
        self.chosen = f"{self.rounds} rounds of boosting"

    def judge(self, features):
        stages = self.forest.staged_predict(features[:, self.columns])
        return next(verdicts for number, verdicts in enumerate(stages, 1) if number == self.rounds)


class Thresholds:
    """A class is what has one feature above (or below) a number; the rule that is right most often on train goes first."""

    def __init__(self, columns, names, features):
        self.columns, self.names, self.features = columns, names, features

    def learn(self, train, _validation):
        weights, rules = balanced(train), []
        for index in range(1, len(self.names)):
            of_class = train.classes == index
            found = [self.best(train.features[:, column], of_class, weights) + (column, index) for column in self.columns]
            rules.append(max(found, key=lambda rule: rule[0]))
        self.rules = sorted(rules, key=lambda rule: -rule[0])
        self.chosen = "; ".join(f"{self.names[index]}: {self.features[column]} {'>=' if above else '<='} {number:.4g}"
                                for _, above, number, column, index in self.rules)

    @staticmethod
    def best(values, of_class, weights):
        """(F1, above or below, threshold) of the best threshold of a feature."""
        tried = np.unique(np.quantile(values, np.linspace(0, 1, THRESHOLDS), method="nearest"))
        whole = weights[of_class].sum()
        best = (-1.0, True, 0.0)
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        every, right = (np.concatenate([[0.0], np.cumsum(part[order])]) for part in (weights, weights * of_class))
        for above in (True, False):
            cut = np.searchsorted(ordered, tried, "left" if above else "right")
            said = every[-1] - every[cut] if above else every[cut]
            hit = right[-1] - right[cut] if above else right[cut]
            f1 = 2 * hit / np.maximum(said + whole, 1e-12)
            at = int(np.argmax(f1))
            if f1[at] > best[0]:
                best = (float(f1[at]), above, float(tried[at]))
        return best

    def judge(self, features):
        verdicts = np.zeros(len(features), dtype=np.int64)
        for _, above, number, column, index in reversed(self.rules):
            values = features[:, column]
            verdicts[values >= number if above else values <= number] = index
        return verdicts
