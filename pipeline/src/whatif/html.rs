//! A report as one HTML file that needs nothing else: tables, pictures, and the report as JSON.

use std::fmt::Write;

use zeitgeber_processors::evaluation::{Answer, Told, intervals::Interval};

use super::{FlipsTold, Report, pictures};
use crate::{
    ope::Valuation,
    plot::{self, DrawError},
    query::time_text,
};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:76rem;margin:2rem auto;\
padding:0 1rem;color:#1e1e1e}table{border-collapse:collapse;margin:.7rem 0}td,th{padding:.15rem \
.7rem;border-bottom:1px solid #ddd;text-align:left}td.n{text-align:right;font-variant-numeric:\
tabular-nums}code{font-size:13px}svg{max-width:100%;height:auto}.promote,.pass{color:#00704a}\
.reject,.refuse{color:#b03a00}.warn{color:#8a6100}";

/// Writes a report.
///
/// # Errors
///
/// A picture cannot be drawn.
pub fn html(report: &Report) -> Result<String, DrawError> {
    let mut page = Document::begin(&format!("What if: {}", report.candidate.version));
    head(&mut page, report);
    flips(&mut page, &report.flips);
    value(&mut page, report);
    page.raw("<h2>Pictures</h2>");
    page.raw(&plot::svg(&pictures::page(report))?);
    checks(&mut page, &report.value);
    let json = serde_json::to_string(report).unwrap_or_default();
    // No text inside can end the element.
    let json = json.replace('<', "\\u003c");
    page.raw(&format!("<script type=\"application/json\" id=\"report\">{json}</script>"));
    page.raw("</body></html>\n");
    Ok(page.0)
}

/// The text so far.
struct Document(String);

impl Document {
    fn begin(title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style></head><body><h1>{title}</h1>"
        ))
    }

    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
        self.0.push('\n');
    }

    fn line(&mut self, text: &str) {
        self.raw(&format!("<p>{}</p>", escaped(text)));
    }

    /// A table; cells that begin with a digit or a sign stand to the right.
    fn table(&mut self, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.raw("<table><tr>");
        headings.iter().for_each(|heading| self.raw(&format!("<th>{}</th>", escaped(heading))));
        self.raw("</tr>");
        for row in rows {
            self.0.push_str("<tr>");
            for cell in row {
                let is_number = cell.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c))
                    && cell.len() < 32;
                let class = if is_number { " class=\"n\"" } else { "" };
                let _ = write!(self.0, "<td{class}>{}</td>", escaped(&cell));
            }
            self.raw("</tr>");
        }
        self.raw("</table>");
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn head(page: &mut Document, report: &Report) {
    let Report { log, candidate, seed, resamples, .. } = report;
    let by = log.configurations.iter().map(|(version, count)| format!("{count} by {version}"));
    let rows = [
        ("log", log.log_id.clone()),
        ("head", log.head.clone()),
        ("events", format!("{} in {} partitions", log.events, log.partitions)),
        ("decisions", format!("{} to {}", time_text(log.first_ms), time_text(log.last_ms))),
        ("made by", by.collect::<Vec<_>>().join(", ")),
        ("person", log.person.clone().unwrap_or_else(|| "everybody".into())),
        ("candidate", format!("{} ({})", candidate.version, candidate.blake3)),
        ("seed", format!("{seed}, {resamples} resamples")),
    ];
    page.table(&["", ""], rows.map(|(name, text)| vec![name.to_owned(), text]));
    if candidate.changes.is_empty() {
        page.line("The candidate is the log's last configuration.");
        return;
    }
    page.raw("<h2>What the candidate changes</h2>");
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    let changes = candidate.changes.iter();
    let rows =
        changes.map(|one| vec![one.key.clone(), value(&one.incumbent), value(&one.candidate)]);
    page.table(&["key", "log", "candidate"], rows);
}

fn flips(page: &mut Document, flips: &FlipsTold) {
    page.raw("<h2>Decisions that turn</h2>");
    let of = |part: u64| percent(part as f64 / flips.decisions.max(1) as f64);
    page.line(&format!(
        "{} of {} decisions turn ({}), of {} of {} persons; another arm is preferred in {}, others \
         are eligible in {}, some probability differs in {}; mean total variation {:.4}; {} could \
         not be made again.",
        flips.flips,
        flips.decisions,
        of(flips.flips),
        flips.persons_flipped,
        flips.persons,
        flips.preferred,
        flips.eligibility,
        flips.changed,
        flips.moved,
        flips.not_remade
    ));
    if flips.flips == 0 {
        return;
    }
    let causes = flips.causes.iter();
    let rows = causes.map(|(cause, count)| vec![cause.name().to_owned(), count.to_string()]);
    page.table(&["why", "decisions"], rows);
    let rows = flips.turns.iter().map(|turn| {
        let examples = turn
            .examples
            .iter()
            .map(|one| format!("{} ({}, {})", one.decision_id, one.person, one.cause.name()));
        let examples = examples.collect::<Vec<_>>().join("; ");
        let (from, to) = (turn.from.clone(), turn.to.clone());
        vec![from, to, turn.count.to_string(), format!("explain {examples}")]
    });
    page.table(&["from", "to", "decisions", "for example"], rows);
    let rows = flips.people.iter().map(|one| {
        vec![format!("{} ", one.person), one.decisions.to_string(), one.flips.to_string()]
    });
    page.table(&["person", "decisions", "turn"], rows);
}

