//! What a recording holds: told by the names of its columns, or said by whoever gives it.

use std::fmt;

/// A kind of recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Activity counts or ENMO, an epoch a row.
    Actigraphy,
    /// RR intervals, a beat a row.
    Rr,
    /// Raw acceleration, a sample a row.
    Imu,
    /// Illuminance.
    Light,
    /// Sound levels.
    Noise,
    /// Nights as somebody wrote them down.
    SleepDiary,
    /// Activity by the hour, of one or many people.
    Hourly,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Actigraphy,
        Self::Rr,
        Self::Imu,
        Self::Light,
        Self::Noise,
        Self::SleepDiary,
        Self::Hourly,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actigraphy => "actigraphy",
            Self::Rr => "rr",
            Self::Imu => "imu",
            Self::Light => "light",
            Self::Noise => "noise",
            Self::SleepDiary => "sleep-diary",
            Self::Hourly => "hourly",
        }
    }

    /// The kind of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What its rows hold: one column out of each group.
    const fn groups(self) -> &'static [&'static [Quantity]] {
        use Quantity::{
            Band500, Band1000, Band2000, Counts, Enmo, Intensity, Level, Lux, MediLux, RrMs, Sleep,
            Wake, X, Y, Z,
        };
        match self {
            Self::Actigraphy => &[&[Counts, Enmo]],
            Self::Rr => &[&[RrMs]],
            Self::Imu => &[&[X], &[Y], &[Z]],
            Self::Light => &[&[MediLux, Lux]],
            Self::Noise => &[&[Level, Band500], &[Band1000, Level], &[Band2000, Level]],
            Self::SleepDiary => &[&[Sleep], &[Wake]],
            Self::Hourly => &[&[Counts, Enmo, Intensity]],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// The start of an epoch, the time of a sample, or that of the beat that ends an interval.
    Time,
    /// Whose row it is.
    Person,
    /// Activity counts summed over the epoch.
    Counts,
    /// Mean ENMO of the epoch, mg.
    Enmo,
    /// A vendor's intensity, summed over the hour.
    Intensity,
    /// RR interval, ms.
    RrMs,
    /// Acceleration, g.
    X,
    /// Acceleration, g.
    Y,
    /// Acceleration, g.
    Z,
    /// Melanopic equivalent daylight illuminance, lux.
    MediLux,
    /// Photopic illuminance, lux.
    Lux,
    /// A-weighted sound level, dB.
    Level,
    /// Octave band level at 500 Hz, dB.
    Band500,
    /// Octave band level at 1 kHz, dB.
    Band1000,
    /// Octave band level at 2 kHz, dB.
    Band2000,
    /// Sleep onset.
    Sleep,
    /// Final awakening.
    Wake,
}

impl Quantity {
    /// All of them, with the names that columns of theirs have, the usual one first.
    pub const NAMES: [(Self, &'static [&'static str]); 17] = [
        (Self::Time, &["epoch_ms", "t_ms", "time", "timestamp", "datetime", "date_time", "ts"]),
        (Self::Person, &["user", "user_id", "person"]),
        (Self::Counts, &["counts", "activity_counts", "activity", "axis1", "pim"]),
        (Self::Enmo, &["enmo_mg", "enmo"]),
        (Self::Intensity, &["intensity"]),
        (Self::RrMs, &["rr_ms", "rr", "rri", "ibi_ms", "ibi", "nn_ms", "nn"]),
        (Self::X, &["x_g", "x", "acc_x"]),
        (Self::Y, &["y_g", "y", "acc_y"]),
        (Self::Z, &["z_g", "z", "acc_z"]),
        (Self::MediLux, &["medi_lux", "medi"]),
        (Self::Lux, &["lux", "light_lux", "light_mean_lux", "light"]),
        (Self::Level, &["level_db", "noise_db", "laeq_db", "db"]),
        (Self::Band500, &["l500_db"]),
        (Self::Band1000, &["l1000_db"]),
        (Self::Band2000, &["l2000_db"]),
        (Self::Sleep, &["sleep_ms", "sleep", "sleep_onset"]),
        (Self::Wake, &["wake_ms", "wake", "wake_up"]),
    ];

    /// What columns of this name hold.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(quantity, _)| *quantity)
    }

    /// The names that its columns have.
    pub fn names(self) -> &'static [&'static str] {
        let found = Self::NAMES.iter().find(|(quantity, _)| *quantity == self);
        found.map_or(&[], |(_, names)| names)
    }

    /// Where its column is.
    pub fn column(self, columns: &[String]) -> Option<usize> {
        let is = |name: &&str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        self.names().iter().find_map(is)
    }
}

/// Which columns hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The kind.
    pub kind: Kind,
    /// The column of times; none where beats follow each other.
    pub time: Option<usize>,
    /// The column that says whose row it is.
    pub person: Option<usize>,
    /// The columns of values.
    pub values: Vec<(Quantity, usize)>,
}

