//! Configurations: a file, or an assignment as flags and variables have them.

use zeitgeber::config::Config;

use crate::scratch;

/// The first byte says where the others stand: in a file, a flag or a variable. Any text is a
/// configuration or an error.
pub(crate) fn configuration(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest).into_owned();
    let config = match which % 4 {
        0 => Config::layered(None, [], &[text]),
        1 => {
            let (name, value) = text.split_once('=').unwrap_or_default();
            let variable = (format!("ZEITGEBER_{name}"), value.to_owned());
            Config::layered(None, [variable], &[])
        }
        _ => Config::layered(Some(&scratch::file("config.toml", rest)), [], &[]),
    };
    if let Ok(config) = config {
        drop(config.configuration());
    }
}
