//! The measured server: this program, as a child.

use std::{
    ffi::OsStr,
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Longest time until it listens.
const START_TIME_OUT: Duration = Duration::from_secs(30);
/// Pause between two attempts to reach it.
const START_PAUSE: Duration = Duration::from_millis(20);

/// Why there is no server to measure.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The system refused.
    #[error("could not run the server: {0}")]
    Io(#[from] io::Error),
    /// It did not listen in time.
    #[error("the server did not listen on {address} within {} s", START_TIME_OUT.as_secs())]
    Deaf {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// It ended by itself, or badly.
    #[error("the server ended with {0}")]
    Ended(std::process::ExitStatus),
}

/// A running server; killed where it is dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it with these arguments besides where it listens.
    pub(super) fn start<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, ServerError> {
        // Free a moment ago: nobody else on this machine is likely to take it in between.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(arguments)
            .args(["--set", &format!("service.listen=\"{address}\"")])
            .args(["--set", "clock.mode=\"inputs\""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut server = Self { child, address };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(ServerError::Ended(status));
            }
            if started.elapsed() > START_TIME_OUT {
                return Err(ServerError::Deaf { address });
            }
            std::thread::sleep(START_PAUSE);
        }
        Ok(server)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time so far, from `/proc/PID/stat` (fields 14 and 15, in 1/100 s).
    pub(super) fn cpu_seconds(&self) -> f64 {
        super::cpu_seconds_of(&self.child.id().to_string())
    }

    /// Resident memory now, MiB.
    pub(super) fn rss_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        super::status_mib(&status.unwrap_or_default(), "VmRSS:")
    }

    /// Ends it without its knowing.
    pub(super) fn kill(mut self) -> Result<(), ServerError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, and waits for it.
    pub(super) fn stop(mut self) -> Result<(), ServerError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).map_err(io::Error::from)?;
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(ServerError::Ended(status)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
