//! Connects to a host by the guard's leave: the addresses that are judged are the ones that are connected to.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::{net::TcpStream, sync::Semaphore, task::spawn_blocking, time::timeout};

use super::Egress;

/// Opens connections to one host.
#[derive(Debug)]
pub(crate) struct Connector {
    egress: Egress,
    host: String,
    port: u16,
    resolver: Arc<dyn Resolve>,
}

/// Finds the addresses of a name.
#[async_trait]
pub(crate) trait Resolve: fmt::Debug + Send + Sync {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the operating system.
#[derive(Debug)]
pub(crate) struct SystemResolver {
    /// A lookup can't be called off, and a name server that hangs takes a thread each time: of those that all
    /// subscribers share, one gets only a few.
    places: Arc<Semaphore>,
}

/// Why there is no connection. Names the host, never the rest of the URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Not one of its addresses may be connected to.
    #[error(
        "refused: {host} is at {address}, which is {}",
        if *is_public { "not a public address" } else { "in none of the internal networks" }
    )]
    Refused {
        /// Whose address.
        host: String,
        /// The first of them.
        address: IpAddr,
        /// Which rule it was.
        is_public: bool,
    },
    /// The name has no address, or nobody says which.
    #[error("no address of {host} could be found")]
    Unresolved {
        /// The name.
        host: String,
        /// Why, unless the answer was empty.
        source: Option<io::Error>,
    },
    /// The last one that was tried.
    #[error("no connection to {host} at {address}")]
    Unconnected {
        /// The name.
        host: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// How long one address may take to answer: the second packet is sent after one second, the third after three.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Lookups of one subscription at a time.
const LOOKUPS_MAX: usize = 2;

// === impl Connector ===

impl Connector {
    /// `host` is a name or an address, without brackets.
    pub(crate) fn new(egress: Egress, host: &str, port: u16, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            egress,
            host: host.to_owned(),
            port,
            resolver,
        }
    }

    /// The first permitted address that answers, in the order in which they were given.
    pub(crate) async fn connect(&self) -> Result<TcpStream, ConnectError> {
        let addresses = self.addresses().await?;
        let mut failed = None;
        for address in self.permitted(&addresses)? {
            let error = match timeout(ANSWER_MAX, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error,
                Err(elapsed) => elapsed.into(),
            };
            failed = Some((address, error));
        }
        let (address, source) = failed.expect("at least one address was permitted");
        Err(ConnectError::Unconnected {
            host: self.host.clone(),
            address,
            source,
        })
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let unresolved = |source| ConnectError::Unresolved {
            host: self.host.clone(),
            source,
        };
        let resolved = self.resolver.resolve(&self.host, self.port).await;
        let addresses = resolved.map_err(|error| unresolved(Some(error)))?;
        if addresses.is_empty() {
            return Err(unresolved(None));
        }
        Ok(addresses)
    }

    fn permitted(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, ConnectError> {
        let permitted: Vec<SocketAddr> = addresses
            .iter()
            .copied()
            .filter(|address| self.egress.permits(address.ip()))
            .collect();
        match addresses.first() {
            Some(first) if permitted.is_empty() => Err(ConnectError::Refused {
                host: self.host.clone(),
                address: first.ip(),
                is_public: self.egress == Egress::Public,
            }),
            _ => Ok(permitted),
        }
    }
}

// === impl SystemResolver ===

impl SystemResolver {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let host = host.to_owned();
        let looking_up = spawn_blocking(move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            drop(place);
            addresses.map(Iterator::collect)
        });
        looking_up.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use tokio::net::TcpListener;

    use super::*;

    /// Gives these addresses, one list for each question.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<Vec<SocketAddr>>>);

    #[async_trait]
    impl Resolve for Scripted {
        async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.is_empty() {
                return Err(io::Error::other("no such host"));
            }
            Ok(answers.remove(0))
        }
    }

    fn connector(egress: Egress, host: &str, answers: &[&[SocketAddr]]) -> Connector {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Connector::new(egress, host, 9, Arc::new(Scripted(Mutex::new(answers))))
    }

    fn loopback() -> Egress {
        Egress::Internal(vec!["127.0.0.1/32".parse().unwrap()])
    }

    async fn listener(address: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let bound = listener.local_addr().unwrap();
        (listener, bound)
    }

    async fn check_refused(connector: &Connector) {
        let error = connector.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        assert!(error.to_string().starts_with("refused: "), "{error}");
    }

    #[tokio::test]
    async fn addresses_in_the_place_of_a_name_are_judged_too() {
        for host in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "fe80::1",
        ] {
            check_refused(&connector(Egress::Public, host, &[])).await;
        }
    }

    /// The C library reads them as 127.0.0.1 where it reads them at all.
    #[tokio::test]
    async fn odd_spellings_of_loopback_lead_nowhere() {
        for host in [
            "0x7f.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "localhost",
            "0",
        ] {
            let resolver = Arc::new(SystemResolver::new());
            let connector = Connector::new(Egress::Public, host, 9, resolver);
            let error = connector.connect().await.unwrap_err();
            assert!(
                !matches!(error, ConnectError::Unconnected { .. }),
                "{host}: {error:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_refused_is_left_out() {
        let (forbidden, forbidden_address) = listener("127.0.0.2").await;
        let (_listener, address) = listener("127.0.0.1").await;
        let connector = connector(loopback(), "sink", &[&[forbidden_address, address]]);
        let stream = connector.connect().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(!was_called(&forbidden).await);
    }

    #[tokio::test]
    async fn a_name_that_moves_is_judged_where_it_is_connected_to() {
        let (forbidden, forbidden_address) = listener("127.0.0.2").await;
        let (_listener, address) = listener("127.0.0.1").await;
        let answers: [&[SocketAddr]; 2] = [&[address], &[forbidden_address]];
        let connector = connector(loopback(), "sink", &answers);
        let stream = connector.connect().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        check_refused(&connector).await;
        assert!(!was_called(&forbidden).await);
    }

    #[tokio::test]
    async fn the_next_address_is_tried() {
        let (closed, closed_address) = listener("127.0.0.1").await;
        drop(closed);
        let (_listener, address) = listener("127.0.0.1").await;
        let answers: [&[SocketAddr]; 2] = [&[closed_address, address], &[closed_address]];
        let connector = connector(loopback(), "sink", &answers);
        let stream = connector.connect().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let error = connector.connect().await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Unconnected { address, .. } if address == closed_address)
        );
    }

    #[tokio::test]
    async fn a_name_without_addresses_says_so() {
        let connector = connector(Egress::Public, "nowhere.example", &[&[]]);
        for _ in ["empty", "failed"] {
            let error = connector.connect().await.unwrap_err();
            let expected = "no address of nowhere.example could be found";
            assert_eq!(error.to_string(), expected);
        }
    }

    /// Whether somebody else is in the queue before us.
    async fn was_called(listener: &TcpListener) -> bool {
        let own = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_stream, caller) = listener.accept().await.unwrap();
        caller != own.local_addr().unwrap()
    }
}
