//! The servers that are connected to without a proxy.

use std::net::IpAddr;

/// A list of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug)]
struct Exception {
    host: Host,
    /// `None`: all.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    /// A network: an address, and how many bits of it count.
    Network(IpAddr, u32),
    /// A name, and those below it.
    Name(String),
}

impl Exceptions {
    /// Adds what stands between commas or white space.
    pub(super) fn add(&mut self, servers: &str) {
        let servers = servers.split(|c: char| c == ',' || c.is_whitespace());
        let servers = servers.filter(|server| !server.is_empty());
        self.0.extend(servers.map(Exception::parse));
    }

    pub(super) fn include(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let on_port = |exception: &&Exception| exception.port.is_none_or(|own| own == port);
        let mut exceptions = self.0.iter().filter(on_port);
        exceptions.any(|exception| exception.host.includes(host))
    }
}

impl Exception {
    fn parse(text: &str) -> Self {
        let unported = |host| Self { host, port: None };
        if let Some(host) = Host::network(text) {
            return unported(host);
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            return Self {
                host: Host::parse(host),
                port: Some(port),
            };
        }
        unported(Host::parse(text))
    }
}

impl Host {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Any;
        }
        let name = || {
            let name = text.strip_prefix('*').unwrap_or(text);
            let name = name.strip_prefix('.').unwrap_or(name);
            Self::Name(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
        };
        Self::network(text).unwrap_or_else(name)
    }

    /// An address, with brackets or without, or a network.
    fn network(text: &str) -> Option<Self> {
        let address = |text: &str| {
            let text = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'))
                .unwrap_or(text);
            text.parse::<IpAddr>().ok()
        };
        let Some((network, bits)) = text.split_once('/') else {
            let address = address(text)?.to_canonical();
            return Some(Self::Network(address, width(address)));
        };
        let network = address(network)?;
        let bits = bits.parse().ok().filter(|bits| *bits <= width(network))?;
        Some(Self::Network(network, bits))
    }

    fn includes(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Network(network, bits) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| contains(*network, *bits, address.to_canonical())),
            Self::Name(name) => {
                let host = host.to_ascii_lowercase();
                let below = host.strip_suffix(name.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
        }
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let differs = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()),
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    let host_bits = width(network).saturating_sub(bits);
    differs.checked_shr(host_bits).unwrap_or_default() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // row: REQ-15
    #[test]
    fn exceptions_are_names_addresses_networks_and_ports() {
        for (list, included, others) in [
            ("", &[][..], &["a:80", "127.0.0.1:80"][..]),
            ("*", &["a:80", "::1:1"], &[]),
            ("*:80", &["a:80"], &["a:81"]),
            (
                "Example.org",
                &["example.org:1", "EXAMPLE.ORG.:1", "a.b.example.org:1"],
                &["badexample.org:1", "example.org.uk:1", "org:1"],
            ),
            (
                ".example.org",
                &["example.org:1", "a.example.org:1"],
                &["xexample.org:1"],
            ),
            ("*.example.org", &["a.example.org:1"], &["xexample.org:1"]),
            ("a, b\tc", &["a:1", "b:1", "c:1"], &["d:1"]),
            ("host:8080", &["host:8080", "a.host:8080"], &["host:80"]),
            ("10.1.2.3", &["10.1.2.3:1"], &["10.1.2.4:1", "x.10.1.2.3:1"]),
            ("10.0.0.0/8", &["10.255.0.1:1"], &["11.0.0.1:1", "::1:1"]),
            ("10.0.0.0/0", &["1.2.3.4:1"], &["::1:1", "a:1"]),
            ("10.1.2.3/32", &["10.1.2.3:1"], &["10.1.2.2:1"]),
            ("10.1.2.3/33", &[], &["10.1.2.3:1"]),
            ("127.0.0.1:81", &["127.0.0.1:81"], &["127.0.0.1:80"]),
            ("::1", &["::1:1"], &["::2:1"]),
            ("[::1]", &["::1:1"], &["::2:1"]),
            ("[::1]:81", &["::1:81"], &["::1:80"]),
            ("fe80::/10", &["fe80::1:1", "febf::1:1"], &["fec0::1:1"]),
            ("::/0", &["::1:1"], &["127.0.0.1:1"]),
            ("127.0.0.1", &["::ffff:127.0.0.1:1"], &["::127.0.0.1:1"]),
        ] {
            let mut exceptions = Exceptions::default();
            exceptions.add(list);
            for (servers, wanted) in [(included, true), (others, false)] {
                for server in servers {
                    let (host, port) = server.rsplit_once(':').unwrap();
                    let included = exceptions.include(host, port.parse().unwrap());
                    assert_eq!(included, wanted, "{list:?}: {server}");
                }
            }
        }
    }
}
