//! Single inputs to a service: a profile, a feedback.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use zeitgeber_schemas::Stage;

use super::{ANSWER, Answered, Call, Client, ClientError, Format};
use crate::{config::Decisions, cycle::Counts, policy::Fates, query::PolicyView};

/// What became of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProfilePut {
    /// `accepted`, `duplicate` where the same one was in force, or `queued` where a bus keeps it.
    pub outcome: String,
    /// How many of what it caused.
    #[serde(default)]
    counts: Option<Counts>,
}

impl ProfilePut {
    /// Whether a bus keeps it, and the log does not have it yet.
    pub fn is_queued(&self) -> bool {
        self.outcome == "queued"
    }

    /// The counts as a directory's writer tells them, as far as the service says.
    pub fn counts(&self) -> Counts {
        self.counts.unwrap_or_else(|| match self.outcome.as_str() {
            "duplicate" => Counts { repeats: 1, ..Counts::default() },
            "queued" => Counts::default(),
            _ => Counts { others: 1, ..Counts::default() },
        })
    }
}

impl Client {
    /// Sets a person's profile, written as an entry of `users.json`.
    pub fn put_profile(
        &self,
        tenant: &str,
        user_id: &str,
        profile: &Value,
    ) -> Result<ProfilePut, ClientError> {
        let mut profile = profile.clone();
        if let Some(fields) = profile.as_object_mut() {
            // The path and the query say whose it is.
            fields.remove("user_id");
            fields.remove("tenant");
        }
        let body = profile.to_string();
        self.ask(&Call {
            method: Method::PUT,
            path: &["v1", "users", user_id, "profile"],
            query: &[("tenant", tenant.into())],
            body: Some(("application/json", body.as_bytes())),
            wait: ANSWER,
        })
    }

    /// How decisions are made in each partition.
    pub fn policies(&self) -> Result<Vec<PolicyView>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            partitions: Vec<PolicyView>,
        }
        let answer: Answer = self.ask(&Call::get(&["v1", "policy"], &[]))?;
        Ok(answer.partitions)
    }

    /// Gives an order about decisions.
    pub fn order(&self, order: &Value) -> Result<Fates, ClientError> {
        let body = order.to_string();
        self.ask(&Call {
            method: Method::POST,
            path: &["v1", "policy", "orders"],
            query: &[],
            body: Some(("application/json", body.as_bytes())),
            wait: ANSWER,
        })
    }

    /// Lets a version of the decisions come as a candidate.
    pub fn put_candidate(
        &self,
        stage: Stage,
        percent: u32,
        decisions: &Decisions,
    ) -> Result<Fates, ClientError> {
        let mut body = json!({ "stage": stage, "decisions": decisions });
        if stage == Stage::Canary {
            body["percent"] = percent.into();
        }
        let body = body.to_string();
        self.ask(&Call {
            method: Method::PUT,
            path: &["v1", "policy", "candidate"],
            query: &[],
            body: Some(("application/json", body.as_bytes())),
            wait: ANSWER,
        })
    }

    /// Gives one feedback, as `--as feedback` reads it.
    pub fn give_feedback(&self, feedback: &Value) -> Result<Answered, ClientError> {
        let body = feedback.to_string();
        let sent = self.ask(&Call {
            method: Method::POST,
            path: &["v1", "feedback"],
            query: &[],
            body: Some((Format::Lines.media_type(), body.as_bytes())),
            wait: ANSWER,
        });
        sent.or_else(|error| Answered::of_refusal(error, 1))
    }
}
