//! `zeitgeber plot`: what is drawn stands where the data say, the same each time, and what cannot
//! be drawn is refused with what to do.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use zeitgeber_tests::{command, dir, refused, repository, run, zeitgeber};

/// Colours of what is looked for.
const REST: &str = "#56B4E9";
const NO_DATA: &str = "#ECECEC";
const SLEEP_DAY_MS: i64 = 1_714_521_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;
/// Pixels of an SVG for each one shown, by which places may be off.
const ROUNDING: f64 = 2.0;

fn plot() -> Command {
    let mut command = zeitgeber();
    command.arg("plot");
    command
}

fn data(name: &str) -> PathBuf {
    repository("processors/tests/data/rhythm").join(name)
}

/// Draws a recording as SVG.
fn svg(recording: &Path, arguments: &[&str]) -> String {
    let dir = dir();
    let out = dir.path().join("out.svg");
    run(plot().arg(recording).args(arguments).arg("--out").arg(&out));
    fs::read_to_string(out).expect("the picture was written")
}

/// Rectangles of a colour: x, y, width and height.
fn boxes(svg: &str, colour: &str) -> Vec<[f64; 4]> {
    let lines = svg.lines().filter(|line| line.starts_with("<rect") && line.contains(colour));
    lines.map(|line| ["x", "y", "width", "height"].map(|name| number(line, name))).collect()
}

fn number(line: &str, name: &str) -> f64 {
    let (_, rest) = line.split_once(&format!(" {name}=\"")).expect("it has the attribute");
    rest.split('"').next().and_then(|text| text.parse().ok()).expect("it is a number")
}

/// The rows' dates.
fn dates(svg: &str) -> Vec<&str> {
    let is_date = |line: &&str| {
        let (day, date) = line.split_once(' ').unwrap_or_default();
        day.len() == 3 && date.len() == 10 && date.matches('-').count() == 2
    };
    svg.lines().map(str::trim).filter(is_date).collect()
}

fn write(dir: &Path, header: &str, rows: impl Iterator<Item = String>) -> PathBuf {
    let file = dir.join("recording.csv");
    let text: String = std::iter::once(header.to_owned()).chain(rows).collect();
    fs::write(&file, text).expect("there is room");
    file
}

#[test]
fn a_night_stands_at_its_hours_in_both_of_its_rows() {
    let dir = dir();
    let night = |n: i64| {
        let midnight = SLEEP_DAY_MS + n * DAY_MS;
        format!("{},{}\n", midnight - 60 * MINUTE_MS, midnight + 7 * 60 * MINUTE_MS)
    };
    let file = write(dir.path(), "sleep_ms,wake_ms\n", (1..=3).map(night));
    let svg = svg(&file, &["--picture", "actogram"]);
    assert_eq!(
        dates(&svg),
        ["Wed 2024-05-01", "Thu 2024-05-02", "Fri 2024-05-03", "Sat 2024-05-04"]
    );
    // The first is the legend's; a night has two parts, each in its row and in the one above.
    let nights = boxes(&svg, REST).split_off(1);
    assert_eq!(nights.len(), 3 * 2 + 3 * 2 - 1, "the first evening has no row above it");
    let left = nights.iter().map(|night| night[0]).fold(f64::INFINITY, f64::min);
    let right = nights.iter().map(|night| night[0] + night[2]).fold(0.0, f64::max);
    let hour = (right - left) / 48.0;
    for [x, _, width, _] in nights {
        let (from, lasts) = ((x - left) / hour, width / hour);
        let within = ROUNDING / hour;
        let expected = [(0.0, 7.0), (23.0, 1.0), (24.0, 7.0), (47.0, 1.0)];
        let fits =
            |(at, long): &(f64, f64)| (from - at).abs() < within && (lasts - long).abs() < within;
        assert!(expected.iter().any(fits), "from {from} for {lasts} h");
    }
}

