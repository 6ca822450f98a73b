//! One recording, analysed by the code that analyses live.

pub mod kind;
pub mod recording;
