"""Reads a page of metrics with Prometheus's own client and prints its samples as JSON.

Usage: metrics_page.py FILE
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8") as page:
    families = list(text_string_to_metric_families(page.read()))
assert len({family.name for family in families}) == len(families), "a family comes twice"
samples = []
for family in families:
    assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
    samples += [{"name": s.name, "labels": s.labels, "value": s.value, "type": family.type} for s in family.samples]
json.dump(samples, sys.stdout)
