//! Standard input that can be left alone: reading it waits a moment at most.

use std::{
    io::{self, ErrorKind, Read},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long one read waits for bytes, ns.
const WAIT_NS: i64 = 100_000_000;

/// A reader that looks at a stop flag while it waits, and where it is allowed to, says so.
pub(super) struct Live<R> {
    input: R,
    stop: Arc<AtomicBool>,
    lends: Arc<AtomicBool>,
}

impl<R: Read + AsFd> Live<R> {
    /// Reads `input` until `stop`; answers `WouldBlock` while nothing comes, once `lends` is set.
    pub(super) fn new(input: R, stop: Arc<AtomicBool>, lends: Arc<AtomicBool>) -> Self {
        Self { input, stop, lends }
    }
}

impl<R: Read + AsFd> Read for Live<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, "stopped by a signal"));
            }
            let mut ready = [PollFd::new(&self.input, PollFlags::IN)];
            let wait = Timespec { tv_sec: 0, tv_nsec: WAIT_NS };
            match poll(&mut ready, Some(&wait)) {
                Ok(0) if self.lends.load(Ordering::Relaxed) => {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(0) => {}
                Err(error) if error == rustix::io::Errno::INTR => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return self.input.read(buffer),
            }
        }
    }
}
