"""The batch formulas of rhythm_spec.py beside the streaming path, midnight by midnight.

Each recording is told as the life of somebody at some offset from UTC: its epochs go through
`zeitgeber ingest` one by one, and every midnight analysis that `zeitgeber export` shows must equal
the batch formulas over the seven local days before that midnight. One of these people lives where
clocks are put forward during the recording.

With --write, the batch values are also kept below processors/tests/data/rhythm/rolling, where a
test of the rhythm stage compares them without Python.
"""
import argparse, importlib.util, json, math, os, pathlib, subprocess, sys, tempfile
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "processors/tests/data/rhythm"
DAY, GRACE_MIN, FIRST_DAYS, WINDOW_DAYS = 1440, 130, 3, 7
# Column, its name in a reading, epoch in s, how epochs become minutes.
RECORDINGS = {"act10": ("counts", "activity_counts", 30, "sum"), "act11": ("enmo_mg", "enmo_mg", 60, "mean")}
PLACES = {"act10": ["330", "-210", "780", "America/New_York"], "act11": ["345", "-600"]}
# Name, absolute and relative tolerance.
VALUES = {
    "IS": (1e-9, 0), "IV": (1e-9, 0), "RA": (1e-9, 0), "r2": (1e-9, 0), "r2_two": (1e-9, 0),
    "L5": (0, 1e-9), "M10": (0, 1e-9), "mesor": (0, 1e-9), "amplitude": (0, 1e-9),
    "acrophase_rad": (1e-8, 0), "peak_h": (1e-8, 0), "orthophase_h": (24 / 14400 + 1e-9, 0),
    "valid_minutes": (0, 0), "L5_onset_min": (0, 0), "M10_onset_min": (0, 0),
}
RENAMED = {"IS": "is", "IV": "iv", "RA": "ra", "L5": "l5", "M10": "m10", "L5_onset_min": "l5_onset_min", "M10_onset_min": "m10_onset_min"}


