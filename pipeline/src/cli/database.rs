//! A log in a database, as a command line names it.

#[cfg(feature = "cluster")]
use std::{env, fs, path::PathBuf};

use zeitgeber::store::LogPlace;
#[cfg(feature = "cluster")]
use zeitgeber::{
    config::{Cql, Reach},
    journal::cql::Connect,
};

use super::Failure;

/// The log at `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE`, by the process's configuration.
#[cfg(feature = "cluster")]
pub(super) fn log_at(url: &str) -> Result<LogPlace, Failure> {
    let config = super::session::config(super::layers())?;
    let connect = connect(url, &config.cql)?;
    let base = match &*config.cql.cache_dir {
        "" => own_cache()?,
        dir => dir.into(),
    };
    let cache = base.join(&connect.keyspace);
    Ok(LogPlace::Database { connect, cache })
}

#[cfg(not(feature = "cluster"))]
pub(super) fn log_at(url: &str) -> Result<LogPlace, Failure> {
    Err(format!("this program was built without `cluster` and cannot open {url}").into())
}

/// The way to the log at this address.
#[cfg(feature = "cluster")]
pub(super) fn connect(url: &str, config: &Cql) -> Result<Connect, Failure> {
    let parts = url.strip_prefix("scylla://").and_then(|rest| rest.split_once('/'));
    let (nodes, keyspace) = parts
        .filter(|(nodes, keyspace)| !nodes.is_empty() && !keyspace.is_empty())
        .ok_or_else(|| format!("`{url}` is not scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE"))?;
    let login = match &*config.user {
        "" => None,
        user => {
            let file = &config.password_file;
            let text = fs::read_to_string(file)
                .map_err(|error| format!("cql.password_file `{file}` cannot be read: {error}"))?;
            Some((user.to_owned(), text.trim_end_matches(['\r', '\n']).to_owned()))
        }
    };
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Connect {
        nodes: nodes.split(',').map(str::to_owned).collect(),
        keyspace: keyspace.to_owned(),
        login,
        tls: config.tls,
        ca_file: named(&config.ca_file).map(PathBuf::from),
        datacenter: named(&config.datacenter),
        global: config.reach == Reach::Global,
    })
}

#[cfg(feature = "cluster")]
fn own_cache() -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let base = base.ok_or("there is no HOME for a cache: set cql.cache_dir")?;
    Ok(base.join("zeitgeber"))
}
