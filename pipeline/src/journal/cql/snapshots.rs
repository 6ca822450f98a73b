//! Snapshots in the database: what one machine saved, for another one that takes over.
//!
//! A snapshot is some files, cut into pieces that are filed under their BLAKE3 hash: people files
//! only grow, so a later snapshot shares most pieces with the one before. Everything here is
//! derived; where something is missing or damaged, the log is folded instead.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{
    CqlJournal,
    connection::{Database, Fault, Patience, Settled},
    log::Number,
};
use crate::journal::Hash;

/// Bytes of a piece; the last one of a file is shorter.
const PIECE_BYTES: usize = 512 << 10;
/// Most files of a snapshot, and most pieces of a file: a manifest that says more is damaged.
const FILES_MAX: usize = 4_096;

/// A file of a snapshot: its name, its length, and its pieces.
type Listed = (String, u64, Vec<Hash>);

/// A snapshot that can be fetched.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The chunk it stands before.
    pub(crate) chunk: u64,
    files: Vec<Listed>,
}

/// Pieces that this process knows to be in the database.
#[derive(Debug, Default)]
pub(super) struct Pieces(Mutex<HashSet<Hash>>);

impl Pieces {
    fn knows(&self, hash: &Hash) -> bool {
        self.0.lock().expect("nothing panics while it is held").contains(hash)
    }

    fn learn(&self, hash: Hash) {
        self.0.lock().expect("nothing panics while it is held").insert(hash);
    }
}

impl CqlJournal {
    /// Puts a snapshot's files, each up to a length, into the database.
    pub(crate) fn put_snapshot(
        &self,
        partition: u16,
        chunk: u64,
        files: &[(PathBuf, u64)],
    ) -> Result<(), Fault> {
        let mut listed = Vec::new();
        for (path, length) in files {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| Settled(format!("{} has no name", path.display())))?;
            listed.push((name.to_owned(), *length, self.put_pieces(path, *length)?));
        }
        let manifest = postcard::to_stdvec(&listed)?;
        let id = blake3::hash(&manifest).as_bytes().to_vec();
        let database = Arc::clone(&self.shared.database);
        let put = async move {
            let (id, manifest) = (&id, &manifest);
            database
                .repeat(Patience::asked(), |ready| async move {
                    let values = (Number::from(partition), chunk as i64, id, manifest);
                    ready.write(&ready.statements.put_snapshot, values).await
                })
                .await
        };
        self.shared.database.wait(put)
    }

    fn put_pieces(&self, path: &Path, length: u64) -> Result<Vec<Hash>, Fault> {
        let mut from = File::open(path)?.take(length);
        let mut hashes = Vec::new();
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&mut from).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                return Ok(hashes);
            }
            let hash = *blake3::hash(&piece).as_bytes();
            hashes.push(hash);
            if self.pieces.knows(&hash) {
                continue;
            }
            let database = Arc::clone(&self.shared.database);
            self.shared.database.wait(async move {
                let piece = &piece;
                database
                    .repeat(Patience::asked(), |ready| async move {
                        let values = (hash.as_slice(), piece);
                        ready.write(&ready.statements.put_piece, values).await
                    })
                    .await
            })?;
            self.pieces.learn(hash);
        }
    }

    /// The newest snapshot of a partition that stands before this chunk or an earlier one.
    pub(crate) fn newest_snapshot(
        &self,
        partition: u16,
        upto: u64,
    ) -> Result<Option<Stored>, Fault> {
        let database = Arc::clone(&self.shared.database);
        let upto = i64::try_from(upto).unwrap_or(i64::MAX);
        let rows = self.shared.database.wait(async move {
            database
                .repeat(Patience::asked(), |ready| async move {
                    let values = (Number::from(partition), upto);
                    let statement = &ready.statements.snapshots;
                    ready.rows::<(i64, Vec<u8>, Vec<u8>)>(statement, values).await
                })
                .await
        })?;
        let sound = |(chunk, id, manifest): (i64, Vec<u8>, Vec<u8>)| {
            let files: Vec<Listed> = postcard::from_bytes(&manifest).ok()?;
            let fits = blake3::hash(&manifest).as_bytes().as_slice() == id
                && files.len() <= FILES_MAX
                && files.iter().all(is_plain);
            fits.then_some(Stored { chunk: chunk as u64, files })
        };
        Ok(rows.into_iter().find_map(sound))
    }

    /// Fetches a snapshot's files into a directory, in the order in which they were listed; each
    /// takes its place when it is whole.
    pub(crate) fn fetch_snapshot(&self, stored: &Stored, dir: &Path) -> Result<(), Fault> {
        fs::create_dir_all(dir)?;
        for (name, length, pieces) in &stored.files {
            let fresh = dir.join(format!("{name}.fetched"));
            let file = File::create(&fresh)?;
            let mut at = 0;
            for hash in pieces {
                let piece = self.piece(*hash)?;
                file.write_all_at(&piece, at)?;
                at += piece.len() as u64;
                self.pieces.learn(*hash);
            }
            if at != *length {
                return Err(Settled(format!("the stored file {name} is cut short")).into());
            }
            file.sync_all()?;
            fs::rename(&fresh, dir.join(name))?;
        }
        Ok(())
    }

    fn piece(&self, hash: Hash) -> Result<Vec<u8>, Fault> {
        let database: Arc<Database> = Arc::clone(&self.shared.database);
        let row = self.shared.database.wait(async move {
            database
                .repeat(Patience::asked(), |ready| async move {
                    let values = (hash.as_slice(),);
                    ready.row::<(Vec<u8>,)>(&ready.statements.piece, values).await
                })
                .await
        })?;
        row.map(|(piece,)| piece)
            .filter(|piece| *blake3::hash(piece).as_bytes() == hash)
            .ok_or_else(|| Settled("a piece of it is missing or damaged".into()).into())
    }
}

/// A name that stays within its directory.
fn is_plain(listed: &Listed) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !listed.0.starts_with('.') && listed.0.chars().all(plain)
}
