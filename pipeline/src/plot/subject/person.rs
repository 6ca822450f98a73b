//! What there is to draw of a person: their accepted readings, folded as the report folds them, and
//! what the log's events say of them.

use std::{collections::BTreeMap, ops::ControlFlow};

use zeitgeber_processors::rhythm::{
    Accepted, Tables, hrv::Interval, light_day::LightMinutes, light_value, phase::PhaseTracker,
    report::Fold,
};
use zeitgeber_schemas::{
    Event, ProfileBody, ReadingAccepted, RhythmAnalysed, SchemaId, Span, Values, wire::from_bytes,
};

use super::{Alertness, PAST_H, Subject, Vitality};
use crate::{
    analyze::{Beats, Times, Trace, hourly_movements, minima, movement_of},
    fold::envelope,
    journal::{Journal, Place},
    plot::scale::{HOUR_MS, MINUTE_MS, date},
    query::{QueryError, Range, Scope, Visit, time_text},
    record::Parsed,
};

/// Records whose times are all whole seconds are that far off at most, ms.
const ROUNDED_MS: f64 = 999.0;

/// What the log holds of the person.
#[derive(Default)]
struct Gathered {
    profile: Option<ProfileBody>,
    fold: Fold,
    /// Light readings: when, and lux.
    light: Vec<(i64, f64)>,
    /// Records of intervals, by when they end.
    beats: Vec<(i64, Vec<f64>)>,
    /// The last revision of each hour's analysis, by its end.
    hours: BTreeMap<i64, RhythmAnalysed>,
    interventions: Vec<(i64, String)>,
}

impl Subject {
    /// A person, by person key: readings by event time within the range, and what was decided then.
    /// Their profile is the latest given before the range's end, else the first one.
    ///
    /// # Errors
    ///
    /// Nobody is called so, or the log cannot be read.
    pub fn person(journal: &dyn Journal, range: Range, key: &str) -> Result<Self, QueryError> {
        let scope = Scope::person(journal, key)?;
        let mut gathered = Gathered::default();
        each(journal, &scope, key, |met| gathered.take_profile(met, range))?;
        each(journal, &scope, key, |met| gathered.take(met, range))?;
        Ok(gathered.subject(key))
    }
}

fn each(
    journal: &dyn Journal,
    scope: &Scope,
    key: &str,
    mut take: impl FnMut(&Visit<'_>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    scope.walk(journal, Place::START..Place::END)?.run(|met| {
        if met.concerns(key) && met.entry.seal == 0 {
            take(met)?;
        }
        Ok(ControlFlow::Continue(()))
    })
}

impl Gathered {
    fn take_profile(&mut self, met: &Visit<'_>, range: Range) -> Result<(), QueryError> {
        let entry = met.entry;
        let wanted = self.profile.is_none() || entry.ts < range.to_ms;
        if entry.schema == SchemaId::Profile && wanted {
            self.profile = Some(from_bytes(entry.payload).map_err(|error| met.fault(error))?);
        }
        Ok(())
    }

