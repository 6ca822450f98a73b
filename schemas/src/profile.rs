//! Profiles: what a person, or somebody for them, tells about themselves.

use alloc::{string::String, vec::Vec};

use crate::wire::{record, symbols};

symbols! {
    /// How a device scales activity counts, which decides the sleep scoring that applies.
    Scale {
        /// Not known; only scale-free methods apply.
        Unknown = "unknown",
        /// ActiGraph counts.
        Actigraph = "actigraph",
        /// Actiwatch counts.
        Actiwatch = "actiwatch",
    }
}

record! {
    /// From an instant on, local time is UTC plus an offset.
    OffsetChange {
        /// The instant, ms UTC.
        from_ms: i64,
        /// The offset from then on, minutes.
        offset_min: i32,
    }
}

record! {
    /// A person's profile. Each one replaces the one before.
    ProfileBody {
        /// IANA zone name, where one was given. The door resolved it to `offsets`.
        zone: Option<String>,
        /// Version of the time zone database that resolved it.
        tzdb: Option<String>,
        /// Offset before the first change, minutes east of UTC.
        offset_min: i32,
        /// Later offsets, by instant.
        offsets: Vec<OffsetChange>,
        /// Usual sleep onset, minutes after local midnight.
        sleep_start_min: u32,
        /// Usual wake-up, minutes after local midnight.
        sleep_end_min: u32,
        /// Start of the hours in which nothing may reach the person, minutes after local midnight.
        quiet_start_min: Option<u32>,
        /// End of those hours.
        quiet_end_min: Option<u32>,
        /// How the person's device scales counts.
        device_scale: Scale,
        /// The device that counts where two report the same minute.
        primary_device: Option<String>,
        /// Where interventions reach the person (for example `app`); none: they do not.
        channel: Option<String>,
    }
}

impl ProfileBody {
    /// The offset in force at an instant, minutes.
    pub fn offset_at(&self, at_ms: i64) -> i32 {
        let later = self.offsets.partition_point(|change| change.from_ms <= at_ms);
        if later == 0 { self.offset_min } else { self.offsets[later - 1].offset_min }
    }
}
