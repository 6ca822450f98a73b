//! Bearer tokens: who may do what.
//!
//! A file of tokens holds hashes only, one line each: a name, scopes, and `sha256:` or `blake3:`
//! with the hash in hexadecimal. Hashes are compared in constant time, all of them for every
//! request, so that neither a match nor its place can be told from the time an answer takes.
//! Tokens are long and random, so a fast hash is enough: there is nothing to guess.

use std::{fs, io, path::Path, str::FromStr};

/// Bytes of a token before it is written in hexadecimal.
const TOKEN_BYTES: usize = 32;
/// Most tokens of a file: every request is compared with all of them.
const TOKENS_MAX: usize = 1_000;
/// Largest file of tokens, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To send readings, profiles, feedback and tasks.
    Ingest,
    /// To read everything that is known.
    Read,
    /// To have the log verified and replayed.
    Operate,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Read, Self::Operate];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}

/// Text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; known: ingest, read, operate")]
pub struct ParseScopeError(String);

impl FromStr for Scope {
    type Err = ParseScopeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| ParseScopeError(text.into()))
    }
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read.
    #[error("the tokens file {file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not a token.
    #[error(
        "{file}:{line} is no token ({what}); write `name scope[,scope] blake3:<64 hexadecimal \
         digits>`, as `zeitgeber token` prints it"
    )]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// There is no token in the file.
    #[error("the tokens file {file} holds no token; `zeitgeber token NAME` makes one")]
    Empty {
        /// The file.
        file: String,
    },
    /// No random bytes.
    #[error("could not draw a token: {0}")]
    Random(io::Error),
}

/// The tokens that are known.
#[derive(Debug, Clone)]
pub struct Tokens(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    name: String,
    scopes: Vec<Scope>,
    hash: Hash,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha256([u8; 32]),
    Blake3([u8; 32]),
}

/// A token that was just made.
#[derive(Debug)]
pub struct Fresh {
    /// The token itself, to be shown once.
    pub token: String,
    /// Its line for the file.
    pub line: String,
}

impl Fresh {
    /// Draws a token of this name and these scopes.
    pub fn draw(name: &str, scopes: &[Scope]) -> Result<Self, TokensError> {
        let mut bytes = [0; TOKEN_BYTES];
        let mut random = fs::File::open("/dev/urandom").map_err(TokensError::Random)?;
        io::Read::read_exact(&mut random, &mut bytes).map_err(TokensError::Random)?;
        let token = format!("zg_{}", crate::query::hex(&bytes));
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let hash = blake3::hash(token.as_bytes()).to_hex();
        Ok(Self { line: format!("{name} {} blake3:{hash}", scopes.join(",")), token })
    }
}

impl Tokens {
    /// Reads a file of tokens. Blank lines and lines that begin with `#` are passed over.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let file = path.display().to_string();
        let unreadable = |source| TokensError::Unreadable { file: file.clone(), source };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_BYTES_MAX {
            let message = format!("{length} bytes; at most {FILE_BYTES_MAX}");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, message)));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, &file)
    }

    fn parse(text: &str, file: &str) -> Result<Self, TokensError> {
        let mut known: Vec<Known> = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| TokensError::Line { file: file.into(), line: number, what };
            let token = Known::parse(line).map_err(wrong)?;
            if known.iter().any(|other| other.name == token.name) {
                return Err(wrong(format!("a second token is called `{}`", token.name)));
            }
            if known.len() == TOKENS_MAX {
                return Err(wrong(format!("more than {TOKENS_MAX} tokens")));
            }
            known.push(token);
        }
        if known.is_empty() {
            Err(TokensError::Empty { file: file.into() })
        } else {
            Ok(Self(known))
        }
    }

    /// The name and the scopes of a token, if it is known.
    pub fn find(&self, token: &str) -> Option<(&str, &[Scope])> {
        let blake3 = *blake3::hash(token.as_bytes()).as_bytes();
        let sha256 = sha256(token.as_bytes());
        let mut found = None;
        for known in &self.0 {
            let same = match &known.hash {
                Hash::Sha256(hash) => same(hash, &sha256),
                Hash::Blake3(hash) => same(hash, &blake3),
            };
            if same {
                found = Some((known.name.as_str(), known.scopes.as_slice()));
            }
        }
        found
    }
}

impl Known {
    fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let (Some(name), Some(scopes), Some(hash), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("not three words".into());
        };
        let scopes = scopes.split(',').map(str::parse).collect::<Result<Vec<Scope>, _>>();
        let scopes = scopes.map_err(|error| error.to_string())?;
        let (kind, digits) = hash.split_once(':').ok_or("the hash names no kind")?;
        let hash =
            blake3::Hash::from_hex(digits).map_err(|_| "the hash is not 64 hexadecimal digits")?;
        let hash = match kind {
            "sha256" => Hash::Sha256(*hash.as_bytes()),
            "blake3" => Hash::Blake3(*hash.as_bytes()),
            other => return Err(format!("{other:?} is no kind of hash; known: blake3, sha256")),
        };
        Ok(Self { name: name.into(), scopes, hash })
    }
}

/// Whether two hashes are the same, in constant time.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*one) == blake3::Hash::from_bytes(*other)
}

/// SHA-256 by the TLS library's provider.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().expect("it is a suite of TLS 1.3");
    let mut hash = suite.common.hash_provider.start();
    hash.update(bytes);
    hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}
