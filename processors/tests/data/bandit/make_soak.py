"""Writes soak_million.json: schema soak/1, a million outcomes of ten features.

Sums in Python's integers, scores by elimination in exact fractions: nothing is shared with the
program. Before it writes it makes every case of soak_dev.json anew and compares all its values, so
that the generator is known to be the one described there. Run it in this directory; its output
never changes.
"""
import decimal, fractions, hashlib, json, struct

MASK = (1 << 64) - 1
decimal.getcontext().prec = 60


def outputs(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        yield ((z ^ z >> 31) >> 51) - 4096


def steps(seed, d):
    stream, weights = outputs(seed), [37 * j % 17 - 8 for j in range(d)]
    while True:
        x = [next(stream) for _ in range(d)]
        noise = next(stream)
        x[0] = 4096
        x[d - 1] = x[1] + (x[d - 1] >> 7)
        signal = sum(c * v for c, v in zip(weights, x)) >> 4
        yield x, max(-32768, min(32767, signal + (noise >> 2)))


def solve(rows, right):
    d = len(rows)
    m = [[fractions.Fraction(v) for v in row] + [fractions.Fraction(v)] for row, v in zip(rows, right)]
    for k in range(d):
        for i in range(d):
            if i != k:
                f = m[i][k] / m[k][k]
                m[i] = [u - f * v for u, v in zip(m[i], m[k])]
    return [m[i][d] / m[i][i] for i in range(d)]


def sha(values):
    return hashlib.sha256(struct.pack(f"<{len(values)}q", *values)).hexdigest()


def case(name, seed, d, n, lambda_log2, alpha):
    stream = steps(seed, d)
    a, b = [[0] * (i + 1) for i in range(d)], [0] * d
    pairs = [(i, j) for i in range(d) for j in range(i + 1)]
    for step in range(n):
        x, r = next(stream)
        if step == 0:
            first = (x, r)
        for i, j in pairs:
            a[i][j] += x[i] * x[j]
        for i in range(d):
            b[i] += r * x[i]
    lower = [v for row in a for v in row]
    unit = 4096**2
    ridge = fractions.Fraction(2) ** lambda_log2 * unit
    system = [[a[max(i, j)][min(i, j)] + (ridge if i == j else 0) for j in range(d)] for i in range(d)]
    theta = solve(system, b)
    probes = []
    for _ in range(8):
        x = next(stream)[0]
        mean = sum(t * v for t, v in zip(theta, x)) / 4096
        square = sum(u * v for u, v in zip(solve(system, x), x))
        root = (decimal.Decimal(square.numerator) / decimal.Decimal(square.denominator)).sqrt()
        ucb = decimal.Decimal(mean.numerator) / mean.denominator + decimal.Decimal(alpha) * root
        probes.append({"mean": float(mean), "width": float(root), "ucb": float(ucb)})
    return {
        "name": name, "seed": seed, "d": d, "n": n, "lambda_log2": lambda_log2, "alpha": alpha,
        "A_int_sha256_le_i64_lower_rows": sha(lower), "b_int_sha256_le_i64": sha(b),
        "A_int_00": a[0][0], "A_int_last": lower[-1], "b_int_0": b[0],
        "first_x": first[0], "first_r": first[1], "probes": probes,
    }


dev = json.load(open("soak_dev.json"))
for known in dev["cases"]:
    again = case(*(known[key] for key in ("name", "seed", "d", "n", "lambda_log2", "alpha")))
    for key, value in known.items():
        if key != "probes":
            assert again[key] == value, (key, again[key], value)
    for one, other in zip(again["probes"], known["probes"], strict=True):
        for key in ("mean", "width", "ucb"):
            assert abs(one[key] - other[key]) <= 1e-14 + 1e-14 * abs(other[key]), (key, one, other)

million = {
    "schema": "soak/1",
    "generator": dev["generator"],
    "tolerance": dev["tolerance"],
    "cases": [case("million10", 20261122, 10, 1_000_000, -4, 0.5)],
}
with open("soak_million.json", "w") as file:
    json.dump(million, file, indent=1)
    file.write("\n")
