//! The rows of `ws` once more, behind TLS: what an option sets, it sets of `wss`, too.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection};

use super::peer::{Conn, Steady};
use super::{CONFIGURATIONS, Files, Row, TABLES, authority, judge, serve, timely};

/// As a row has it: what the server sees is behind TLS.
#[test]
fn every_end_behind_tls_is_the_same_line_and_status() {
    let ours = authority("ours");
    let config = ours.server(&["127.0.0.1"]).unwrap();
    let mut files = Files(Vec::new());
    let roots = files.write("behind.pem", &ours.pem());
    thread::scope(|scope| {
        for configuration in CONFIGURATIONS {
            let (config, roots) = (&config, &roots);
            scope.spawn(move || {
                let rows = TABLES.into_iter().flatten();
                for row in rows.filter(|row| is_for_both(row)) {
                    check(row, configuration, Arc::clone(config), roots);
                }
            });
        }
    });
}

/// The time of both handshakes is one, and the table of TLS has it; and until TLS that is not optimised
/// has filled what two connections hold, seconds pass.
fn is_for_both(row: &Row) -> bool {
    !row.arguments.contains(&"--handshake-timeout") && !row.name.contains("reads nothing")
}

fn check(row: &Row, configuration: &[&str], config: Arc<ServerConfig>, roots: &str) {
    let server = row.server;
    let peer = serve(move |conn| {
        let (front, behind) = pair();
        thread::scope(|scope| {
            let front = scope.spawn(move || Front::new(conn.tcp, front, config).run());
            server(&mut Conn::new(behind));
            front.join().unwrap();
        });
    });
    let uri = peer.uri().replace("ws://", "wss://");
    let run = timely(&[configuration, row.arguments, &["--ca", roots, &uri]].concat());
    let name = format!("{} {configuration:?} behind TLS", row.name);
    judge(&name, &run, row.outcome);
    peer.join();
}

fn pair() -> (Steady, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let other = listener.accept().unwrap().0;
    one.set_nodelay(true).unwrap();
    (Steady(one), other)
}

/// What ends TLS before a server that speaks without.
struct Front {
    client: Steady,
    server: Steady,
    tls: Mutex<ServerConnection>,
    /// To be held while octets of TLS are made and written, so that they keep their order.
    records: Mutex<()>,
}

impl Front {
    fn new(client: Steady, server: Steady, config: Arc<ServerConfig>) -> Self {
        Self {
            client,
            server,
            tls: Mutex::new(ServerConnection::new(config).unwrap()),
            records: Mutex::new(()),
        }
    }

    fn run(self) {
        thread::scope(|scope| {
            scope.spawn(|| self.inward());
            self.outward();
        });
    }

    /// From the client to the server.
    fn inward(&self) {
        let mut octets = [0; 16_384];
        let mut client = self.client.try_clone().unwrap();
        let mut server = self.server.try_clone().unwrap();
        let how = loop {
            let n = match client.read(&mut octets) {
                Ok(0) => break Shutdown::Write,
                Ok(n) => n,
                Err(_) => break Shutdown::Both,
            };
            let mut rest = octets.get(..n).unwrap_or_default();
            while !rest.is_empty() {
                let mut plain = Vec::new();
                let answers = {
                    let mut tls = self.tls.lock().unwrap();
                    tls.read_tls(&mut rest).unwrap();
                    tls.process_new_packets().unwrap();
                    // It ends with an error where more is to come.
                    let _ = tls.reader().read_to_end(&mut plain);
                    tls.wants_write()
                };
                // Whoever reads no more has seen enough.
                let _ = server.write_all(&plain);
                if answers {
                    self.records(b"");
                }
            }
        };
        let _ = self.server.shutdown(how);
    }

    /// From the server to the client.
    fn outward(&self) {
        let mut octets = [0; 16_384];
        let mut server = self.server.try_clone().unwrap();
        while let Ok(n @ 1..) = server.read(&mut octets) {
            if !self.records(octets.get(..n).unwrap_or_default()) {
                // Nobody is there to be sent it.
                let _ = self.server.shutdown(Shutdown::Both);
                return;
            }
        }
        self.tls.lock().unwrap().send_close_notify();
        self.records(b"");
        let _ = self.client.shutdown(Shutdown::Write);
    }

    /// Sends `plain`, and what TLS has to say by itself: whether the client took it.
    fn records(&self, plain: &[u8]) -> bool {
        let _order = self.records.lock().unwrap();
        let mut octets = Vec::new();
        {
            let mut tls = self.tls.lock().unwrap();
            tls.writer().write_all(plain).unwrap();
            while tls.wants_write() {
                tls.write_tls(&mut octets).unwrap();
            }
        }
        let mut client = self.client.try_clone().unwrap();
        client.write_all(&octets).is_ok()
    }
}
