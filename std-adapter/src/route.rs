//! From the server that is asked first to the one that answers.

use crate::config::{Config, Target, parse};
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::error::{Error, RedirectError};
use crate::events::{Peer, not_open};
use crate::redirect;

/// Whom to ask next, and what for.
pub(crate) struct Route<'a> {
    /// What the caller set.
    asked: &'a Config,
    /// What of that is for the server of `uri`.
    pub(crate) config: Config,
    pub(crate) uri: String,
    followed: u32,
}

impl<'a> Route<'a> {
    pub(crate) fn new(asked: &'a Config, uri: &str) -> Result<Self, Error> {
        let Target { config, uri } = asked.target(uri)?;
        Ok(Self {
            asked,
            config: config.into_owned(),
            uri: uri.into_owned(),
            followed: 0,
        })
    }

    /// What asking that server came to; `None`: to be asked again, somewhere else or for less.
    pub(crate) fn judge<T>(&mut self, outcome: Result<T, Error>) -> Result<Option<T>, Error> {
        let judged = self.next(outcome);
        judged.inspect_err(|error| not_open(&self.uri, error))
    }

    fn next<T>(&mut self, outcome: Result<T, Error>) -> Result<Option<T>, Error> {
        let rejected = match outcome {
            Err(Error::Rejected(response)) if redirect::is_redirect(&response) => response,
            #[cfg(feature = "deflate")]
            Err(Error::Extension(_))
                if self
                    .config
                    .deflate
                    .as_ref()
                    .is_some_and(Deflate::is_dispensable) =>
            {
                self.config.deflate = None;
                return Ok(None);
            }
            outcome => return outcome.map(Some),
        };
        if self.asked.redirects == 0 {
            return Err(Error::Rejected(rejected));
        }
        if self.followed >= self.asked.redirects {
            return Err(Error::Redirect(RedirectError::TooMany {
                limit: self.asked.redirects,
            }));
        }
        self.followed += 1;
        let from = parse(&self.uri)?;
        let target = redirect::target(&from, &rejected).map_err(Error::Redirect)?;
        let to = parse(&target)?;
        Peer::of(&from).redirected(rejected.status(), &Peer::of(&to));
        if !redirect::is_same_server(&from, &to) {
            let config = std::mem::take(&mut self.config).of_another_server();
            self.config = match self.asked.trust_redirects {
                true => config,
                false => config.without_secrets(),
            };
        }
        self.uri = target;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::keepalive::KeepAlive;
    use crate::proxy::Proxy;
    use crate::response::Response;

    /// What can be set, and is not between the caller and one server.
    fn everywhere(config: Config) -> Config {
        let second = Duration::from_secs(1);
        let config = config
            .subprotocol_required(true)
            .head_limit(1000)
            .message_limit(1001)
            .stream_limit(1002)
            .fragment_limit(1003)
            .receive_buffer(1004)
            .transmit_buffer(1005)
            .redirects(2)
            .resolver(|_, _| Ok(Vec::new()))
            .proxy(Proxy::new("proxy.example").unwrap().except("c.example"))
            .socket(|_| Ok(()))
            .observer(|_| {})
            .one_at_a_time(true)
            .credentials_in_uri(true)
            .connect_timeout(second * 2)
            .handshake_timeout(second * 3)
            .silence_timeout(second * 4)
            .stall_timeout(second * 5)
            .close_timeout(second * 6)
            .keepalive(KeepAlive {
                interval: second * 7,
                dead_after: second * 8,
            });
        #[cfg(feature = "deflate")]
        let config = config.deflate(Deflate::new().window_bits(9).or_without());
        config
    }

    /// What is for a server that the caller trusts.
    fn in_confidence(config: Config) -> Config {
        let config = config.subprotocol("a").header("X-Secret", "b");
        config.origin("https://c.example").host("d.example")
    }

    fn rejected(location: &str) -> Result<(), Error> {
        let head = format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n");
        let response = Response::new(302, head.into_bytes());
        Err(Error::Rejected(Box::new(response)))
    }

    /// `Debug` of a configuration shows all that can be set of it.
    fn assert_same(config: &Config, expected: &Config, case: &str) {
        assert_eq!(format!("{config:#?}"), format!("{expected:#?}"), "{case}");
    }

    // row: RSP-03, LIV-22
    #[test]
    fn what_was_set_holds_for_other_servers_too() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let own = in_confidence(everywhere(Config::new())).address(address);
        let trusting = own.clone().trust_redirects(true);
        let trusted = in_confidence(everywhere(Config::new())).trust_redirects(true);
        for (asked, location, expected) in [
            (&own, "/other", own.clone()),
            (&own, "ws://A.EXAMPLE:80/", own.clone()),
            (&own, "ws://b.example/", everywhere(Config::new())),
            (&own, "ws://a.example:81/", everywhere(Config::new())),
            (&own, "wss://a.example/", everywhere(Config::new())),
            (&trusting, "/other", trusting.clone()),
            (&trusting, "ws://b.example/", trusted),
        ] {
            let mut route = Route::new(asked, "ws://a.example/").unwrap();
            assert_same(&route.config, asked, location);
            assert!(route.judge(rejected(location)).unwrap().is_none());
            assert_same(&route.config, &expected, location);
            // The next server in the row is told no more than this one.
            assert!(route.judge(rejected("/again")).unwrap().is_none());
            assert_same(&route.config, &expected, location);
            // As many as were allowed.
            let error = route.judge(rejected("/again")).unwrap_err();
            let many = RedirectError::TooMany { limit: 2 };
            assert!(matches!(error, Error::Redirect(why) if why == many));
        }
    }

    /// Asked for less, a server is told no more than before, and has no more redirects to give.
    // row: RSP-03, LIV-22
    #[cfg(feature = "deflate")]
    #[test]
    fn a_server_that_is_asked_without_compression_is_asked_for_nothing_else() {
        use bare_ws::handshake::Refusal;

        let refused = || Err::<(), _>(Error::Extension(Refusal::Memory("server_max_window_bits")));
        let asked = in_confidence(everywhere(Config::new()));
        let mut route = Route::new(&asked, "ws://a.example/").unwrap();
        for location in ["ws://b.example/", "/other"] {
            assert!(route.judge(rejected(location)).unwrap().is_none());
        }
        assert!(route.judge(refused()).unwrap().is_none());
        assert_eq!(route.uri, "ws://b.example/other");
        let expected = everywhere(Config::new()).deflate(None);
        assert_same(&route.config, &expected, "without");
        assert!(matches!(
            route.judge(rejected("/more")),
            Err(Error::Redirect(_))
        ));
        // There is nothing that could be left out once more.
        assert!(matches!(route.judge(refused()), Err(Error::Extension(_))));
    }
}
