//! A pool behind a running service, asked in JSON.

use std::net::SocketAddr;

use serde_json::{Value, json};
use zeitgeber_tests::http::{Answer, get, request};

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const START_MS: i64 = 1_740_971_940_000;

/// A pool of a service whose clock is that of its inputs.
pub(crate) struct Pool {
    pub(crate) at: SocketAddr,
    /// When the next input arrives.
    pub(crate) now_ms: i64,
}

impl Pool {
    pub(crate) fn new(at: SocketAddr) -> Self {
        Self { at, now_ms: START_MS }
    }

    /// Sends an input that arrives a second after the one before.
    pub(crate) fn send(&mut self, method: &str, path: &str, mut body: Value) -> Answer {
        self.now_ms += 1_000;
        body["recv_ts"] = self.now_ms.into();
        let media = [("content-type", JSON)];
        request(self.at, method, path, &media, body.to_string().as_bytes())
    }

    pub(crate) fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body)
    }

    /// Sends an input that must count.
    pub(crate) fn accepted(&mut self, path: &str, body: Value) {
        let answer = self.post(path, body);
        assert!(answer.status < 300, "{path}: {answer:?}");
        let told = answer.json();
        let counts = told["outcome"] == "accepted" || told["accepted"] == 1;
        assert!(counts, "{path}: {told}");
    }

    /// Moves the pool's clock on.
    pub(crate) fn tick(&mut self, by_ms: i64) {
        self.now_ms += by_ms;
        let body = json!({"type": "tick", "at_ms": self.now_ms});
        let answer = self.post("/v1/tasks", body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What an agent is to do.
    pub(crate) fn assignments(&self, agent: &str) -> Vec<Value> {
        let answer = get(self.at, &format!("/v1/agents/{agent}/assignments")).json();
        answer["assignments"].as_array().expect("a list").clone()
    }

    pub(crate) fn state(&self, task: &str) -> Value {
        get(self.at, &format!("/v1/tasks/{task}")).json()["state"].clone()
    }
}

/// The problem's status, kind and detail.
pub(crate) fn problem(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let body = answer.json();
    let kind = body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
    let kind = kind.expect("a problem has a kind").to_owned();
    (answer.status, kind, body["detail"].as_str().expect("and a detail").to_owned())
}

/// That it is this problem; gives its detail.
pub(crate) fn is_problem(answer: &Answer, status: u16, kind: &str) -> String {
    let (found, slug, detail) = problem(answer);
    assert_eq!((found, &*slug), (status, kind), "{detail}");
    detail
}
