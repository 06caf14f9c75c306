"""AUROC, average precision and the highest F1 by scikit-learn."""
import json
import sys

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

answers = []
for case in json.load(open(sys.argv[1])):
    scores = np.array(case["scores"], dtype=np.float32)
    precision, recall, _ = precision_recall_curve(case["labels"], scores)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    answers.append(
        {
            "auroc": roc_auc_score(case["labels"], scores),
            "ap": average_precision_score(case["labels"], scores),
            "f1": f1.max(),
        }
    )
print(json.dumps(answers))
