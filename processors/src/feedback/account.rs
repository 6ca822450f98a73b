//! The account of one decision: every report on it, and the reward that stands for it.
//!
//! What stands is a function of the reports, whatever order they came in:
//!
//! - A report that another one names (`corrects`) does not count, whether it came before or comes
//!   after. What is named is out for good, even where the one that named it is named in its turn.
//! - Of the corrections that count, the one given last stands; without any, the plain outcome that
//!   was given first; without one, the reward that was imputed when the window closed. Of two given
//!   at the same instant the log's order decides.
//! - Nothing stands while the intervention counts as never shown: it was not issued, or a report
//!   says that it was not shown, and none says that it was. A person's own answer says so.
//!
//! The learner holds [`Account::learnt`]. A report's event tells how that changes.

use alloc::{string::String, vec::Vec};

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_schemas::{
    DecisionId, DecisionMade, Event, FeedbackBody, FeedbackClaim, FeedbackNoted, FeedbackRecorded,
    FeedbackStatus, OutcomeExpired, Response,
};

/// Most reports remembered for one decision. Later ones count as duplicates, so that none is ever
/// forgotten and taken twice.
pub const MOST_SEEN: usize = 32;

/// What a correction names in logs that do not tell.
const UNTOLD: u64 = 0;

/// A decision that waits for its outcome, or whose outcome may still be corrected.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Account {
    pub(super) subject: u64,
    pub(super) arm: String,
    incarnation: u32,
    features: Vec<i32>,
    pub(super) at_ms: i64,
    /// The reward that the learner holds.
    pub(super) learnt: Option<i32>,
    /// The reward that stands in for an outcome that did not come.
    imputed: Option<i32>,
    /// The arm was removed after the decision.
    pub(super) retired: bool,
    /// The window passed without an outcome.
    pub(super) expired: bool,
    /// The intervention did not go out.
    withheld: bool,
    reports: Vec<Report>,
}

/// What is remembered of feedback.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
struct Report {
    /// Hash of its id.
    id: u64,
    /// Hash of the id that it names.
    names: Option<u64>,
    given_ms: i64,
    says: Says,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Says {
    /// What came of it, and whether that tells that it was shown.
    Reward {
        reward: i32,
        shows: bool,
    },
    /// The one that it names does not count.
    Retraction,
    Shown,
    NotShown,
    /// It was taken in and counts for nothing.
    Nothing,
}

/// Feedback on its way into an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) id: &'a str,
    pub(super) given_ms: i64,
    pub(super) body: &'a FeedbackBody,
    /// Its reward on the grid 2^-12; of an outcome alone.
    pub(super) reward: i32,
    /// It arrived after the window.
    pub(super) is_late: bool,
}

impl Account {
    pub(super) fn open(subject: u64, event: &DecisionMade) -> Self {
        Self {
            subject,
            arm: event.chosen.clone(),
            incarnation: event.incarnation,
            features: event.features.clone(),
            at_ms: event.at_ms,
            learnt: None,
            imputed: None,
            retired: false,
            expired: false,
            withheld: false,
            reports: Vec::new(),
        }
    }

    /// Notes that the intervention did not go out.
    pub(super) const fn withhold(&mut self) {
        self.withheld = true;
    }

    pub(super) fn has_seen(&self, feedback_id: &str) -> bool {
        let id = hash(feedback_id);
        self.reports.iter().any(|report| report.id == id)
    }

    /// Whether it waits for an outcome. Feedback on a removed arm answers it, though nothing is
    /// learnt.
    pub(super) fn is_unanswered(&self) -> bool {
        let answered = self.learnt.is_some() || (self.retired && !self.reports.is_empty());
        !self.expired && !answered
    }

