//! URIs as people write them, and as RFC 6455 §3 knows them.

use std::borrow::Cow;

use super::Config;
use crate::error::Error;
use crate::proxy::basic;

/// A URI without the parts that are not sent, and the configuration with what is sent instead.
pub(crate) struct Target<'c, 'u> {
    pub(crate) config: Cow<'c, Config>,
    pub(crate) uri: Cow<'u, str>,
}

impl Config {
    /// Takes from the URI what was set to be taken; `Uri::parse` judges whatever is left.
    pub(crate) fn target<'c, 'u>(&'c self, uri: &'u str) -> Result<Target<'c, 'u>, Error> {
        let mut target = Target {
            config: Cow::Borrowed(self),
            uri: Cow::Borrowed(uri),
        };
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Ok(target);
        };
        let (authority, resource) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let mut server = Cow::Borrowed(authority);
        if self.credentials_in_uri
            && let Some((userinfo, host)) = authority.rsplit_once('@')
        {
            let value = basic(userinfo).map_err(|_| Error::Credentials)?;
            let is_set = |(name, _): &(String, _)| name.eq_ignore_ascii_case("authorization");
            if !userinfo.is_empty() && !self.headers.iter().any(is_set) {
                target.config = Cow::Owned(self.clone().header("Authorization", value));
            }
            server = Cow::Borrowed(host);
        }
        #[cfg(feature = "idna")]
        if self.idna && !server.is_ascii() && !server.contains('@') {
            server = Cow::Owned(ascii(&server)?);
        }
        if server != authority {
            target.uri = Cow::Owned(format!("{scheme}://{server}{resource}"));
        }
        Ok(target)
    }
}

/// A host, perhaps with a port, with the host in A-labels. No character that a host must not have
/// comes out of it (WHATWG URL §3.5).
#[cfg(feature = "idna")]
fn ascii(server: &str) -> Result<String, Error> {
    use bare_ws::uri::UriError;
    use idna::AsciiDenyList;

    let (host, port) = server.split_at(server.rfind(':').unwrap_or(server.len()));
    let host = idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL);
    let host = host.map_err(|_| Error::Uri(UriError::Host))?;
    Ok(format!("{host}{port}"))
}
