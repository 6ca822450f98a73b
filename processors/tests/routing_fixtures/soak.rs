//! Schema `soak/1`: a long generated stream, compared by the hashes of its sums.

use serde_json::Value;
use sha2::{Digest, Sha256};
use zeitgeber_processors::routing::{
    rng::{GAMMA, mix},
    sums::ArmSums,
};

use crate::{
    Verdict,
    json::{GRID, array, float, integer, near, same, text},
};

/// The generator of `soak/1`: 13-bit values from SplitMix64's counter.
struct Stream {
    seed: u64,
    drawn: u64,
    weights: Vec<i64>,
}

impl Stream {
    fn next(&mut self) -> i64 {
        self.drawn += 1;
        (mix(self.seed.wrapping_add(self.drawn.wrapping_mul(GAMMA))) >> 51) as i64 - GRID
    }

    /// One step's features (into `x`) and reward.
    fn step(&mut self, x: &mut [i32]) -> i32 {
        for xj in x.iter_mut() {
            *xj = self.next() as i32;
        }
        let noise = self.next();
        x[0] = GRID as i32;
        let last = x.len() - 1;
        x[last] = x[1] + (x[last] >> 7);
        let signal: i64 = self.weights.iter().zip(x).map(|(c, xj)| c * i64::from(*xj)).sum();
        ((signal >> 4) + (noise >> 2)).clamp(-32_768, 32_767) as i32
    }
}

/// Learns every case's stream and compares sums, hashes and probes.
pub(crate) fn run(fixture: &Value) -> Verdict {
    let cases = array(&fixture["cases"])?;
    for case in cases {
        let name = text(&case["name"])?;
        soak_case(case).map_err(|difference| format!("case {name}: {difference}"))?;
    }
    let outcomes: i64 = cases.iter().filter_map(|case| case["n"].as_i64()).sum();
    Ok(format!("{} cases, {outcomes} outcomes", cases.len()))
}

fn soak_case(case: &Value) -> Result<(), String> {
    let seed = case["seed"].as_u64().ok_or("seed is not a number from 0")?;
    let d = integer(&case["d"])? as usize;
    let weights = (0..d as i64).map(|j| 37 * j % 17 - 8).collect();
    let (mut stream, mut x) = (Stream { seed, drawn: 0, weights }, vec![0; d]);
    let mut sums = ArmSums::new(d);
    for step in 0..integer(&case["n"])? {
        let reward = stream.step(&mut x);
        if step == 0 {
            same("first_x", &x.clone().into(), &case["first_x"])?;
            same("first_r", &reward.into(), &case["first_r"])?;
        }
        sums.learn(&x, reward);
    }
    same("n", &sums.n.into(), &case["n"])?;
    same("A_int_00", &sums.a[0].into(), &case["A_int_00"])?;
    same("A_int_last", &sums.a[sums.a.len() - 1].into(), &case["A_int_last"])?;
    same("b_int_0", &sums.b[0].into(), &case["b_int_0"])?;
    same("hash of A", &sha256(&sums.a).into(), &case["A_int_sha256_le_i64_lower_rows"])?;
    same("hash of b", &sha256(&sums.b).into(), &case["b_int_sha256_le_i64"])?;
    let lambda = 2f64.powi(integer(&case["lambda_log2"])? as i32);
    let (alpha, derived) = (float(&case["alpha"])?, sums.derive(lambda));
    for probe in array(&case["probes"])? {
        stream.step(&mut x);
        let score = derived.score(&x);
        near("mean", score.mean, &probe["mean"], 1e-9, 1e-8)?;
        near("width", score.width, &probe["width"], 1e-9, 1e-8)?;
        near("ucb", score.mean + alpha * score.width, &probe["ucb"], 1e-9, 1e-8)?;
    }
    Ok(())
}

fn sha256(sums: &[i64]) -> String {
    let mut hash = Sha256::new();
    sums.iter().for_each(|sum| hash.update(sum.to_le_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