#[test]
fn a_gap_is_shown_as_a_gap_and_rows_go_by_the_day() {
    let dir = dir();
    let is_there = |minute: &i64| !(1_440 + 360..1_440 + 720).contains(minute);
    let rows = (0..4 * 1_440)
        .filter(is_there)
        .map(|minute| format!("{},{}\n", SLEEP_DAY_MS + minute * MINUTE_MS, 5 + minute * 7 % 90));
    let file = write(dir.path(), "epoch_ms,counts\n", rows);
    let svg = svg(&file, &["--picture", "actogram"]);
    assert_eq!(dates(&svg).len(), 4);
    let pale = boxes(&svg, NO_DATA).split_off(1);
    let [right_of_last, gaps] =
        [|wide: f64| wide > 0.9, |wide: f64| wide <= 0.9].map(|is: fn(f64) -> bool| {
            let widest = pale.iter().map(|gap| gap[2]).fold(0.0, f64::max);
            pale.iter().filter(|gap| is(gap[2] / widest)).collect::<Vec<_>>()
        });
    assert_eq!(right_of_last.len(), 1, "nothing comes after the last day");
    let day = right_of_last[0][2];
    assert_eq!(gaps.len(), 2, "the gap stands in its own row and in the one above");
    for gap in &gaps {
        assert!((gap[2] / day - 0.25).abs() < 0.01, "six hours: {gap:?} of {day}");
    }
    assert!((gaps[0][0] - gaps[1][0]).abs() / day > 0.99, "a day apart");
}

#[test]
fn the_same_recording_gives_the_same_bytes_and_every_picture_that_it_has() {
    let file = data("actigraphy/act10.csv.gz");
    let first = svg(&file, &[]);
    assert_eq!(first, svg(&file, &[]));
    for title in ["Actogram", "Mean 24-hour profile", "Circadian phase", "Predicted sleepiness"] {
        assert!(first.contains(title), "{title}");
    }
    assert!(first.starts_with("<svg width=\"1200\" ") && first.trim_end().ends_with("</svg>"));
    assert!(!first.contains("NaN") && !first.contains("inf"));
    let heart = svg(&data("rr/rr_nsr003.csv.gz"), &[]);
    for title in ["RR tachogram", "Poincaré plot", "Spectrum"] {
        assert!(heart.contains(title), "{title}");
    }
    assert!(!heart.contains("Actogram"));
    let one = svg(&data("rr/rr_rest.csv"), &["--picture", "poincare"]);
    assert!(one.contains("Poincaré plot") && !one.contains("RR tachogram"));
    assert!(one.contains("884 pairs"), "those that `analyze` takes differences of");
}

#[test]
fn numbers_in_a_picture_are_those_of_the_analysis() {
    let file = data("actigraphy/act11.csv.gz");
    let told = zeitgeber_tests::json(zeitgeber().arg("analyze").arg(&file).arg("--json"));
    let features = &told[0]["features"];
    let worn = &features["wear_minutes"];
    let rhythm = if worn["extremes"].is_null() { &features["all_minutes"] } else { worn };
    let is = rhythm["is"].as_f64().expect("it has two days");
    let svg = svg(&file, &["--picture", "profile"]);
    assert!(svg.contains(&format!("IS {is:.3}, ")), "{is}");
}

