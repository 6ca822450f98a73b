//! `docs/features.md`, made from the features' own descriptions.

use std::fmt::Write;

use zeitgeber_processors::rhythm::feature::{FAMILIES, Feature, carried_by};

const HEAD: &str = "\
# Features

What the rhythm stage's machines compute, each with its formula, where that comes from, what it was
compared with and how closely it agrees, and when not to trust it. This page is made from the
descriptions beside the code (`processors/src/rhythm`); to make it again:

    ZEITGEBER_BLESS=1 cargo test -p zeitgeber --lib features

`zeitgeber analyze FILE --json` tells most of them of one recording, by these names (`welch_lf` is `lf`
of `welch`; of artefacts it tells their number). KSS, vitality and their parts need several signals of one
person: `zeitgeber status` tells them. `event` names the event of a person's log that carries a feature, where
one does; in a `day_analysed` names are joined by dots (`repaired.welch_lf`, `cole_kripke.sri`). A unit of 1 is a plain number. The recordings and values compared
with lie in `processors/tests/data/rhythm`; the test `rhythm_fixtures` compares each of those values.
";

const TABLE: &str = "\
| name | event | unit | what it tells | formula | window | source | compared with | agrees within | distrust |
|---|---|---|---|---|---|---|---|---|---|
";

/// The whole document.
pub fn document() -> String {
    let mut out = String::from(HEAD);
    for (title, features) in FAMILIES {
        let _ = write!(out, "\n## {title}\n\n{TABLE}");
        for feature in features {
            let Feature { name, unit, meaning, formula, window, .. } = feature;
            let Feature { source, reference, tolerance, distrust, .. } = feature;
            let cells = [unit, meaning, formula, window, source, reference, tolerance, distrust];
            let cells = cells.map(|text| text.replace('|', "\\|")).join(" | ");
            let event = carried_by(title, name).map_or("", |event| event);
            let _ = writeln!(out, "| `{name}` | {event} | {cells} |");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn the_document_of_features_is_what_their_descriptions_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/features.md");
        let now = document();
        if std::env::var_os("ZEITGEBER_BLESS").is_some() {
            fs::write(&path, &now).expect("the document can be written");
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == now, "docs/features.md is stale: make it again as it says at its top");
    }

    #[test]
    fn every_feature_is_described_in_full_and_once_a_family() {
        for (title, features) in FAMILIES {
            let names: BTreeSet<_> = features.iter().map(|feature| feature.name).collect();
            assert_eq!(names.len(), features.len(), "{title}");
            for feature in features {
                let Feature { name, unit, meaning, formula, window, .. } = feature;
                let Feature { source, tolerance, distrust, .. } = feature;
                let all = [name, unit, meaning, formula, window, source, tolerance, distrust];
                assert!(all.iter().all(|text| !text.is_empty()), "{title}: {feature:?}");
            }
        }
    }
}