impl Shape {
    /// The shape of a recording with these columns, some of which are said to hold something, and
    /// of this kind where it is said.
    ///
    /// # Errors
    ///
    /// No kind has such columns, or the kind that is said has not.
    pub fn of(
        columns: &[String],
        said: &[(Quantity, usize)],
        kind: Option<Kind>,
        epoch_s: Option<f64>,
    ) -> Result<Self, String> {
        let find = |quantity: Quantity| {
            let said = said.iter().find(|(one, _)| *one == quantity).map(|(_, column)| *column);
            said.or_else(|| quantity.column(columns))
        };
        if let Some(kind) = kind {
            return Self::as_kind(find, kind).ok_or_else(|| missing(columns, kind));
        }
        let order = [Kind::Rr, Kind::Imu, Kind::SleepDiary, Kind::Noise];
        // Whoever measures melanopic light wears a light logger; lux alone comes with any watch.
        let logger = find(Quantity::MediLux).map(|_| Kind::Light);
        let by_epoch = if epoch_s == Some(3600.0) { Kind::Hourly } else { Kind::Actigraphy };
        let order = order.into_iter().chain(logger).chain([by_epoch, Kind::Hourly, Kind::Light]);
        let mut found = order.filter_map(|kind| Self::as_kind(find, kind));
        found.next().ok_or_else(|| {
            let numbered = columns.first().is_some_and(|first| first == "1");
            let example = if numbered { "rr=1" } else { "counts=NAME" };
            format!(
                "its columns ({}) tell no kind of recording: say what they hold with --column \
                 {example}",
                columns.join(", ")
            )
        })
    }

    fn as_kind(find: impl Fn(Quantity) -> Option<usize>, kind: Kind) -> Option<Self> {
        let mut values = Vec::new();
        for group in kind.groups() {
            let found = group.iter().find_map(|one| Some((*one, find(*one)?)))?;
            // A level stands for all bands.
            let again = values.contains(&found) || values.first().is_some_and(is_level);
            if !again {
                values.push(found);
            }
        }
        let time = find(Quantity::Time);
        let needs_time = !matches!(kind, Kind::Rr | Kind::SleepDiary);
        if needs_time && time.is_none() {
            return None;
        }
        Some(Self { kind, time, person: find(Quantity::Person), values })
    }
}

const fn is_level(found: &(Quantity, usize)) -> bool {
    matches!(found, (Quantity::Level, _))
}

fn missing(columns: &[String], kind: Kind) -> String {
    let usual = |one: &Quantity| one.names().first().copied().unwrap_or_default();
    let groups = kind.groups().iter();
    let mut needs: Vec<String> =
        groups.map(|group| group.iter().map(usual).collect::<Vec<_>>().join(" or ")).collect();
    if !matches!(kind, Kind::Rr | Kind::SleepDiary) {
        needs.insert(0, usual(&Quantity::Time).into());
    }
    format!(
        "a recording of kind {kind} needs the columns {}; it has {}. Name others with --column \
         {}=NAME",
        needs.join(", "),
        columns.join(", "),
        usual(kind.groups().first().and_then(|group| group.first()).unwrap_or(&Quantity::Time)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(columns: &str, epoch_s: Option<f64>) -> Option<Kind> {
        let columns: Vec<String> = columns.split(',').map(ToOwned::to_owned).collect();
        Shape::of(&columns, &[], None, epoch_s).ok().map(|shape| shape.kind)
    }

    #[test]
    fn columns_tell_the_kind() {
        for (columns, epoch_s, kind) in [
            ("epoch_ms,counts,lux", Some(30.0), Kind::Actigraphy),
            ("Timestamp,ENMO", None, Kind::Actigraphy),
            ("user,epoch_ms,intensity", Some(3600.0), Kind::Hourly),
            ("epoch_ms,counts", Some(3600.0), Kind::Hourly),
            ("t_ms,rr_ms", None, Kind::Rr),
            ("rr", None, Kind::Rr),
            ("t_ms,x_g,y_g,z_g", None, Kind::Imu),
            ("epoch_ms,medi_lux,light_lux,pim", Some(10.0), Kind::Light),
            ("epoch_ms,l500_db,l1000_db,l2000_db", Some(0.1), Kind::Noise),
            ("time,db", None, Kind::Noise),
            ("bed_ms,sleep_ms,wake_ms", None, Kind::SleepDiary),
        ] {
            assert_eq!(kind_of(columns, epoch_s), Some(kind), "{columns}");
        }
        assert_eq!(kind_of("a,b", None), None);
        assert_eq!(kind_of("counts", None), None, "epochs without times");
    }

    #[test]
    fn the_most_telling_column_is_taken() {
        let columns = ["t_ms", "lux", "medi_lux"].map(String::from);
        let shape = Shape::of(&columns, &[], Some(Kind::Light), None).expect("it has light");
        assert_eq!(shape.values, [(Quantity::MediLux, 2)]);
        let said = [(Quantity::MediLux, 1)];
        let shape = Shape::of(&columns, &said, None, None).expect("it is said");
        assert_eq!(shape.values, [(Quantity::MediLux, 1)], "what is said goes before names");
        let columns = ["time", "level_db", "l500_db", "l1000_db", "l2000_db"].map(String::from);
        let shape = Shape::of(&columns, &[], None, None).expect("it has sound");
        assert_eq!(shape.values, [(Quantity::Level, 1)], "a level stands for all bands");
        let columns = ["t_ms", "lux", "medi_lux"].map(String::from);
        let error = Shape::of(&columns, &[], Some(Kind::Actigraphy), None).expect_err("no counts");
        assert!(error.contains("epoch_ms, counts or enmo_mg"), "{error}");
    }
}
