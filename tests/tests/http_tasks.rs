//! Tasks and agents over HTTP: a whole life, waiting, a crash, and the same log as by file.

#[path = "http_tasks/crash.rs"]
mod crash;
#[path = "http_tasks/kit.rs"]
mod kit;
#[path = "http_tasks/life.rs"]
mod life;
#[path = "http_tasks/pages.rs"]
mod pages;
#[path = "http_tasks/same_log.rs"]
mod same_log;
#[path = "http_tasks/waiting.rs"]
mod waiting;