fn value(page: &mut Document, report: &Report) {
    let Report { value, awaited, missing_is_zero, .. } = report;
    let verdict = value.verdict.name();
    page.raw(&format!("<h2>Value, off policy: <span class=\"{verdict}\">{verdict}</span></h2>"));
    let missing = if *missing_is_zero { "counts as 0" } else { "is left out" };
    page.line(&format!(
        "{} decisions of {} persons; {awaited} more await their outcome; one without feedback \
         {missing}.",
        value.rows, value.persons
    ));
    match &value.answer {
        Answer::Refused { reasons, decisions_needed } => {
            page.line("Refused: the log cannot carry an estimate.");
            let rows = reasons.iter();
            let rows = rows.map(|one| vec![one.check.name().to_owned(), one.what.clone()]);
            page.table(&["check", "why"], rows);
            if let Some(needed) = decisions_needed {
                page.line(&format!(
                    "About {needed:.0} decisions like these would give 50 effective ones."
                ));
            }
        }
        Answer::Told(told) => estimates(page, told),
    }
}

fn estimates(page: &mut Document, told: &Told) {
    let interval = |of: Option<Interval>| match of {
        Some(Interval { low, high }) => format!("{low:.5} to {high:.5}"),
        None => "-".into(),
    };
    let rows = told.estimates.iter().map(|one| {
        vec![
            one.estimator.name().to_owned(),
            format!("{:.5}", one.value),
            interval(Some(one.normal)),
            interval(one.bootstrap),
            format!("{:+.5}", one.difference.value),
            interval(Some(one.difference.interval())),
        ]
    });
    let headings =
        ["estimator", "value", "95 % (influence)", "95 % (bootstrap)", "less incumbent", "95 %"];
    page.table(&headings, rows);
    page.line(&format!("Incumbent: {:.5} ± {:.5}.", told.incumbent, told.incumbent_se));
    page.line(&format!("Empirical Bernstein: {}.", interval(told.bounds)));
    page.line(&format!("Confidence sequence: {}.", interval(told.anytime)));
    if let Some(found) = told.sensitivity {
        let (share, range) = (percent(found.error), interval(Some(found.range)));
        page.line(&format!("SNIPS if propensities were wrong by {share}: {range}."));
    }
    for (estimator, why) in &told.left_out {
        page.line(&format!("{} is not told: {why}", estimator.name()));
    }
    if let Some(needed) = told.decisions_needed {
        page.line(&format!(
            "A difference like this would be clear after about {needed:.0} decisions."
        ));
    }
}

fn checks(page: &mut Document, value: &Valuation) {
    page.raw("<h2>Checks</h2><table>");
    for one in &value.findings {
        let (level, check) = (one.level.name(), one.check.name());
        let what = escaped(&one.what);
        page.raw(&format!(
            "<tr><td class=\"{level}\">{level}</td><td>{check}</td><td>{what}</td></tr>"
        ));
    }
    page.raw("</table><h2>Arms, hours, drivers</h2>");
    let rows = value.arms.iter().map(|arm| {
        vec![
            arm.name.clone(),
            percent(arm.of.logged),
            arm.of.expected.map_or_else(|| "-".into(), percent),
            percent(arm.of.target),
            format!("{:.1}", arm.of.ess),
            percent(arm.of.missing),
        ]
    });
    page.table(&["arm", "logged", "expected", "candidate", "effective", "no feedback"], rows);
    let rows = value.segments.iter().map(|hour| {
        vec![
            hour.name.clone(),
            hour.of.rows.to_string(),
            format!("{:.1}", hour.of.ess),
            format!("{:.3}", hour.of.mean_weight),
            format!("{:.2}", hour.of.max_weight),
        ]
    });
    page.table(&["hour", "decisions", "effective", "mean weight", "greatest weight"], rows);
    let rows = value.drivers.iter().map(|driver| {
        vec![
            driver.of.id.to_string(),
            driver.name.clone(),
            format!("{:.2}", driver.of.weight),
            format!("{:.4}", driver.of.reward),
            percent(driver.of.share),
        ]
    });
    page.table(&["driving decision", "arm", "weight", "reward", "share of the variance"], rows);
}
