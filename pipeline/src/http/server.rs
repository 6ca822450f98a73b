//! The accept loop: who may listen where, how many connections, and how all of it ends.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{App, connection, router};
use crate::config::Service;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// How long nothing is accepted after the system had no room for a connection.
const NO_ROOM: Duration = Duration::from_millis(100);
/// How often it is looked whether the journal still works.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why it cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is none.
    #[error(
        "`service.listen` is {listen:?}, which is no address and port ({source}); write for example 127.0.0.1:8787"
    )]
    Address {
        /// The text.
        listen: String,
        /// What the system said.
        source: io::Error,
    },
    /// An address that others can reach, open to everybody.
    #[error(
        "{address} can be reached by others: give `service.tokens_file` (`zeitgeber token` makes \
         tokens), or listen on 127.0.0.1, or say --insecure"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Connections that had not ended when the time for it was over.
    pub cut_off: usize,
}

/// An address that is listened on.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Listens where the settings say. An address that others can reach needs tokens, unless
    /// whoever starts the service insists on `insecure`.
    pub fn start(service: &Service, insecure: bool) -> Result<Self, ServeError> {
        let address = address(&service.listen)?;
        if !(address.ip().is_loopback() || insecure || !service.tokens_file.is_empty()) {
            return Err(ServeError::Open { address });
        }
        let listener = listen(address).map_err(|source| ServeError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Self { listener, address })
    }

    /// Where.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the application is told to stop or its journal fails, then lets what is under
    /// way end within the settings' bound.
    pub async fn serve(self, app: App, tls: Option<TlsAcceptor>) -> Ended {
        let most = app.service().connections_max;
        let places = Arc::new(Semaphore::new(most as usize));
        let accept = Accept { router: router(app.clone()), app: app.clone(), tls, places };
        tokio::select! {
            () = accept.run(&self.listener) => {}
            () = app.stopping() => {}
            () = failed(&app) => app.stop(),
        }
        drop(self.listener);
        let limit = Service::seconds(app.service().stop_s);
        let cut_off = match timeout(limit, accept.places.acquire_many(most)).await {
            Ok(_) => 0,
            Err(_) => most as usize - accept.places.available_permits(),
        };
        Ended { cut_off }
    }
}

/// Comes back once the journal has failed.
async fn failed(app: &App) {
    while app.engine().failure().is_none() {
        sleep(LOOK_EVERY).await;
    }
}

fn address(listen: &str) -> Result<SocketAddr, ServeError> {
    let wrong = |source| ServeError::Address { listen: listen.into(), source };
    let mut found = listen.to_socket_addrs().map_err(wrong)?;
    found.next().ok_or_else(|| wrong(io::ErrorKind::AddrNotAvailable.into()))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

struct Accept {
    app: App,
    router: Router,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
}

impl Accept {
    async fn run(&self, listener: &TcpListener) {
        loop {
            let permit = Arc::clone(&self.places).acquire_owned().await;
            let permit = permit.expect("the places are never closed");
            match listener.accept().await {
                Ok((stream, _)) => self.begin(stream, permit),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    sleep(NO_ROOM).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let (app, router) = (self.app.clone(), self.router.clone());
        let places = Arc::clone(&self.places);
        tell_open(&app, &places);
        // Without it answers of one packet wait for the client's acknowledgement.
        drop(stream.set_nodelay(true));
        let stall = Service::seconds(app.service().write_s);
        let held = connection::Held::new(stream, stall, permit);
        let Some(tls) = self.tls.clone() else {
            tokio::spawn(async move {
                connection::serve(held, app.clone(), router).await;
                tell_open(&app, &places);
            });
            return;
        };
        let limit = Service::seconds(app.service().header_s);
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = timeout(limit, tls.accept(held)).await {
                connection::serve(stream, app.clone(), router).await;
            }
            tell_open(&app, &places);
        });
    }
}

fn tell_open(app: &App, places: &Semaphore) {
    let open = app.service().connections_max as usize - places.available_permits();
    app.0.parts.observer.connections(open);
}

/// Whether it was the client that gave up.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Raises the number of files that may be open to what the system allows: each connection is one.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "could not raise the number of open files");
    }
}