    fn take(&mut self, met: &Visit<'_>, range: Range) -> Result<(), QueryError> {
        for recorded in met.entry.events.clone().filter(|event| event.seal == 0) {
            match recorded.schema {
                SchemaId::ReadingAccepted if range.holds(met.entry.ts) => {
                    let accepted =
                        from_bytes(recorded.payload).map_err(|error| met.fault(error))?;
                    self.take_reading(met, &accepted)?;
                }
                SchemaId::RhythmAnalysed => {
                    if let Event::RhythmAnalysed(analysed) = met.event(&recorded)?
                        && analysed.span == Span::Hour
                        && range.holds(analysed.window_end_ms)
                    {
                        self.take_hour(*analysed);
                    }
                }
                SchemaId::InterventionIssued => {
                    if let Event::InterventionIssued(issued) = met.event(&recorded)?
                        && range.holds(issued.at_ms)
                    {
                        self.interventions.push((issued.at_ms, issued.arm));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_reading(
        &mut self,
        met: &Visit<'_>,
        accepted: &ReadingAccepted,
    ) -> Result<(), QueryError> {
        let entry = met.entry;
        let parsed = Parsed::from_payload(entry.schema, entry.payload);
        let Parsed::Reading(body) = parsed.map_err(|error| met.fault(error))? else {
            return Ok(());
        };
        let (Some(profile), Some(subject)) = (&self.profile, met.subject) else { return Ok(()) };
        match &body.values {
            Values::Hrv(rr_ms) => self.beats.push((entry.ts, rr_ms.iter().collect())),
            Values::Environment(surroundings) => {
                let lux = light_value(surroundings, accepted.dropped_fields);
                self.light.extend(lux.map(|lux| (entry.ts, lux)));
            }
            Values::Imu(_) => {}
        }
        let envelope = envelope(entry, &subject.user_id);
        self.fold.add(profile, &Accepted { envelope, body, accepted });
        Ok(())
    }

    fn take_hour(&mut self, analysed: RhythmAnalysed) {
        let known = self.hours.get(&analysed.window_end_ms);
        if known.is_none_or(|known| known.revision <= analysed.revision) {
            self.hours.insert(analysed.window_end_ms, analysed);
        }
    }

    fn subject(mut self, key: &str) -> Subject {
        let profile = self.profile.take().unwrap_or_else(|| {
            crate::door::profile::plain_profile(zeitgeber_schemas::Scale::Unknown)
        });
        let mut trace = Trace::default();
        let movement = movement_of(&self.fold, &profile, Some(&mut trace));
        let hourly = match movement {
            Some(_) => None,
            None => self.fold.hourly_cycles(&profile, &Tables::new()),
        };
        if hourly.is_some() {
            trace.movement = hourly_movements(&self.fold, &profile);
        }
        let heart = beats(&mut self.beats, &mut trace);
        self.light.sort_by_key(|light| light.0);
        let phase = phase(&self.light, &profile);
        trace.minima = minima(&phase);
        trace.light = std::mem::take(&mut self.light);
        self.interventions.sort();
        let zone = profile.zone.as_ref().map_or_else(|| offset(&profile), ToString::to_string);
        let mut subject = Subject {
            name: key.to_owned(),
            notes: Vec::new(),
            profile,
            trace,
            movement,
            hourly,
            heart,
            has_clock: true,
            phase: phase.value(),
            alertness: alertness(&self.hours),
            vitality: self.hours.values().map(vitality).collect(),
            interventions: self.interventions,
        };
        let last = self.hours.last_key_value().map(|(end_ms, _)| *end_ms);
        let last = last.map_or_else(String::new, |end_ms| {
            let local = date(subject.local(end_ms), "%Y-%m-%d %H:%M");
            format!(", analysed until {local} ({})", time_text(end_ms))
        });
        subject.notes.push(format!("local time of {zone}{last}"));
        subject
    }
}

fn beats(records: &mut [(i64, Vec<f64>)], trace: &mut Trace) -> Option<crate::analyze::Heart> {
    records.sort_by_key(|record| record.0);
    let rounded = records.iter().all(|(end_ms, _)| end_ms % 1_000 == 0);
    let resolution_ms = if rounded { ROUNDED_MS } else { 0.0 };
    let mut beats = Beats::new(Times { resolution_ms, by_clock: true });
    let mut last_ms = f64::NEG_INFINITY;
    for (end_ms, rr_ms) in records {
        let mut at_ms = *end_ms as f64 - rr_ms.iter().sum::<f64>();
        for rr_ms in rr_ms.iter().copied() {
            at_ms += rr_ms;
            // What ends no later than a beat that was taken is another device's.
            if at_ms > last_ms {
                beats.feed(Interval { end_ms: at_ms, rr_ms }, Some(trace));
                last_ms = at_ms;
            }
        }
    }
    beats.value(Some(trace))
}

fn phase(light: &[(i64, f64)], profile: &ProfileBody) -> PhaseTracker {
    let (mut minutes, mut phase) = (LightMinutes::default(), PhaseTracker::new());
    let mut feed = |(minute, lux): (i64, f64)| {
        phase.feed(minute, profile.offset_at(minute * MINUTE_MS).into(), lux);
    };
    for (at_ms, lux) in light {
        minutes.feed(*at_ms, *lux).into_iter().for_each(&mut feed);
    }
    minutes.value().into_iter().for_each(&mut feed);
    phase
}

/// What the analysed hours say of sleepiness, and the last of them of the hours to come.
fn alertness(hours: &BTreeMap<i64, RhythmAnalysed>) -> Option<Alertness> {
    let (now_ms, last) = hours.last_key_value()?;
    let from_ms = now_ms - PAST_H * HOUR_MS;
    let past = hours.range(from_ms..).map(|(end_ms, hour)| (*end_ms, Some(hour.kss)));
    let ahead = (1..).zip(&last.kss_forecast);
    let ahead = ahead.map(|(hour, kss)| (now_ms + hour * HOUR_MS, Some(*kss)));
    Some(Alertness {
        past: past.collect(),
        ahead: ahead.collect(),
        source: "As the analysed hours say it: three-process model on the profile's usual sleep."
            .into(),
    })
}

fn vitality(hour: &RhythmAnalysed) -> Vitality {
    let composite = &hour.composite;
    Vitality {
        at_ms: hour.window_end_ms,
        vitality: composite.vitality,
        confidence: composite.confidence,
    }
}

/// The offset of somebody who has no time zone by name.
fn offset(profile: &ProfileBody) -> String {
    let sign = if profile.offset_min < 0 { "\u{2212}" } else { "+" };
    let min = profile.offset_min.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", min / 60, min % 60)
}
