//! Bad input and faults, each fed to the binary: it says what is wrong and what to do, keeps what
//! was good, and damages nothing.

#[path = "faults/directory.rs"]
mod directory;
#[path = "faults/dirt.rs"]
mod dirt;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/kit.rs"]
mod kit;
#[path = "faults/long_lines.rs"]
mod long_lines;
#[path = "faults/packed.rs"]
mod packed;
#[path = "faults/preload.rs"]
mod preload;
#[path = "faults/refused_again.rs"]
mod refused_again;
#[path = "faults/settings.rs"]
mod settings;
#[path = "faults/signals.rs"]
mod signals;
