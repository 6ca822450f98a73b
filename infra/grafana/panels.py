"""The building blocks of the dashboards: queries, panels, rows, and how they fill the grid.

A panel says what it shows, in which unit, what that means and what to do about it; the rest
(identifiers, places, colours, Grafana's own vocabulary) is made here, so that a board reads like a
list. Standard library only. Expressions use three short forms: `{@}` is the selector of the chosen
instances, `{@, x="y"}` adds to it, and `[~]` is Grafana's range for rates.
"""

COLUMNS = 24
SCHEMA_VERSION = 39  # Grafana 11.0; newer ones migrate it when they load it
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Colours of thresholds: `above(a, b)` warns from a and is bad from b; `below` the other way round.
GOOD, WARN, BAD = "green", "orange", "red"


def above(warn, bad):
    return [(None, GOOD), (warn, WARN), (bad, BAD)]


def below(warn, bad):
    return [(None, BAD), (bad, WARN), (warn, GOOD)]


PLAIN = [(None, "blue")]
YES_NO = {"0": ("NO", BAD), "1": ("yes", GOOD)}


def expression(text):
    text = text.replace("{@", '{instance=~"$instance"').replace("[~]", "[$__rate_interval]")
    return " ".join(text.split())


def rate(metric, by="", where=""):
    """What happens in a second, summed over instances, or by labels."""
    return f"sum{_by(by)} (rate({metric}{_selector(where)}[~]))"


def last(metric, by="", where=""):
    """A gauge as it stands, summed over instances, or by labels."""
    return f"sum{_by(by)} ({metric}{_selector(where)})"


def quantile(q, metric, by="", where=""):
    """A quantile of a histogram over the range for rates."""
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', by, where)})"


def mean(metric, by="", where=""):
    """The mean of what a histogram observed."""
    return f"{rate(f'{metric}_sum', by, where)} / {rate(f'{metric}_count', by, where)}"


def quantiles(metric, *qs, by="", where=""):
    """Queries for several quantiles of one histogram, with their names as legend."""
    label = f" {{{{{by}}}}}" if by else ""
    return {f"p{q * 100:g}{label}": quantile(q, metric, by, where) for q in qs}


def _by(by):
    return f" by ({by})" if by else ""


def _selector(where):
    return f"{{@, {where}}}" if where else "{@}"


