//! Readings: what a person's sensors report.

use alloc::vec::Vec;

use crate::{
    FieldSet,
    wire::{
        Malformed, Wire, get_block, get_index, get_long, get_str, put_bytes, put_long, symbols,
        take,
    },
};

symbols! {
    /// The three kinds of reading.
    Kind {
        /// Movement.
        Imu = "imu",
        /// Heart beats.
        Hrv = "hrv",
        /// Light, temperature, noise.
        Environment = "environment",
    }
}

/// The body of a reading, borrowed from its Avro bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadingBody<'a> {
    /// The device that measured; empty where the producer names none.
    pub device_id: &'a str,
    /// History loaded after the fact: it makes analyses and no decisions.
    pub backfill: bool,
    /// The producer sent value fields that no schema version knows; they were left out.
    pub unknown_fields: bool,
    /// What was measured.
    pub values: Values<'a>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// Movement over one epoch, or raw samples.
    Imu(Imu<'a>),
    /// Successive RR intervals that ended before `ts`, ms.
    Hrv(Doubles<'a>),
    /// Surroundings at `ts`.
    Environment(Environment),
}

/// Movement over `[ts - epoch_s, ts)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Imu<'a> {
    /// Activity counts summed over the epoch.
    pub activity_counts: Option<f64>,
    /// Mean Euclidean norm minus one, mg.
    pub enmo_mg: Option<f64>,
    /// Steps in the epoch.
    pub steps: Option<f64>,
    /// Share of the epoch spent lying, 0 to 1.
    pub lying: Option<f64>,
    /// Mean intensity of the epoch (vendor unit).
    pub intensity: Option<f64>,
    /// Epoch length, s.
    pub epoch_s: Option<f64>,
    /// Rate of the raw samples, Hz.
    pub fs_hz: Option<f64>,
    /// Raw acceleration, g: x, y, z of each sample in turn.
    pub acc_g: Doubles<'a>,
    /// Raw angular rate, degrees per second: x, y, z of each sample in turn.
    pub gyro_dps: Doubles<'a>,
}

/// Surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Environment {
    /// Photopic illuminance, lux.
    pub lux: Option<f64>,
    /// Melanopic equivalent daylight illuminance, lux.
    pub medi_lux: Option<f64>,
    /// Temperature, degrees Celsius.
    pub temp_c: Option<f64>,
    /// Sound level, dB.
    pub noise_db: Option<f64>,
    /// Fields that stood in the reading and held no number.
    pub malformed: FieldSet,
}

impl<'a> ReadingBody<'a> {
    /// The field names, in schema order.
    pub const FIELDS: &'static [&'static str] =
        &["device_id", "backfill", "unknown_fields", "values"];

    /// The kind of the reading.
    pub const fn kind(&self) -> Kind {
        match self.values {
            Values::Imu(_) => Kind::Imu,
            Values::Hrv(_) => Kind::Hrv,
            Values::Environment(_) => Kind::Environment,
        }
    }

    /// Appends the Avro form.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.device_id.as_bytes(), out);
        self.backfill.put(out);
        self.unknown_fields.put(out);
        put_long(self.kind() as i64, out);
        match &self.values {
            Values::Imu(imu) => imu.put(out),
            Values::Hrv(rr_ms) => rr_ms.put(out),
            Values::Environment(environment) => environment.put(out),
        }
    }

    /// Takes a body off the front of `from`.
    pub fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self {
            device_id: get_str(from)?,
            backfill: bool::get(from)?,
            unknown_fields: bool::get(from)?,
            values: match Kind::ALL[get_index(from, 3)?] {
                Kind::Imu => Values::Imu(Imu::get(from)?),
                Kind::Hrv => Values::Hrv(Doubles::get(from)?),
                Kind::Environment => Values::Environment(Environment::get(from)?),
            },
        })
    }
}

impl<'a> Imu<'a> {
    /// The field names, in schema order.
    pub const FIELDS: &'static [&'static str] = &[
        "activity_counts",
        "enmo_mg",
        "steps",
        "lying",
        "intensity",
        "epoch_s",
        "fs_hz",
        "acc_g",
        "gyro_dps",
    ];

    fn put(&self, out: &mut Vec<u8>) {
        self.activity_counts.put(out);
        self.enmo_mg.put(out);
        self.steps.put(out);
        self.lying.put(out);
        self.intensity.put(out);
        self.epoch_s.put(out);
        self.fs_hz.put(out);
        self.acc_g.put(out);
        self.gyro_dps.put(out);
    }

    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self {
            activity_counts: Wire::get(from)?,
            enmo_mg: Wire::get(from)?,
            steps: Wire::get(from)?,
            lying: Wire::get(from)?,
            intensity: Wire::get(from)?,
            epoch_s: Wire::get(from)?,
            fs_hz: Wire::get(from)?,
            acc_g: Doubles::get(from)?,
            gyro_dps: Doubles::get(from)?,
        })
    }
}

impl Environment {
    /// The field names, in schema order.
    pub const FIELDS: &'static [&'static str] =
        &["lux", "medi_lux", "temp_c", "noise_db", "malformed"];

    fn put(&self, out: &mut Vec<u8>) {
        self.lux.put(out);
        self.medi_lux.put(out);
        self.temp_c.put(out);
        self.noise_db.put(out);
        put_long(i64::from(self.malformed.0), out);
    }

    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(Self {
            lux: Wire::get(from)?,
            medi_lux: Wire::get(from)?,
            temp_c: Wire::get(from)?,
            noise_db: Wire::get(from)?,
            malformed: FieldSet(u8::try_from(get_long(from)?).map_err(|_| Malformed::Range)?),
        })
    }
}

/// An Avro array of doubles, borrowed as the little-endian bytes of its items.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubles<'a>(&'a [u8]);

impl<'a> Doubles<'a> {
    /// Wraps little-endian bytes; a rest shorter than one item is left out.
    pub const fn from_le_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes.split_at(bytes.len() - bytes.len() % 8).0)
    }

    /// How many items there are.
    pub const fn len(&self) -> usize {
        self.0.len() / 8
    }

    /// Whether there is no item.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f64> + Clone + use<'a> {
        self.0.chunks_exact(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            f64::from_le_bytes(bytes)
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(self.len() as i64, out);
            out.extend_from_slice(self.0);
        }
        out.push(0);
    }

    /// Reads an array written as one block, which is how every encoder of ours writes it.
    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let count = get_block(from)?;
        if count == 0 {
            return Ok(Self(&[]));
        }
        let items = take(from, count.checked_mul(8).ok_or(Malformed::Range)?)?;
        if get_block(from)? == 0 { Ok(Self(items)) } else { Err(Malformed::Range) }
    }
}

impl core::fmt::Debug for Doubles<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
