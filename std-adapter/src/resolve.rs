//! From the name of a host to its addresses, under a deadline that the operating system's resolver
//! does not know.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use bare_ws::lifecycle::{Moment as _, Timeout};

use crate::error::Error;
use crate::moment::Moment;

/// The most lookups that one resolver does at a time.
const MAX_LOOKUPS: usize = 16;

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Looks names up in threads of its own, since a lookup cannot be interrupted: one that takes
/// longer than the caller waits goes on, and whoever asks for the same name again waits for it. So
/// a name that hangs costs one thread, however often it is asked for, and all names together cost
/// [`MAX_LOOKUPS`].
pub(crate) struct Resolver {
    lookup: Box<Lookup>,
    running: Mutex<Lookups>,
    /// A lookup has ended.
    ended: Condvar,
}

/// Those that have not ended, by host and port.
type Lookups = HashMap<(String, u16), Arc<Answer>>;

type Answer = OnceLock<io::Result<Vec<SocketAddr>>>;

impl Resolver {
    pub(crate) fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            lookup: Box::new(lookup),
            running: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    /// The operating system's, one for the process.
    pub(crate) fn system() -> Arc<Self> {
        static SYSTEM: LazyLock<Arc<Resolver>> = LazyLock::new(|| {
            Resolver::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
        });
        Arc::clone(&SYSTEM)
    }

    /// The addresses of `host`, one at least.
    pub(crate) fn resolve(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        deadline: Moment,
    ) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let answer = self.ask(host, port, deadline)?;
        let error = match answer.get() {
            Some(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses.clone()),
            Some(Ok(_)) => io::ErrorKind::NotFound.into(),
            Some(Err(error)) => copy(error),
            None => return Err(Error::Timeout(Timeout::Connect)),
        };
        Err(Error::Resolve {
            host: host.to_owned(),
            proxy: false,
            error,
        })
    }

    /// What the lookup of `host` gave until the deadline.
    fn ask(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        deadline: Moment,
    ) -> Result<Arc<Answer>, Error> {
        let key = (host.to_owned(), port);
        let room = |running: &Lookups| running.len() < MAX_LOOKUPS;
        let mut running = self.wait(self.running(), deadline, |running| {
            running.contains_key(&key) || room(running)
        });
        let (answer, is_new) = match running.get(&key) {
            Some(answer) => (Arc::clone(answer), false),
            None if room(&running) => (Arc::default(), true),
            None => return Err(Error::Timeout(Timeout::Connect)),
        };
        if is_new {
            running.insert(key.clone(), Arc::clone(&answer));
        }
        // Without a thread the lookup ends at once, and takes the lock for that.
        drop(running);
        if is_new {
            self.begin(key, &answer).map_err(Error::Io)?;
        }
        drop(self.wait(self.running(), deadline, |_| answer.get().is_some()));
        Ok(answer)
    }

    /// Starts a lookup that is among those that run.
    fn begin(self: &Arc<Self>, key: (String, u16), answer: &Arc<Answer>) -> io::Result<()> {
        let lookup = Running {
            resolver: Arc::clone(self),
            key,
            answer: Arc::clone(answer),
        };
        thread::Builder::new().spawn(move || {
            let (host, port) = &lookup.key;
            let _ = lookup.answer.set((lookup.resolver.lookup)(host, *port));
        })?;
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Lookups> {
        // Nothing that panics is called under the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_met`, or the deadline.
    fn wait<'r, T>(
        &self,
        mut guard: MutexGuard<'r, T>,
        deadline: Moment,
        is_met: impl Fn(&T) -> bool,
    ) -> MutexGuard<'r, T> {
        while !is_met(&guard) && !deadline.has_come(Moment::now()) {
            guard = match deadline.left(Moment::now()) {
                None => self
                    .ended
                    .wait(guard)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.ended.wait_timeout(guard, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        guard
    }
}

/// A lookup in its thread.
struct Running {
    resolver: Arc<Resolver>,
    key: (String, u16),
    answer: Arc<Answer>,
}

/// At its end, which may be a panic of the caller's function.
impl Drop for Running {
    fn drop(&mut self) {
        let without = || Err(io::Error::other("the lookup ended without an answer"));
        self.answer.get_or_init(without);
        // Whoever saw no answer under this lock waits by now.
        self.resolver.running().remove(&self.key);
        self.resolver.ended.notify_all();
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// The same error once more, for those who wait for one answer.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