def stat(title, unit, queries, means, do, thresholds=PLAIN, **more):
    """One number, its background coloured by the thresholds."""
    options = {"colorMode": "background", "graphMode": "area", "justifyMode": "center",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return _panel("stat", title, unit, queries, means, do, thresholds, options, **more)


def lines(title, unit, queries, means, do, thresholds=None, stack=False, **more):
    """Lines over time; thresholds, where there are any, are drawn as dashed lines."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stack else 8,
              "showPoints": "never", "spanNulls": 60_000,
              "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if thresholds else "off"}}
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                          "calcs": ["mean", "max", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    steps = thresholds or [(None, GOOD)]
    return _panel("timeseries", title, unit, queries, means, do, steps, options,
                  custom=custom, **more)


def bars(title, unit, queries, means, do, thresholds=PLAIN, **more):
    """One bar for each series, as things stand."""
    options = {"displayMode": "basic", "orientation": "horizontal", "showUnfilled": True,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return _panel("bargauge", title, unit, queries, means, do, thresholds, options,
                  instant=True, **more)


def heatmap(title, unit, metric, means, do, **more):
    """How a histogram's observations are spread, over time."""
    options = {"calculate": False, "cellGap": 1, "legend": {"show": True},
               "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
               "yAxis": {"axisPlacement": "left", "unit": unit},
               "tooltip": {"mode": "single", "yHistogram": True}}
    query = f"sum by (le) (increase({metric}_bucket{{@}}[~]))"
    return _panel("heatmap", title, unit, {"{{le}}": query}, means, do, PLAIN, options,
                  form="heatmap", **more)


def table(title, unit, queries, means, do, key, **more):
    """One line for each value of the label `key`, one column for each query."""
    names = {f"Value #{_letter(n)}": name for n, name in enumerate(queries)}
    if len(queries) == 1:
        names = {"Value": next(iter(queries))}
    transformations = [
        {"id": "joinByField", "options": {"byField": key, "mode": "outer"}},
        {"id": "organize", "options": {"renameByName": names, "excludeByName": {
            "Time": True, **{f"Time {n}": True for n in range(1, len(queries) + 1)}}}},
    ]
    options = {"showHeader": True, "cellHeight": "sm"}
    return _panel("table", title, unit, queries, means, do, PLAIN, options, form="table",
                  instant=True, transformations=transformations, **more)


def row(title, *panels):
    return {"row": title, "panels": panels}


def _letter(number):
    return chr(ord("A") + number)


def _panel(kind, title, unit, queries, means, do, thresholds, options, *, w=None, h=None,
           runbook=None, empty=None, mapping=None, custom=None, form="time_series", instant=False,
           transformations=None, highest=None):
    """`empty` says what is shown where no series is the normal answer."""
    if isinstance(queries, str):
        queries = {"": queries}
    targets = [{"refId": _letter(n), "datasource": DATASOURCE, "expr": expression(query),
                "legendFormat": legend or "__auto", "format": form, "instant": instant,
                "range": not instant, "editorMode": "code"}
               for n, (legend, query) in enumerate(queries.items())]
    steps = [{"color": color, "value": value} for value, color in thresholds]
    defaults = {"unit": unit, "custom": custom or {},
                "thresholds": {"mode": "absolute", "steps": steps},
                "color": {"mode": "palette-classic" if kind == "timeseries" else "thresholds"}}
    if unit == "percentunit":
        defaults["min"] = 0
    if highest is not None:
        defaults["max"] = highest
    if empty:
        defaults["noValue"] = empty
    if mapping:
        defaults["mappings"] = [{"type": "value", "options": {
            value: {"text": text, "color": color, "index": index}
            for index, (value, (text, color)) in enumerate(mapping.items())}}]
    sizes = {"stat": (3, 4), "timeseries": (12, 8), "bargauge": (8, 8), "heatmap": (12, 8),
             "table": (24, 8)}
    panel = {"type": kind, "title": title, "datasource": DATASOURCE, "targets": targets,
             "description": f"{means}\n\n**What to do:** {do}",
             "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
             "gridPos": {"w": w or sizes[kind][0], "h": h or sizes[kind][1]}}
    if runbook:
        panel["links"] = [{"title": f"Runbook: {runbook}", "targetBlank": True,
                           "url": f"${{runbooks}}/{runbook}.md"}]
    if transformations:
        panel["transformations"] = transformations
    return panel


def board(uid, title, about, *rows, variables=()):
    """A dashboard: rows of panels set from left to right, a new line where one is full."""
    panels, top = [], 0
    for content in rows:
        panels.append({"type": "row", "title": content["row"], "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1}})
        top += 1
        left, height = 0, 0
        for panel in content["panels"]:
            place = panel["gridPos"]
            if left + place["w"] > COLUMNS:
                left, top, height = 0, top + height, 0
            place.update(x=left, y=top)
            left, height = left + place["w"], max(height, place["h"])
            panels.append(panel)
        top += height
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "uid": f"zeitgeber-{uid}", "title": f"Zeitgeber: {title}", "description": about,
        "tags": ["zeitgeber"], "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": False,
        "graphTooltip": 1, "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser", "fiscalYearStartMonth": 0, "liveNow": False, "weekStart": "",
        "templating": {"list": [_datasource(), _instance(), *variables, _runbooks()]},
        "annotations": {"list": [_restarts()]}, "links": [_siblings()], "panels": panels,
    }


def chosen(name, metric, label):
    """A variable: the values that a label of a metric has."""
    query = f"label_values({metric}, {name})"
    return {"type": "query", "name": name, "label": label, "datasource": DATASOURCE,
            "query": {"qryType": 1, "query": query, "refId": name}, "definition": query,
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]}, "hide": 0, "options": [],
            "regex": "", "skipUrlSync": False}


def _instance():
    return chosen("instance", "zeitgeber_build_info", "Instance")


def _datasource():
    return {"type": "datasource", "name": "datasource", "label": "Data source",
            "query": "prometheus", "current": {"text": "Prometheus", "value": "prometheus"},
            "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1,
            "regex": "", "skipUrlSync": False}


def _runbooks():
    """Where runbook pages are served; `infra/compose.yaml` lets Grafana itself serve them."""
    place = {"selected": True, "text": "/public/runbooks", "value": "/public/runbooks"}
    return {"type": "textbox", "name": "runbooks", "label": "Runbooks at", "hide": 2,
            "query": place["value"], "current": place, "options": [place], "skipUrlSync": False}


def _restarts():
    started = expression("changes(zeitgeber_process_start_seconds{@}[2m]) > 0")
    return {"name": "Restarts", "datasource": DATASOURCE, "enable": True, "hide": False,
            "iconColor": "purple", "expr": started, "step": "60s",
            "titleFormat": "{{instance}} was started"}


def _siblings():
    return {"type": "dashboards", "title": "Zeitgeber", "tags": ["zeitgeber"], "asDropdown": False,
            "icon": "external link", "includeVars": True, "keepTime": True, "targetBlank": False,
            "tooltip": "", "url": ""}
