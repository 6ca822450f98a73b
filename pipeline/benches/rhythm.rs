//! What the rhythm stage costs, a row for each family of features.
//!
//! `cargo bench -p zeitgeber --no-default-features --bench rhythm`; `zeitgeber bench --rhythm`
//! prints the same.

use zeitgeber::bench::rhythm;

fn main() {
    print!("{}", rhythm::run(|what| eprintln!("{what}")).table());
}