/// Width, height and pixels of a PNG whose rows may be filtered.
fn png(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = fs::read(path).expect("the picture was written");
    assert_eq!(&file[1..4], b"PNG");
    let word = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let (mut at, mut packed) = (8, Vec::new());
    while at < file.len() {
        let length = word(at) as usize;
        if &file[at + 4..at + 8] == b"IDAT" {
            packed.extend_from_slice(&file[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    let mut rows = Vec::new();
    flate2::read::ZlibDecoder::new(&*packed).read_to_end(&mut rows).expect("it is packed");
    (word(16), word(20), rows)
}

#[test]
fn a_png_is_as_large_as_it_says_and_not_blank() {
    let (dir, file) = (dir(), data("light/light01.csv.gz"));
    let out = dir.path().join("out.PNG");
    run(plot().arg(&file).arg("--out").arg(&out));
    let (width, height, rows) = png(&out);
    let shown = number(svg(&file, &[]).lines().next().expect("it has a head"), "height");
    assert_eq!((width, f64::from(height)), (2_400, 2.0 * shown));
    assert_eq!(rows.len(), height as usize * (1 + 3 * width as usize));
    let drawn = rows.chunks(1 + 3 * width as usize).filter(|row| row[1..].iter().any(|b| *b != 0));
    assert!(drawn.count() > height as usize / 4, "rows that differ from the one above");
}

#[test]
fn a_person_of_a_log_is_drawn_with_what_reached_them() {
    let dir = dir();
    let (log, out) = (dir.path().join("log"), dir.path().join("u11.svg"));
    run(&mut command("demo", &log));
    run(command("plot", &log).args(["u11", "--out"]).arg(&out));
    let svg = fs::read_to_string(&out).expect("the picture was written");
    for what in ["Actogram", "intervention", "light", "Predicted sleepiness", "next 24 h", "now"] {
        assert!(svg.contains(what), "{what}");
    }
    assert_eq!(dates(&svg).first(), Some(&"Mon 2025-03-03"), "by the person's own clock");
    let all = dates(&svg).len();
    let from = ["--from", "2025-03-07", "--picture", "actogram"];
    run(command("plot", &log).args(["u11", "--out"]).arg(&out).args(from));
    let later = fs::read_to_string(&out).expect("the picture was written");
    assert!(dates(&later).len() < all, "days before the range are left out");

    let error = refused(command("plot", &log).args(["u1l", "--out"]).arg(&out));
    assert!(error.contains("nobody called u1l") && error.contains("u11"), "{error}");
}

#[test]
fn what_cannot_be_drawn_is_refused_with_what_to_do() {
    let dir = dir();
    let out = dir.path().join("out.svg");
    let wrong = plot().args(["r.csv", "--out", "r.pdf"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && said.contains(".svg or .png"), "{said}");
    let error = refused(plot().args(["u09", "--out"]).arg(&out));
    assert!(error.contains("u09") && error.contains("--data-dir"), "{error}");
    let noise = data("environment/noise01.csv.gz");
    let error = refused(plot().arg(&noise).arg("--out").arg(&out));
    assert!(error.contains("nothing that a picture is made of"), "{error}");
    let watch = data("actigraphy/act11.csv.gz");
    let error = refused(plot().arg(&watch).args(["--picture", "poincare", "--out"]).arg(&out));
    assert!(error.contains("needs successive") && error.contains("actogram"), "{error}");
    let error = refused(plot().arg(&watch).args(["--from", "2024-05-01", "--out"]).arg(&out));
    assert!(error.contains("cut the file"), "{error}");
    assert!(!out.exists(), "nothing is written");
    let nowhere = dir.path().join("none/out.svg");
    let error = refused(plot().arg(&watch).arg("--out").arg(&nowhere));
    assert!(error.contains("could not write") && error.contains("--out"), "{error}");
}

#[test]
fn a_year_is_drawn_with_a_row_for_each_of_its_days() {
    let dir = dir();
    let rows = (0..365 * 1_440).map(|minute: i64| {
        let awake = (7 * 60..23 * 60).contains(&(minute % 1_440));
        let counts = if awake { 20 + minute * 31 % 400 } else { 0 };
        format!("{},{counts}\n", SLEEP_DAY_MS + minute * MINUTE_MS)
    });
    let file = write(dir.path(), "epoch_ms,counts\n", rows);
    let svg = svg(&file, &["--picture", "actogram"]);
    assert_eq!(dates(&svg).len(), 53, "every seventh day is named");
    let areas = svg.lines().filter(|line| line.starts_with("<polygon")).count();
    assert_eq!(areas, 2 * 365 - 1, "each day in its row and in the one above");
    assert!(svg.len() < 5_000_000, "{} bytes", svg.len());
}
