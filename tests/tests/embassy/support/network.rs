//! Two hosts of embassy-net on one wire, and a name server on the second.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::task::{Context, Waker};

use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{Config, Ipv4Cidr, Stack, StackResources, StaticConfigV4};
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState};

use super::tasks::apart;

pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The names that the name server knows: these are [`SERVER`]'s, ...
const ZONE: &str = "example.test";
/// ... and those below this one have the hosts that are in them: `9.2.by.test` has 10.0.0.9 and 10.0.0.2, and
/// `six9.2.by.test` has fd00::9 and 10.0.0.2.
const HOSTS: &str = "by.test";

/// Runs `body` with the stack of the client and the one of the server, which are never freed, as
/// those of boards.
pub(crate) async fn on_network<T>(
    body: impl AsyncFnOnce(Stack<'static>, Stack<'static>) -> T,
) -> T {
    on_network_of(config, body).await
}

/// The same on a network of other addresses: what a host is told of its own.
pub(crate) async fn on_network_of<T>(
    config: impl Fn(Ipv4Addr) -> Config,
    body: impl AsyncFnOnce(Stack<'static>, Stack<'static>) -> T,
) -> T {
    let [own, other] = Card::pair();
    let client_memory = Box::leak(Box::new(StackResources::<6>::new()));
    let server_memory = Box::leak(Box::new(StackResources::<12>::new()));
    let (client, mut client_runner) =
        embassy_net::new(own, config(CLIENT), client_memory, 0x1357_9BDF);
    let (server, mut server_runner) =
        embassy_net::new(other, config(SERVER), server_memory, 0x0246_8ACE);
    let runners = join(apart(client_runner.run()), apart(server_runner.run()));
    let network = join(runners, apart(name_server(server)));
    match select(apart(body(client, server)), network).await {
        Either::First(output) => output,
        Either::Second(_) => unreachable!("the network runs for ever"),
    }
}

pub(crate) fn config(address: Ipv4Addr) -> Config {
    Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(address, 24),
        gateway: None,
        dns_servers: [SERVER].into_iter().collect(),
    })
}

/// The IPv6 address of the host that has this one, too.
pub(crate) fn six([.., host]: [u8; 4]) -> Ipv6Addr {
    Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, host.into())
}

/// The addresses of a name, of one family.
fn addresses(name: &str, of_six: bool) -> Vec<IpAddr> {
    if name.ends_with(ZONE) {
        return if of_six { vec![] } else { vec![SERVER.into()] };
    }
    let hosts = name.strip_suffix(HOSTS).unwrap_or_default();
    let hosts = hosts.split('.').filter_map(|host| {
        let number = host.strip_prefix("six");
        if number.is_some() != of_six {
            return None;
        }
        let four = Ipv4Addr::new(10, 0, 0, number.unwrap_or(host).parse().ok()?);
        Some(if of_six {
            six(four.octets()).into()
        } else {
            four.into()
        })
    });
    hosts.collect()
}

/// RFC 1035 §4.1.2: the name that is asked for, and whether for IPv6 addresses (RFC 3596 §2.1: type 28).
fn question(query: &[u8]) -> (String, bool) {
    let (mut labels, mut rest) = (Vec::new(), &query[12..]);
    while let Some((&length, behind)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, behind) = behind.split_at(length.into());
        labels.push(String::from_utf8_lossy(label));
        rest = behind;
    }
    (labels.join("."), rest[2] == 28)
}

/// RFC 1035 §4.1: answers for the names that it knows.
async fn name_server(stack: Stack<'_>) {
    let (mut receive, mut transmit) = ([0; 1024], [0; 1024]);
    let (mut received, mut transmitted) = ([PacketMetadata::EMPTY; 4], [PacketMetadata::EMPTY; 4]);
    let mut socket = UdpSocket::new(
        stack,
        &mut received,
        &mut receive,
        &mut transmitted,
        &mut transmit,
    );
    socket.bind(53).expect("a port");
    let mut query = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut query).await.expect("a query");
        let query = &query[..length];
        let (name, of_six) = question(query);
        let addresses = addresses(&name, of_six);
        let mut answer = query.to_vec();
        answer[2] = 0x80;
        answer[3] = if addresses.is_empty() { 3 } else { 0 };
        answer[7] = addresses.len() as u8;
        for address in addresses {
            let (kind, octets) = match address {
                IpAddr::V4(address) => (1, address.octets().to_vec()),
                IpAddr::V6(address) => (28, address.octets().to_vec()),
            };
            answer.extend([0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, octets.len() as u8]);
            answer.extend(octets);
        }
        socket.send_to(&answer, from).await.expect("to be sent");
    }
}

/// One end of the wire.
struct Card {
    own: Rc<RefCell<Queue>>,
    other: Rc<RefCell<Queue>>,
    address: u8,
}

/// What is on its way to one end.
#[derive(Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

impl Card {
    fn pair() -> [Self; 2] {
        let queues: [Rc<RefCell<Queue>>; 2] = Default::default();
        [1, 2].map(|address| Self {
            own: queues[usize::from(address) - 1].clone(),
            other: queues[2 - usize::from(address)].clone(),
            address,
        })
    }
}

impl Driver for Card {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Arrived, Leaving)> {
        let mut own = self.own.borrow_mut();
        own.waker = Some(context.waker().clone());
        let frame = own.frames.pop_front()?;
        Some((Arrived(frame), Leaving(self.other.clone())))
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Leaving> {
        Some(Leaving(self.other.clone()))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet([2, 0, 0, 0, 0, self.address])
    }
}

struct Arrived(Vec<u8>);

impl embassy_net_driver::RxToken for Arrived {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, read: F) -> R {
        read(&mut self.0)
    }
}

struct Leaving(Rc<RefCell<Queue>>);

impl embassy_net_driver::TxToken for Leaving {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        let mut queue = self.0.borrow_mut();
        queue.frames.push_back(frame);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
        result
    }
}
