"""Reads Prometheus' text format from standard input by Prometheus' own parser, and writes its families as JSON."""

import json
import math
import sys

from prometheus_client.parser import text_string_to_metric_families

families = [
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "samples": [
            # JSON has no word for what is no finite number.
            {"name": sample.name, "labels": sample.labels, "value": sample.value if math.isfinite(sample.value) else None}
            for sample in family.samples
        ],
    }
    for family in text_string_to_metric_families(sys.stdin.read())
]
json.dump(families, sys.stdout)
