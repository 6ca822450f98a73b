//! `zeitgeber plot`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::builder::PossibleValuesParser;
use zeitgeber::{
    plot::{self, Picture, subject::Subject},
    query::{self, MomentError, Range},
};
use zeitgeber_schemas::person_key;

use super::{
    Failure,
    recording::RecordingArgs,
    say,
    target::{Source, Target},
};

/// Draw a recording, or a person of a log, as SVG or PNG
///
/// All pictures that there is data for, on one page: actogram, mean 24-hour profile, circadian
/// phase, RR tachogram, Poincaré plot, spectrum, sleepiness with its forecast, vitality. Values are
/// those of `analyze` and `report`. Local time is the recording's own clock, or the person's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber plot watch.csv --out watch.svg
  zeitgeber plot polar.txt --column rr=RR_interval --picture poincare --out polar.png
  zeitgeber plot u09 --data-dir DIR --out u09.png
  zeitgeber plot u09 --data-dir DIR --from 2024-05-01 --picture actogram --out week.svg")]
pub(super) struct Args {
    /// A person's id where --data-dir or --journal names the log, else a recording (`-` is standard
    /// input)
    #[arg(value_name = "USER|FILE")]
    what: String,
    /// The picture's file: `.svg` or `.png` (2,400 pixels wide)
    #[arg(long, value_name = "FILE", value_parser = picture_file)]
    out: PictureFile,
    /// Only this picture (repeatable)
    #[arg(long = "picture", value_name = "NAME", value_parser = PossibleValuesParser::new(
        Picture::ALL.map(Picture::as_str)))]
    pictures: Vec<String>,
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    target: Target,
    /// The person's tenant
    #[arg(long, default_value = "default", help_heading = "Of a person")]
    tenant: String,
    /// First instant, by event time: RFC 3339, a date (UTC), or ms since 1970
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true,
        help_heading = "Of a person")]
    from: Option<i64>,
    /// End, itself left out, in the same forms
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true,
        help_heading = "Of a person")]
    until: Option<i64>,
}

/// Where a picture goes, and as what.
#[derive(Debug, Clone)]
struct PictureFile {
    path: PathBuf,
    is_png: bool,
}

fn picture_file(text: &str) -> Result<PictureFile, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => Ok(PictureFile { path, is_png: false }),
        Some("png") => Ok(PictureFile { path, is_png: true }),
        _ => Err("give a name that ends in .svg or .png, which says what is drawn".into()),
    }
}

fn time(text: &str) -> Result<i64, MomentError> {
    query::parse_time(text)
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let subject = subject(args)?;
    let wanted: Vec<Picture> = args.pictures.iter().filter_map(|name| Picture::of(name)).collect();
    let page = plot::page(&subject, &wanted)?;
    let PictureFile { path, is_png } = &args.out;
    let drawn = if *is_png { plot::png(&page)? } else { plot::svg(&page)?.into_bytes() };
    fs::write(path, drawn).map_err(|error| {
        format!("could not write {}: {error}; name another file with --out", path.display())
    })?;
    let titles: Vec<&str> = page.panels.iter().map(|panel| panel.title.as_str()).collect();
    say::note(&format!("{}: {}", path.display(), titles.join("; ")));
    Ok(ExitCode::SUCCESS)
}

fn subject(args: &Args) -> Result<Subject, Failure> {
    let file = Path::new(&args.what);
    let is_file = args.what == "-" || file.is_file();
    if !args.target.is_named() && (is_file || !Target::is_set()) {
        if args.from.is_some() || args.until.is_some() {
            return Err("--from and --until choose from a person's log; a recording is drawn \
                        whole: cut the file"
                .into());
        }
        return Subject::recording(file, &args.recording.hints()).map_err(|error| {
            if is_file {
                return error.into();
            }
            let what = &args.what;
            format!("{error}; where {what} is a person, name the log with --data-dir DIR").into()
        });
    }
    let all = Range::default();
    let range =
        Range { from_ms: args.from.unwrap_or(all.from_ms), to_ms: args.until.unwrap_or(all.to_ms) };
    match &args.target.source()? {
        Source::Log(store) => {
            let key = person_key(&args.tenant, &args.what);
            Ok(Subject::person(&*store.journal(), range, &key)?)
        }
        Source::Service(_) => {
            Err("pictures are drawn from the log itself: name it with --data-dir or --journal"
                .into())
        }
    }
}
