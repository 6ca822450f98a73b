"""What the reference packages take for the features that the rhythm stage computes.

Each row is one call of a package on one recording of processors/tests/data/rhythm, the least of
some rounds, loading excluded. Packages work on whole recordings; the rhythm stage takes the same
data reading by reading. With --ours FILE (what `zeitgeber bench --rhythm --json` printed on the
same machine) its time stands beside it. A package that is not installed is named and left out.
"""
import argparse, csv, gzip, importlib, importlib.metadata, io, json, pathlib, time, warnings

import numpy as np

warnings.filterwarnings("ignore")
DATA = pathlib.Path(__file__).resolve().parents[2] / "processors/tests/data/rhythm"
DAY = 1440


def load(name):
    path = DATA / name
    text = gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()
    rows = csv.reader(line for line in io.StringIO(text) if not line.startswith("#"))
    header, *body = rows
    number = lambda field: float(field) if field not in ("", "NA") else np.nan
    return {name: np.array([number(row[at]) for row in body]) for at, name in enumerate(header)}


def minutes(start_ms, values, mean):
    """Means or sums of the epochs of each minute; a minute without any is 0."""
    minute = (start_ms // 60000).astype(int)
    minute -= minute[0]
    known = ~np.isnan(values)
    total = np.bincount(minute[known], values[known])
    return total / np.maximum(1, np.bincount(minute[known])) if mean else total


def five_minutes(rr_ms):
    """The intervals of each 5 minutes that lie within 300 to 2000 ms."""
    window = (np.cumsum(rr_ms) // 300_000).astype(int)
    kept = (300 <= rr_ms) & (rr_ms <= 2000)
    return [rr_ms[(window == at) & kept] for at in range(1, window[-1])]


class Table:
    def __init__(self, rounds, ours):
        self.rounds, self.ours = rounds, ours
        print(f"{'feature':<34} {'package':<28} {'recording':<11} {'items':>15} {'ms':>10} {'ns each':>11} {'ours ns':>9} {'times ours':>10}")

    def row(self, feature, package, recording, count, unit, families, call):
        least = float("inf")
        for _ in range(self.rounds):
            begun = time.perf_counter()
            call()
            least = min(least, time.perf_counter() - begun)
        each = least * 1e9 / count
        per = {"minutes": "minute_ns", "beats": "each_ns", "samples": "each_ns"}[unit]
        ours = sum(self.ours[family][per] for family in families) if self.ours else float("nan")
        told = f"{ours:>9.1f} {each / ours:>10.1f}" if self.ours and families else f"{'-':>9} {'-':>10}"
        version = f"{package} {importlib.metadata.version(package)}"
        print(f"{feature:<34} {version:<28} {recording:<11} {count:>7} {unit:>7} {least * 1e3:>10.2f} {each:>11.1f} {told}", flush=True)


def heart(table):
    rr_ms = load("rr/rr_nsr003.csv.gz")["rr_ms"]
    windows = five_minutes(rr_ms)[:60]
    beats = sum(len(window) for window in windows)
    hrv = importlib.import_module("hrvanalysis")
    lists = [window.tolist() for window in windows]
    row = lambda feature, package, families, call: table.row(feature, package, "rr_nsr003", beats, "beats", families, call)
    row("time domain, 5 min", "hrv-analysis", ["beats cleaned, time domain"], lambda: [hrv.get_time_domain_features(w) for w in lists])
    row("Welch, 5 min", "hrv-analysis", [], lambda: [hrv.get_frequency_domain_features(w, method="welch") for w in lists])
    nolds = importlib.import_module("nolds")
    boxes = list(range(4, 17))
    welch = lambda w: hrv.get_frequency_domain_features(w, method="welch")
    entropy = lambda w: nolds.sampen(w, emb_dim=2, tolerance=0.2 * np.std(w, ddof=1))
    scaling = lambda w: nolds.dfa(w, nvals=boxes, overlap=False, order=1)
    row("sample entropy and DFA, 5 min", "nolds", [], lambda: [(entropy(w), scaling(w)) for w in windows])
    row("Welch, entropy and DFA, 5 min", "nolds", ["spectra, entropy, DFA"], lambda: [(welch(l), entropy(w), scaling(w)) for l, w in zip(lists, windows)])
    neurokit = importlib.import_module("neurokit2")
    first = rr_ms[:10_000]
    peaks = np.cumsum(np.concatenate([[0], first])).astype(int)
    table.row("artefacts", "neurokit2", "rr_nsr003", len(first), "beats", ["artefacts"],
              lambda: neurokit.signal_fixpeaks(peaks, sampling_rate=1000, iterative=False, method="Kubios"))


def phase(table):
    models = importlib.import_module("circadian.models")
    recording = load("actigraphy/act10.csv.gz")
    lux = minutes(recording["epoch_ms"], recording["lux"], mean=True)
    lux = lux[-(-(int(recording["epoch_ms"][0]) // 60000) % DAY) % DAY:][:7 * DAY]
    hours = np.arange(len(lux)) / 60
    run = lambda: [getattr(models, name)()(hours, input=lux) for name in ("Forger99", "Jewett99", "Hannay19", "Hannay19TP")]
    table.row("phase, four models", "circadian", "act10", len(lux), "minutes", [], run)
    esri = importlib.import_module("circadian.metrics").esri
    both = lambda: (run(), esri(hours, lux, analysis_days=4, esri_dt=24.0))
    table.row("phase, four models, and ESRI", "circadian", "act10", len(lux), "minutes", ["phase: four models, ESRI"], both)


def raw(table):
    recording = load("imu/imu01_30hz.csv.gz")
    samples = np.ascontiguousarray(np.column_stack([recording[axis] for axis in ("x_g", "y_g", "z_g")]))
    metrics = importlib.import_module("skdh.activity.metrics")
    three = lambda: [metric(samples, wlen=150, fs=30.0) for metric in (metrics.metric_enmo, metrics.metric_mad, metrics.metric_anglez)]
    row = lambda feature, package, families, call: table.row(feature, package, "imu01_30hz", len(samples), "samples", families, call)
    row("ENMO, MAD, angle-z", "scikit-digital-health", ["ENMO, MAD, angle-z"], three)
    counts = importlib.import_module("skdh.utility").get_activity_counts
    stamps = recording["t_ms"] / 1000
    row("ActiGraph counts", "scikit-digital-health", ["ActiGraph counts"], lambda: counts(30.0, stamps, samples, epoch_seconds=10))


def cosinor(table):
    api = importlib.import_module("statsmodels.api")
    recording = load("actigraphy/act10.csv.gz")
    counts = minutes(recording["epoch_ms"], recording["counts"], mean=False)[:7 * DAY]
    angle = 2 * np.pi * (np.arange(len(counts)) + 0.5) / DAY

    def fits():
        for k in (1, 2, 3):
            waves = [wave(j * angle) for j in range(1, k + 1) for wave in (np.cos, np.sin)]
            api.OLS(counts, np.column_stack([np.ones_like(angle), *waves])).fit()

    table.row("cosinor, K = 1, 2, 3, 7 days", "statsmodels", "act10", len(counts), "minutes", [], fits)


def actigraphy(table):
    pyactigraphy = importlib.import_module("pyActigraphy")
    pandas = importlib.import_module("pandas")
    recording = load("actigraphy/act10.csv.gz")
    counts = minutes(recording["epoch_ms"], recording["counts"], mean=False)[:7 * DAY]
    index = pandas.date_range("2019-02-21", periods=len(counts), freq="1min")
    series = pandas.Series(counts, index=index)
    raw = pyactigraphy.io.BaseRaw(name="act10", uuid="act10", format="CSV", axial_mode=None, start_time=index[0],
                                  period=index[-1] - index[0], frequency=pandas.Timedelta("1min"), data=series, light=None)
    row = lambda feature, families, call: table.row(feature, "pyActigraphy", "act10", len(counts), "minutes", families, call)
    rhythm = lambda: (raw.IS(binarize=False), raw.IV(binarize=False), raw.RA(binarize=False), raw.L5(binarize=False), raw.M10(binarize=False))
    row("IS, IV, RA, L5, M10, 7 days", [], rhythm)
    row("Cole-Kripke", ["Cole-Kripke"], lambda: raw.CK())
    row("Sadeh", ["Sadeh"], lambda: raw.Sadeh())
    row("rest bouts (Roenneberg)", ["MASDA"], lambda: raw.Roenneberg())
    row("SRI (Cole-Kripke)", [], lambda: raw.SleepRegularityIndex(freq="1min", algo="CK"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=pathlib.Path, help="what `zeitgeber bench --rhythm --json` printed")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ours = args.ours and {family["name"]: family for family in json.loads(args.ours.read_text())["families"]}
    table = Table(args.rounds, ours)
    for part in (heart, phase, raw, cosinor, actigraphy):
        try:
            part(table)
        except ImportError as missing:
            print(f"{part.__name__}: left out, {missing}")


if __name__ == "__main__":
    main()
