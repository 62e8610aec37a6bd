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
