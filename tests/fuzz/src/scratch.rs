//! A directory of this process for readers that take a path.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::LazyLock,
};

static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared_memory = Path::new("/dev/shm");
    let temporary = env::temp_dir();
    let above = if shared_memory.is_dir() { shared_memory } else { &temporary };
    let dir = above.join(format!("zeitgeber-fuzz-{}", process::id()));
    fs::create_dir_all(&dir).expect("a directory can be made for temporary files");
    dir
});

/// A path in the directory.
pub(crate) fn path(name: &str) -> PathBuf {
    DIR.join(name)
}

/// A file with these bytes.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).expect("a temporary file can be written");
    path
}
