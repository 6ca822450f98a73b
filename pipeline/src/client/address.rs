//! The address of a service, and of what it serves.

use std::{fmt, str::FromStr};

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ClientError;

/// All that an id may hold and a path or a query may not, is escaped (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a service is: scheme, host, port, and the path before `/v1` where a proxy adds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The URL of a path of the service, each part escaped, with its query.
    pub fn join(&self, path: &[&str], query: &[(&str, String)]) -> String {
        let mut url = self.0.clone();
        for part in path {
            url.push('/');
            url.extend(utf8_percent_encode(part, ESCAPED));
        }
        for ((name, value), before) in query.iter().zip(std::iter::once('?').chain(ands())) {
            url.push(before);
            url.extend(utf8_percent_encode(name, ESCAPED));
            url.push('=');
            url.extend(utf8_percent_encode(value, ESCAPED));
        }
        url
    }
}

fn ands() -> impl Iterator<Item = char> {
    std::iter::repeat('&')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Address {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| ClientError::Url { url: text.into(), problem: problem.into() };
        let uri: Uri = text.parse().map_err(|_| wrong("it is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("it does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a name or password does not belong in it; use a token"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("it ends in a query or a fragment"));
        }
        let base = text.trim_end_matches('/');
        Ok(Self(base.strip_suffix("/v1").unwrap_or(base).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_prefix_and_escapes_what_ids_hold() {
        let address: Address = "https://host:8443/rhythm/".parse().expect("an address");
        let url = address.join(
            &["v1", "users", "a b/c?é", "events"],
            &[("tenant", "x&y=z".into()), ("after", "3:7".into())],
        );
        assert_eq!(
            url,
            "https://host:8443/rhythm/v1/users/a%20b%2Fc%3F%C3%A9/events\
             ?tenant=x%26y%3Dz&after=3%3A7"
        );
        let plain: Address = "http://127.0.0.1:80/v1".parse().expect("an address");
        assert_eq!(plain.join(&["healthz"], &[]), "http://127.0.0.1:80/healthz");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("localhost:8080", "begin with http"),
            ("ftp://host", "begin with http"),
            ("http://", "no URL"),
            ("http://me:secret@host", "token"),
            ("http://host/?x=1", "query"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
