//! What a command line says of a recording beforehand.

use clap::builder::PossibleValuesParser;
use zeitgeber::analyze::{
    Hints,
    kind::{Kind, Quantity},
    recording::LayoutHints,
};
use zeitgeber_schemas::Scale;

/// What recordings hold, and how they are laid out.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Of a recording")]
pub(super) struct RecordingArgs {
    /// What they hold, where the columns do not tell or tell several things
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)))]
    kind: Option<String>,
    /// A column that has another name: one of the names above, `=`, its own (repeatable)
    #[arg(long = "column", value_name = "HOLDS=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// Time from one row to the next, s
    #[arg(long, value_name = "S")]
    epoch: Option<f64>,
    /// How the device scales counts: decides which scorers of sleep apply
    #[arg(long, default_value = "unknown", value_parser = PossibleValuesParser::new(
        Scale::ALL.iter().map(|scale| scale.as_str()).collect::<Vec<_>>()))]
    scale: String,
    /// The delimiter, one character
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The first row is data; columns are called 1, 2 and so on
    #[arg(long)]
    no_header: bool,
}

impl RecordingArgs {
    /// Whether it is said what they hold.
    pub(super) const fn has_kind(&self) -> bool {
        self.kind.is_some()
    }

    /// The same for whoever reads the recording.
    pub(super) fn hints(&self) -> Hints {
        Hints {
            layout: LayoutHints { delimiter: self.delimiter, no_header: self.no_header },
            kind: self.kind.as_deref().and_then(Kind::of),
            columns: self.columns.clone(),
            epoch_s: self.epoch,
            scale: Scale::from_symbol(&self.scale).unwrap_or(Scale::Unknown),
        }
    }
}

fn column(text: &str) -> Result<(String, String), String> {
    let (holds, name) = text.split_once('=').ok_or("write HOLDS=NAME, for example counts=ZCM")?;
    if Quantity::of(holds).is_none() {
        let known: Vec<&str> =
            Quantity::NAMES.iter().flat_map(|(_, names)| *names).copied().collect();
        return Err(format!("{holds:?} is nothing that columns hold; known: {}", known.join(", ")));
    }
    Ok((holds.to_owned(), name.to_owned()))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if one.is_ascii() => Ok(*one),
        b"\\t" => Ok(b'\t'),
        _ => Err("write one character, `\\t` for a tab".into()),
    }
}
