"""What the types of dashboards can't say, and whoever imports one relies on: `check.py DIRECTORY`.

Identities are unique, the data source is chosen and not fixed, every variable is declared, panels fit the grid, and
every rate asks for the interval that Grafana works out. Python 3, standard library only.
"""

import itertools
import json
import pathlib
import re
import sys

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def wrong(what):
    sys.exit(f"dashboards: {what}")


def overlap(one, other):
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


def check_unique(what, values):
    values = list(values)
    if len(set(values)) < len(values):
        wrong(f"{what} is there twice: {values}")


def check_variables(name, dashboard):
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    if variables["datasource"]["query"] != "prometheus" or any(key.startswith("__") for key in dashboard):
        wrong(f"{name} can't be imported as it is")
    for variable in variables.values():
        if variable["type"] == "query" and (variable["datasource"] != SOURCE or variable["allValue"] != ".*"):
            wrong(f"{name}: the variable {variable['name']} asks a fixed source, or leaves out who lacks the label")
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps([dashboard["panels"], dashboard["templating"]])))
    if used ^ set(variables):
        wrong(f"{name}: variables that are only used, or only declared: {sorted(used ^ set(variables))}")


def check_layout(name, panels):
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > COLUMNS:
            wrong(f"{name}: {panel['title']} leaves the grid")
    for one, other in itertools.combinations(panels, 2):
        if overlap(one["gridPos"], other["gridPos"]):
            wrong(f"{name}: {one['title']} lies on {other['title']}")
    area = sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels)
    if area != COLUMNS * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels):
        wrong(f"{name} has a hole")


def check_panel(name, panel):
    if not panel["description"].endswith("."):
        wrong(f"{name} has no description")
    check_unique(f"a query of {name}", (target["refId"] for target in panel["targets"]))
    for target in panel["targets"]:
        if target["datasource"] != SOURCE or panel["datasource"] != SOURCE or "$instance" not in target["expr"]:
            wrong(f"{name} asks a fixed source or gateway")
        if set(re.findall(r"\[(.*?)\]", target["expr"])) - {"$__rate_interval", "$__range"}:
            wrong(f"{name} asks for a fixed interval: {target['expr']}")


files = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
dashboards = {file.name: json.loads(file.read_text()) for file in files}
for key in ("uid", "title"):
    check_unique(f"a {key}", (dashboard[key] for dashboard in dashboards.values()))
for name, dashboard in dashboards.items():
    panels = dashboard["panels"]
    if "id" in dashboard or len(dashboard["uid"]) > 40:
        wrong(f"{name} has a number of its own, or a uid that is too long")
    check_unique(f"an id in {name}", (panel["id"] for panel in panels))
    check_variables(name, dashboard)
    check_layout(name, panels)
    for panel in panels:
        if panel["type"] != "row":
            check_panel(f"{name}: {panel['title']}", panel)
print(f"dashboards: {len(dashboards)} can be imported as they are")