    /// What becomes of a decision whose window is over without an outcome.
    pub(super) fn expire(&self, decision_id: DecisionId, imputed: Option<i32>) -> OutcomeExpired {
        let is_shown = self.is_shown(&self.reports);
        OutcomeExpired {
            decision_id,
            arm: self.arm.clone(),
            incarnation: self.incarnation,
            features: self.features.clone(),
            imputed: imputed.filter(|_| is_shown && !self.retired),
            decided_ms: Some(self.at_ms),
            unshown: !is_shown,
        }
    }

    /// What feedback does: [`FeedbackRecorded`] where its own reward stands or nothing changes,
    /// else [`FeedbackNoted`].
    pub(super) fn join(&self, feedback: &Incoming<'_>) -> Event {
        let report = Report::of(feedback);
        let knows = self.reports.len() >= MOST_SEEN || self.has_seen(feedback.id);
        let is_outcome = feedback.body.claim == FeedbackClaim::Outcome;
        let is_plain = feedback.body.corrects.is_none();
        let barred = if knows {
            Some(FeedbackStatus::Duplicate)
        } else if is_outcome && is_plain && feedback.is_late && self.imputed.is_none() {
            Some(FeedbackStatus::Expired)
        } else if is_outcome && self.retired {
            Some(FeedbackStatus::Retired)
        } else {
            None
        };
        let (by, stands) = match barred {
            Some(_) => (None, self.learnt),
            None => {
                let mut reports = self.reports.clone();
                reports.push(report);
                self.standing(&reports)
            }
        };
        let own = (by == Some(report.id)).then_some(match self.learnt {
            Some(_) => FeedbackStatus::Corrected,
            None => FeedbackStatus::Applied,
        });
        let same =
            (self.learnt.is_some() && stands == self.learnt).then_some(FeedbackStatus::Duplicate);
        match barred.or(own).or(same).filter(|_| is_outcome) {
            Some(status) => self.recorded(feedback, &report, status),
            None => self.noted(feedback, &report, stands),
        }
    }

    fn recorded(&self, feedback: &Incoming<'_>, report: &Report, status: FeedbackStatus) -> Event {
        Event::FeedbackRecorded(FeedbackRecorded {
            decision_id: feedback.body.decision_id,
            feedback_id: feedback.id.into(),
            status,
            arm: self.arm.clone(),
            incarnation: self.incarnation,
            features: self.features.clone(),
            reward: feedback.reward,
            replaces: self.learnt.filter(|_| status == FeedbackStatus::Corrected),
            decided_ms: Some(self.at_ms),
            corrects: feedback.body.corrects.clone(),
            given_ms: Some(feedback.given_ms),
            shows: report.shows(),
        })
    }

    fn noted(&self, feedback: &Incoming<'_>, report: &Report, stands: Option<i32>) -> Event {
        let changes = stands != self.learnt;
        Event::FeedbackNoted(FeedbackNoted {
            decision_id: feedback.body.decision_id,
            feedback_id: feedback.id.into(),
            claim: feedback.body.claim,
            corrects: feedback.body.corrects.clone(),
            given_ms: feedback.given_ms,
            shows: report.shows(),
            reward: matches!(report.says, Says::Reward { .. }).then_some(feedback.reward),
            arm: self.arm.clone(),
            incarnation: self.incarnation,
            features: self.features.clone(),
            replaces: self.learnt.filter(|_| changes),
            stands: stands.filter(|_| changes),
            decided_ms: self.at_ms,
        })
    }

    /// Takes in what feedback with a reward did. Earlier logs tell neither when it was given nor
    /// what it corrects.
    pub(super) fn fold_recorded(&mut self, event: &FeedbackRecorded) {
        let (status, reward, shows) = (event.status, event.reward, event.shows);
        let says = match status {
            FeedbackStatus::Applied | FeedbackStatus::Corrected | FeedbackStatus::Duplicate => {
                Says::Reward { reward, shows }
            }
            FeedbackStatus::Retired | FeedbackStatus::Expired => Says::Nothing,
        };
        let untold = event.given_ms.is_none() && status == FeedbackStatus::Corrected;
        let names = names(&event.feedback_id, event.corrects.as_deref());
        self.keep(Report {
            id: hash(&event.feedback_id),
            names: names.or(untold.then_some(UNTOLD)).filter(|_| says != Says::Nothing),
            given_ms: event.given_ms.unwrap_or(i64::MIN),
            says,
        });
        if matches!(status, FeedbackStatus::Applied | FeedbackStatus::Corrected) {
            self.learnt = Some(reward);
        }
    }

