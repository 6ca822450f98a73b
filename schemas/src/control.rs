//! What an operator orders about decisions: a version goes forward or back, or something stops.

use alloc::string::String;

use crate::wire::{record, symbols};

symbols! {
    /// What is ordered.
    ControlStep {
        /// The candidate takes the active version's place.
        Promote = "promote",
        /// The version before takes the active one's place, which becomes the one before.
        Rollback = "rollback",
        /// The candidate is given up.
        Drop = "drop",
        /// Nothing more is decided within the scope.
        Stop = "stop",
        /// A stop ends.
        Resume = "resume",
    }
}

symbols! {
    /// What an order is about.
    ControlScope {
        /// A version of the configuration.
        Version = "version",
        /// An arm.
        Arm = "arm",
        /// The person of the envelope.
        Person = "person",
        /// Everybody and everything.
        All = "all",
    }
}

record! {
    /// An order about decisions, in force from the next one on.
    ControlBody {
        /// What is ordered.
        step: ControlStep,
        /// What it is about.
        scope: ControlScope,
        /// Name of the version or the arm; of persons and of all it is empty.
        name: String,
    }
}
