//! The loops around a library, blocking or asynchronous.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::thread;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::task::spawn_local;

use super::{Drive, Idle, Library};
use crate::direction::Takeover;
use crate::payload::{Kind, Payload};
use crate::tls;
use crate::wire::Wire;

/// One message after the other by a blocking library.
pub trait Client {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8]));
    fn send(&mut self);
    /// What is sent from now on.
    fn load(&mut self, payload: Payload);
    /// What leaves with the next [`flush`](Self::flush), or before.
    fn queue(&mut self);
    fn flush(&mut self);
    /// The closing handshake, and what the library does after it.
    fn close(self);
}

pub struct Blocking<C>(pub C);

impl<C: Client> Drive for Blocking<C> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            self.0.receive(show);
        }
    }

    fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.0.send();
        }
    }

    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            self.0.send();
            self.0.receive(show);
        }
    }

    fn batch(&mut self, count: u64) {
        for _ in 0..count {
            self.0.queue();
        }
        self.0.flush();
        self.0.receive(&mut |_, _| {});
    }

    fn send_each(&mut self, payloads: &mut dyn Iterator<Item = Payload>) {
        for payload in payloads {
            self.0.load(payload);
            self.0.send();
        }
    }

    fn echo_each(
        &mut self,
        payloads: &mut dyn Iterator<Item = Payload>,
        show: &mut dyn FnMut(Kind, &[u8]),
    ) {
        for payload in payloads {
            self.0.load(payload);
            self.0.send();
            self.0.receive(show);
        }
    }
}

/// One connection after the other.
pub fn one_by_one<C: Client>(connect: impl Fn() -> C + 'static) -> Box<dyn FnMut(u64)> {
    Box::new(move |count| {
        for _ in 0..count {
            connect().close();
        }
    })
}

/// Sends `payload` for each message that it receives, in a thread of its own.
pub fn hold_in_thread<C: Client + Send + 'static>(mut client: C, payload: Payload) {
    let started = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        loop {
            client.receive(&mut |_, _| {});
            client.load(payload);
            client.send();
            client.load(Payload::EMPTY);
        }
    });
    started.expect("a thread");
}

/// The same by an asynchronous one.
pub trait AsyncClient {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8]));
    async fn send(&mut self);
    fn load(&mut self, payload: Payload);
    async fn queue(&mut self);
    async fn flush(&mut self);
    async fn close(self);
}

/// What asynchronous libraries take for a transport.
pub trait Octets: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Octets for S {}

/// An asynchronous library.
pub trait Asynchronous: 'static {
    /// A client over a transport; the opening handshake it may do or leave.
    fn over<S: Octets>(
        stream: S,
        payload: Payload,
    ) -> impl Future<Output = impl AsyncClient + 'static>;

    fn in_memory(wire: Wire, payload: Payload) -> impl Future<Output = impl AsyncClient + 'static> {
        Self::over(wire, payload)
    }

    /// A client over TLS, for which it may have a way of its own.
    fn over_tls(
        tcp: tokio::net::TcpStream,
        payload: Payload,
    ) -> impl Future<Output = impl AsyncClient + 'static> {
        async move { Self::over(tls::connect(tcp).await, payload).await }
    }
}

/// It can connect and make the opening handshake.
pub trait Connecting: Asynchronous {
    fn connect(
        address: SocketAddr,
        payload: Payload,
    ) -> impl Future<Output = impl AsyncClient + 'static>;
}

/// It has permessage-deflate.
pub trait Deflating: Asynchronous {
    /// Level 6, and any window.
    fn deflating(
        wire: Wire,
        payload: Payload,
        takeover: Takeover,
    ) -> impl Future<Output = impl AsyncClient + 'static>;
}

pub const fn asynchronous<L: Asynchronous>(name: &'static str) -> Library {
    Library {
        name,
        in_memory: Some(|wire, payload| on_tokio(|| L::in_memory(wire, payload))),
        over_tcp: Some(|tcp, payload| over_tcp(tcp, |tcp| L::over(tcp, payload))),
        over_tls: Some(|tcp, payload| over_tcp(tcp, |tcp| L::over_tls(tcp, payload))),
        deflate: None,
        connect: None,
        idle: Some(Idle::Task(|address, payload| {
            Box::pin(async move {
                let tcp = tokio::net::TcpStream::connect(address).await;
                let client = L::over(tcp.expect("a connection"), Payload::EMPTY).await;
                spawn_local(hold(client, payload));
            })
        })),
        has_queue: true,
    }
}

pub const fn connecting<L: Connecting>(name: &'static str) -> Library {
    Library {
        connect: Some(|address, payload| {
            let runtime = runtime();
            Box::new(move |count| {
                runtime.block_on(async {
                    for _ in 0..count {
                        L::connect(address, payload).await.close().await;
                    }
                });
            })
        }),
        idle: Some(Idle::Task(|address, payload| {
            Box::pin(async move {
                let client = L::connect(address, Payload::EMPTY).await;
                spawn_local(hold(client, payload));
            })
        })),
        ..asynchronous::<L>(name)
    }
}

pub const fn deflating<L: Connecting + Deflating>(name: &'static str) -> Library {
    Library {
        deflate: Some(|wire, payload, takeover| {
            Some(on_tokio(|| L::deflating(wire, payload, takeover)))
        }),
        ..connecting::<L>(name)
    }
}

/// Sends `payload` for each message that it receives.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn would have room for the client twice"
)]
fn hold(mut client: impl AsyncClient, payload: Payload) -> impl Future<Output = ()> {
    async move {
        loop {
            client.receive(&mut |_, _| {}).await;
            client.load(payload);
            client.send().await;
            client.load(Payload::EMPTY);
        }
    }
}

/// On tokio's executor for one thread.
struct Async<C> {
    client: C,
    runtime: Runtime,
}

impl<C: AsyncClient> Drive for Async<C> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.receive(show).await;
            }
        });
    }

    fn send(&mut self, count: u64) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.send().await;
            }
        });
    }

    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.send().await;
                self.client.receive(show).await;
            }
        });
    }

    fn batch(&mut self, count: u64) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.queue().await;
            }
            self.client.flush().await;
            self.client.receive(&mut |_, _| {}).await;
        });
    }

    fn send_each(&mut self, payloads: &mut dyn Iterator<Item = Payload>) {
        self.runtime.block_on(async {
            for payload in payloads {
                self.client.load(payload);
                self.client.send().await;
            }
        });
    }

    fn echo_each(
        &mut self,
        payloads: &mut dyn Iterator<Item = Payload>,
        show: &mut dyn FnMut(Kind, &[u8]),
    ) {
        self.runtime.block_on(async {
            for payload in payloads {
                self.client.load(payload);
                self.client.send().await;
                self.client.receive(show).await;
            }
        });
    }
}

pub type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A client, made in a runtime.
pub fn on_tokio<C: AsyncClient + 'static, F: Future<Output = C>>(
    client: impl FnOnce() -> F,
) -> Box<dyn Drive> {
    let runtime = runtime();
    let client = runtime.block_on(async { client().await });
    Box::new(Async { client, runtime })
}

/// The same over TCP.
fn over_tcp<C: AsyncClient + 'static, F: Future<Output = C>>(
    tcp: TcpStream,
    client: impl FnOnce(tokio::net::TcpStream) -> F,
) -> Box<dyn Drive> {
    tcp.set_nonblocking(true).expect("non-blocking");
    on_tokio(|| client(tokio::net::TcpStream::from_std(tcp).expect("a socket")))
}
