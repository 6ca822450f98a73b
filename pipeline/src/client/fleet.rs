//! Pools, agents and tasks at a service: one input given, one answer asked for.

use std::ops::ControlFlow;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use zeitgeber_schemas::Reason;

use super::{ANSWER, Call, Client, ClientError, WalkError};

/// What became of one input of a pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CommandTold {
    /// `accepted`, `duplicate`, `rejected`, or `queued` where a bus keeps it.
    pub outcome: String,
    /// Why it was rejected.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// What exactly is wrong, in words.
    #[serde(default)]
    pub detail: Option<String>,
}

/// What a service says of a list that holds one input, or of the input alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answered {
    List {
        outcomes: Vec<CommandTold>,
    },
    Queued {
        #[serde(rename = "queued")]
        _inputs: u64,
    },
    One(CommandTold),
}

impl Client {
    /// Gives one input of a pool, written as the door reads it ([`crate::door::tasks`]).
    ///
    /// # Errors
    ///
    /// The service gives no answer, or one that is not about the input.
    pub fn command(&self, document: &Value) -> Result<CommandTold, ClientError> {
        let text = |name: &str| document[name].as_str().unwrap_or_default();
        let (kind, pool) = (text("type"), text("pool"));
        let path: Vec<&str> = match kind {
            "submit" => vec!["v1", "tasks"],
            "cancel" | "start" | "result" => vec!["v1", "tasks", text("task"), kind],
            "register" => vec!["v1", "agents"],
            "pool" => vec!["v1", "pools", pool],
            _ => vec!["v1", "agents", text("agent"), kind],
        };
        let mut query = vec![("tenant", text("tenant").to_owned())];
        if kind != "pool" {
            query.push(("pool", pool.to_owned()));
        }
        let body = document.to_string();
        let method = if kind == "pool" { Method::PUT } else { Method::POST };
        let answered = self.ask(&Call {
            method,
            path: &path,
            query: &query,
            body: Some(("application/json", body.as_bytes())),
            wait: ANSWER,
        });
        match answered {
            Ok(Answered::One(told)) => Ok(told),
            Ok(Answered::Queued { .. }) => Ok(CommandTold::of("queued", None, None)),
            Ok(Answered::List { outcomes }) => {
                let told = outcomes.into_iter().next();
                let nothing = || CommandTold::of("accepted", None, None);
                Ok(told.unwrap_or_else(nothing))
            }
            Err(ClientError::Refused { problem }) if problem.reason.is_some() => {
                Ok(CommandTold::of("rejected", problem.reason, Some(problem.detail)))
            }
            Err(error) => Err(error),
        }
    }

    /// Asks about pools, agents or tasks.
    ///
    /// # Errors
    ///
    /// The service gives no answer: it is not there, or knows no such pool, agent or task.
    pub fn fleet(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, ClientError> {
        let whole: Vec<&str> = ["v1"].iter().chain(path).copied().collect();
        self.ask(&Call::get(&whole, query))
    }
}

impl Client {
    /// Lists pools, agents or tasks: the rows, at most `limit`, and whether that ended them.
    ///
    /// # Errors
    ///
    /// As of [`Self::fleet`].
    pub fn fleet_rows(
        &self,
        what: &str,
        query: &[(&str, String)],
        limit: u64,
    ) -> Result<(Vec<Value>, bool), WalkError> {
        let mut rows = Vec::new();
        let more = self.pages(&["v1", what], query, limit, |row| {
            rows.push(row);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((rows, more))
    }
}

impl CommandTold {
    /// An outcome as the directory's writer tells it.
    pub fn of(outcome: &str, reason: Option<Reason>, detail: Option<String>) -> Self {
        Self { outcome: outcome.into(), reason, detail }
    }
}