    /// Takes in what other feedback did.
    pub(super) fn fold_noted(&mut self, event: &FeedbackNoted) {
        self.keep(Report {
            id: hash(&event.feedback_id),
            names: names(&event.feedback_id, event.corrects.as_deref()),
            given_ms: event.given_ms,
            says: Says::of(event.claim, event.reward.unwrap_or_default(), event.shows),
        });
        if event.replaces.is_some() || event.stands.is_some() {
            self.learnt = event.stands;
        }
    }

    /// Takes in that the outcome did not come in time.
    pub(super) const fn fold_expired(&mut self, event: &OutcomeExpired) {
        self.expired = true;
        self.imputed = event.imputed;
        self.learnt = event.imputed;
    }

    fn keep(&mut self, report: Report) {
        let known = self.reports.iter().any(|known| known.id == report.id);
        if !known && self.reports.len() < MOST_SEEN {
            self.reports.push(report);
        }
    }

    fn is_shown(&self, reports: &[Report]) -> bool {
        let any = |what: fn(&Report) -> bool| counting(reports).any(what);
        any(Report::shows) || !(self.withheld || any(|report| report.says == Says::NotShown))
    }

    /// What stands, and the report that it is of; none: it was imputed, or nothing stands.
    fn standing(&self, reports: &[Report]) -> (Option<u64>, Option<i32>) {
        if !self.is_shown(reports) {
            return (None, None);
        }
        let outcomes = || {
            counting(reports).filter_map(|report| match report.says {
                Says::Reward { reward, .. } => Some((report, reward)),
                _ => None,
            })
        };
        let corrections = outcomes().filter(|(report, _)| report.names.is_some());
        // Of equals the last is the greatest and the first is the least.
        let last = corrections.max_by_key(|(report, _)| report.given_ms);
        let first = || outcomes().min_by_key(|(report, _)| report.given_ms);
        match last.or_else(first) {
            Some((report, reward)) => (Some(report.id), Some(reward)),
            None => (None, self.imputed),
        }
    }
}

/// The reports that none names.
fn counting(reports: &[Report]) -> impl Iterator<Item = &Report> {
    let is_named = |id| reports.iter().any(|by| by.names == Some(id));
    reports.iter().filter(move |report| !is_named(report.id))
}

impl Report {
    fn of(feedback: &Incoming<'_>) -> Self {
        let FeedbackBody { response, corrects, claim, .. } = feedback.body;
        let answers =
            matches!(response, Response::Accepted | Response::Dismissed | Response::Rating(_));
        Self {
            id: hash(feedback.id),
            names: names(feedback.id, corrects.as_deref()),
            given_ms: feedback.given_ms,
            says: Says::of(*claim, feedback.reward, answers),
        }
    }

    const fn shows(&self) -> bool {
        matches!(self.says, Says::Shown | Says::Reward { shows: true, .. })
    }
}

impl Says {
    const fn of(claim: FeedbackClaim, reward: i32, shows: bool) -> Self {
        match claim {
            FeedbackClaim::Outcome => Self::Reward { reward, shows },
            FeedbackClaim::Retracted => Self::Retraction,
            FeedbackClaim::Shown => Self::Shown,
            FeedbackClaim::NotShown => Self::NotShown,
        }
    }
}

fn names(feedback_id: &str, corrects: Option<&str>) -> Option<u64> {
    corrects.filter(|named| *named != feedback_id).map(hash)
}

fn hash(feedback_id: &str) -> u64 {
    xxh3_64(feedback_id.as_bytes())
}
