"""Asks Prometheus what every panel asks, and writes what the report draws.

    ask.py PROMETHEUS DASHBOARDS SECONDS OUT      every query of every panel must return data, every rule be evaluated

OUT gets the dashboards as they are, with `frames` in each panel: a legend and values, one for each of `times`. Python 3,
standard library only.
"""

import json
import math
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

RATE_INTERVAL, STEP = 10, 1


def ask(path, **query):
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def label_values(query):
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
    return ask(f"label/{label}/values", **{"match[]": metric})


def substituted(text, variables):
    """As Grafana does it when all values of a variable are chosen."""
    text = text.replace("$__rate_interval", f"{RATE_INTERVAL}s").replace("$__range", f"{seconds}s")
    for variable in variables:
        text = text.replace("$" + variable["name"], variable.get("allValue", ""))
    return text


def legend(target, labels):
    text = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), target["legendFormat"])
    return text.strip() or target["expr"]


def frames(panel, variables):
    for target in panel["targets"]:
        query = substituted(target["expr"], variables)
        answer = ask("query_range", query=query, start=times[0], end=times[-1], step=STEP)
        if not answer["result"]:
            sys.exit(f"dashboards: no data of {panel['title']}: {query}")
        for series in answer["result"]:
            values = {int(at): float(value) for at, value in series["values"]}
            values = [values.get(at, math.nan) for at in times]
            yield {
                "legend": legend(target, series["metric"]),
                "values": [value if math.isfinite(value) else None for value in values],
            }


prometheus, folder, seconds, out = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
end = int(time.time())
times = list(range(end - seconds, end + 1, STEP))
dashboards, queries = {}, 0
for file in sorted(folder.glob("*.json"), key=lambda file: (file.stem != "overview", file.stem)):
    dashboard = dashboards[file.stem] = json.loads(file.read_text())
    variables = dashboard["templating"]["list"]
    for variable in variables:
        if variable["type"] == "query" and not label_values(variable["query"]["query"]):
            sys.exit(f"dashboards: {file.name}: nothing to choose from for {variable['name']}")
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            panel["frames"] = list(frames(panel, variables))
            queries += len(panel["targets"])

rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
if not rules or bad:
    sys.exit(f"dashboards: rules that can't be evaluated: {bad or 'all'}")
pathlib.Path(out).write_text(json.dumps({"times": times, "dashboards": dashboards}))
panels = sum("frames" in panel for dashboard in dashboards.values() for panel in dashboard["panels"])
print(f"dashboards: {queries} queries of {panels} panels return data, {len(rules)} rules are evaluated")