def specification(path):
    spec = importlib.util.spec_from_file_location("rhythm_spec", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Place:
    """A fixed offset in minutes, or a zone; `change` is the one instant (ms) at which it moves."""

    def __init__(self, name, first_ms, last_ms):
        self.zone = ZoneInfo(name) if "/" in name else None
        self.name, self.fixed = name, 0 if self.zone else int(name)
        self.before, self.after = self.offset(first_ms), self.offset(last_ms)
        self.change_ms = None
        if self.before != self.after:
            low, high = first_ms // 60000, last_ms // 60000
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self.offset(middle * 60000) == self.before else (low, middle)
            self.change_ms = high * 60000

    def offset(self, at_ms):
        if not self.zone:
            return self.fixed
        return int(datetime.fromtimestamp(at_ms / 1000, timezone.utc).astimezone(self.zone).utcoffset().total_seconds() // 60)

    def profile(self):
        return {"zone": self.name} if self.zone else {"tz_offset_min": self.fixed}


def batch(spec, place, m0, x, counts):
    """Values of every midnight whose grace the recording holds. m0, x: minutes of UTC."""
    utc = m0 + np.arange(len(x))
    change = math.inf if place.change_ms is None else place.change_ms // 60000
    local = utc + np.where(utc < change, place.before, place.after)
    assert (np.diff(local) >= 1).all(), "clocks that are put back are not handled"
    worn = x.copy()
    for start, length in spec.choi(x) if counts else []:
        worn[start:start + length] = np.nan
    first_day, found = -(-int(local[0]) // DAY), []
    for day in range(first_day + FIRST_DAYS, int(local[-1]) // DAY + 1):
        at = int(np.searchsorted(local, day * DAY))
        if at + GRACE_MIN > len(x):
            break
        start = int(np.searchsorted(local, max(first_day, day - WINDOW_DAYS) * DAY))
        window = dict(window_start_ms=int(utc[start]) * 60000, window_end_ms=int(utc[at]) * 60000)
        for name, series in (("all_minutes", x), ("wear_minutes", worn)):
            window[name] = rhythm(spec, local[start:at], series[start:at], np.isnan(x[start:at]))
        found.append(window)
    return found


def rhythm(spec, local, x, missing):
    known = np.flatnonzero(~missing)
    if (~np.isnan(x)).sum() < DAY or known[-1] - known[0] + 1 < 2 * DAY:
        return None
    clock = np.full(int(local[-1] - local[0]) + 1, np.nan)
    clock[local - local[0]] = x
    m0 = int(local[0])
    h0, hours = spec.to_hours(m0, clock)
    told = set(((local // 60) - h0).tolist())
    elapsed = hours[[h for h in range(len(hours)) if h in told]]
    profile = spec.minute_profile(m0, clock)
    t_h = (m0 + np.arange(len(clock)) + 0.5) / 60
    one, two = spec.cosinor(t_h, clock, k=1), spec.cosinor(t_h, clock, k=2)
    component = one["components"][0]
    out = dict(valid_minutes=int((~np.isnan(x)).sum()), IS=spec.interdaily_stability(h0, hours), IV=spec.intradaily_variability(elapsed))
    out.update(L5=None, L5_onset_min=None, M10=None, M10_onset_min=None, RA=None)
    if not np.isnan(profile).any():
        out["L5"], out["L5_onset_min"] = spec.lmx(profile, 300, True)
        out["M10"], out["M10_onset_min"] = spec.lmx(profile, 600, False)
        out["RA"] = (out["M10"] - out["L5"]) / (out["M10"] + out["L5"])
    out.update(mesor=one["mesor"], amplitude=component["amplitude"], acrophase_rad=component["acrophase_rad"], peak_h=component["peak_h"],
               r2=one["r2"], r2_two=two["r2"], orthophase_h=two["orthophase_h"])
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in out.items()}


def stream(zeitgeber, folder, place, t_ms, values, field, epoch_s):
    """The midnight analyses of the same epochs, by window end."""
    lines = []
    for number, (start, value) in enumerate(zip(t_ms, values)):
        if not math.isnan(value):
            ts = int(start) + epoch_s * 1000
            lines.append(json.dumps({"kind": "imu", "user_id": "ada", "device_id": "watch", "id": f"r-{number}", "ts": ts, "recv_ts": ts + 5000,
                                     "values": {field: value, "epoch_s": epoch_s}}))
    (folder / "day.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "users.json").write_text(json.dumps({"users": [{"user_id": "ada", **place.profile()}]}))
    log = ["--data-dir", str(folder / "log")]
    run = lambda *args: subprocess.run([zeitgeber, *args], check=True, capture_output=True, text=True).stdout
    run("ingest", *log, str(folder / "day.jsonl"), "--profiles", str(folder / "users.json"), "--backfill", "--json")
    last = {}
    for line in run("export", *log, "--format", "ndjson", "--type", "rhythm_analysed").splitlines():
        event = json.loads(line)["event"]
        if event["span"] == "midnight":
            last[event["window_end_ms"]] = event
    return last


def compare(want, got, worst):
    """Counts the values that agree and those that do not."""
    good = bad = 0
    for series in ("all_minutes", "wear_minutes"):
        a, b = want[series], got[series]
        if (a is None) != (b is None):
            bad += 1
            continue
        for name, (absolute, relative) in VALUES.items() if a else ():
            x, y = a[name], b.get(RENAMED.get(name, name))
            near = x is y is None or (x is not None and y is not None and abs(x - y) <= absolute + relative * abs(x))
            good, bad = good + near, bad + (not near)
            if x is not None and y is not None and name != "orthophase_h":
                worst[0] = max(worst[0], abs(x - y) / max(1e-12, abs(x)))
            if not near:
                print(f"  {series} {name} at {want['window_end_ms']}: batch {x}, stream {y}", file=sys.stderr)
    return good, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", default=os.environ.get("ZEITGEBER_RHYTHM_SPEC", ROOT.parent / "shared/reference/rhythm_spec.py"))
    parser.add_argument("--zeitgeber", default=os.environ.get("ZEITGEBER", "zeitgeber"), help="the binary")
    parser.add_argument("--write", action="store_true", help="keep the batch values for the test without Python")
    args = parser.parse_args()
    spec, failed = specification(args.spec), 0
    print(f"{'recording':<10} {'clock':<18} {'midnights':>9} {'values':>7} {'failed':>7}  greatest relative difference")
    for name, (column, field, epoch_s, how) in RECORDINGS.items():
        _, table = spec.load(str(DATA / f"actigraphy/{name}.csv.gz"))
        t_ms, values = next(iter(table.values())), table[column]
        m0, x = spec.to_minutes(t_ms, values, epoch_s, how)
        for where in PLACES[name]:
            place = Place(where, int(t_ms[0]), int(t_ms[-1]))
            midnights = batch(spec, place, m0, x, how == "sum")
            if args.write:
                kept = dict(recording=name, column=column, epoch_s=epoch_s, offset_min=place.before,
                            change=None if place.change_ms is None else [place.change_ms, place.after], midnights=midnights)
                path = DATA / f"rolling/{name}_{where.replace('/', '_')}.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(kept, indent=1) + "\n")
            with tempfile.TemporaryDirectory() as folder:
                told = stream(args.zeitgeber, pathlib.Path(folder), place, t_ms, values, field, epoch_s)
            good, bad, worst = 0, len(set(told) ^ {want["window_end_ms"] for want in midnights}), [0.0]
            for want in midnights:
                if want["window_end_ms"] in told:
                    more = compare(want, told[want["window_end_ms"]], worst)
                    good, bad = good + more[0], bad + more[1]
            failed += bad
            print(f"{name:<10} {where:<18} {len(midnights):>9} {good + bad:>7} {bad:>7}  {worst[0]:.1e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
