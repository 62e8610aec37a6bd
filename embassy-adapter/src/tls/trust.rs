//! Whom to trust: a chain to a trust anchor, or one pinned key.

use core::time::Duration;

use heapless::Vec;
use pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::algorithm::{Budget, Counted};
use super::der::{DIGITAL_SIGNATURE, Fields, KEY_CERT_SIGN};
use super::error::{CertificateError, Date};

/// The most intermediate certificates that a server may send. Public servers send one or two. More
/// would let a stranger make a board spend long on the search for a path. At most two more
/// signatures than this are checked to find one, and none after the second wrong one.
pub const MAX_INTERMEDIATES: usize = 4;

/// Judges the certificates of a server.
///
/// Whether the server holds the key of its first certificate is verified separately, whichever
/// implementation is used.
pub trait Trust {
    /// `chain` is what the server sent, its own certificate first. `Ok` is the promise that
    /// the first certificate is that of `server`.
    fn judge(
        &self,
        server: &ServerName<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), CertificateError>;
}

impl<T: Trust + ?Sized> Trust for &T {
    fn judge(
        &self,
        server: &ServerName<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), CertificateError> {
        (**self).judge(server, chain)
    }
}

/// What time it is, as far as the caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Clock {
    /// Seconds since 1970-01-01 00:00 UTC, now.
    UnixSeconds(u64),
    /// There is no clock, so whether a certificate has expired **is not checked**: a key that
    /// leaked years ago opens the connection as if it were fresh, for as long as its authority
    /// is trusted. The dates of a path are still held against each other.
    AbsentExpiryNotChecked,
}

/// Trusts servers whose certificate leads to one of these anchors (RFC 5280), is for the name
/// asked for (RFC 6125), and is valid now.
///
/// Checked: every signature of the path, basicConstraints with pathLen, keyUsage, extended key
/// usage, name constraints, critical extensions, validity; the name against dNSName and
/// iPAddress of subjectAltName only, a wildcard standing for one whole left-most label.
/// **Not checked: revocation.**
#[derive(Clone, Copy, Debug)]
pub struct Roots<'a> {
    anchors: &'a [TrustAnchor<'a>],
    clock: Clock,
}

impl<'a> Roots<'a> {
    /// `anchors` come from [`anchor_from_trusted_cert`](super::anchor_from_trusted_cert), or
    /// from constants.
    #[must_use]
    pub const fn new(anchors: &'a [TrustAnchor<'a>], clock: Clock) -> Self {
        Self { anchors, clock }
    }

    fn path_at(
        &self,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        seconds: u64,
        budget: &Budget,
    ) -> Result<(), CertificateError> {
        let counted = Counted::all(budget);
        let algorithms = counted
            .each_ref()
            .map(|algorithm| -> &dyn SignatureVerificationAlgorithm { algorithm });
        leaf.verify_for_usage(
            &algorithms,
            self.anchors,
            intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            None,
            Some(&key_usage_allows),
        )
        .map(drop)
        .map_err(|error| match (budget.is_exceeded(), error.into()) {
            (true, CertificateError::BadSignature) => CertificateError::TooComplex,
            (_, error) => error,
        })
    }

    /// Without a clock, some moment must exist at which the whole path was valid. If there is
    /// one, it is the beginning of some certificate's validity.
    fn path_at_some_time(
        &self,
        leaf: &EndEntityCert<'_>,
        chain: &[CertificateDer<'_>],
        intermediates: &[CertificateDer<'_>],
        budget: &Budget,
    ) -> Result<(), CertificateError> {
        let mut first = None;
        for certificate in chain {
            let Some(fields) = Fields::of(certificate) else {
                continue;
            };
            // Dates are looked at before signatures, so another try costs little.
            match self.path_at(leaf, intermediates, fields.not_before, budget) {
                Err(
                    error @ (CertificateError::Expired { .. }
                    | CertificateError::NotYetValid { .. }),
                ) => {
                    first.get_or_insert(error);
                }
                verdict => return verdict,
            }
        }
        Err(first.unwrap_or(CertificateError::Malformed))
    }
}

impl Trust for Roots<'_> {
    fn judge(
        &self,
        server: &ServerName<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), CertificateError> {
        let (leaf, intermediates) = chain.split_first().ok_or(CertificateError::Missing)?;
        if intermediates.len() > MAX_INTERMEDIATES {
            return Err(CertificateError::TooMany);
        }
        let leaf = EndEntityCert::try_from(leaf)?;
        let budget = Budget::new();
        match self.clock {
            Clock::UnixSeconds(now) => self.path_at(&leaf, intermediates, now, &budget)?,
            Clock::AbsentExpiryNotChecked => {
                self.path_at_some_time(&leaf, chain, intermediates, &budget)?;
            }
        }
        leaf.verify_is_valid_for_subject_name(server)?;
        Ok(())
    }
}

/// webpki ignores keyUsage. RFC 5280 §6.1.4 (n): "If a key usage extension is present, verify
/// that the keyCertSign bit is set." RFC 8446 §4.4.2.2: "the digitalSignature bit MUST be set if
/// the Key Usage extension is present".
fn key_usage_allows(path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    let allows = |certificate: &webpki::Cert<'_>, usage| {
        Fields::of(&certificate.der()).is_some_and(|fields| fields.allows(usage))
    };
    if !allows(path.end_entity(), DIGITAL_SIGNATURE)
        || !path
            .intermediate_certificates()
            .all(|issuer| allows(issuer, KEY_CERT_SIGN))
    {
        return Err(KEY_USAGE);
    }
    Ok(())
}

/// The webpki error that stands for keyUsage here: webpki itself uses it only for revocation lists,
/// and is given none.
const KEY_USAGE: webpki::Error = webpki::Error::IssuerNotCrlSigner;

/// Trusts one key, or a few, by the SHA-256 of their `SubjectPublicKeyInfo`, and nothing else of
/// the certificate: not its name, not its dates, not its issuer.
///
/// It is the smallest choice, and for a fleet with its own server often the right one: no authority
/// can be tricked into vouching for another key. Give two pins, the second for the key that will
/// come next, or the fleet is lost with the first key.
#[derive(Clone, Copy, Debug)]
pub struct PinnedKey<'a> {
    pins: &'a [[u8; 32]],
}

impl<'a> PinnedKey<'a> {
    /// Each pin as `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der |
    /// openssl dgst -sha256` prints it, in octets (RFC 7469 §2.4 calls it an SPKI fingerprint).
    #[must_use]
    pub const fn new(pins: &'a [[u8; 32]]) -> Self {
        Self { pins }
    }

    /// The pin of the key in a DER-encoded certificate; `None` if that is not a certificate.
    #[must_use]
    pub fn pin_of(certificate: &[u8]) -> Option<[u8; 32]> {
        Fields::of(certificate).map(|fields| Sha256::digest(fields.spki).into())
    }
}

impl Trust for PinnedKey<'_> {
    fn judge(
        &self,
        _server: &ServerName<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::Missing)?;
        let pin = Self::pin_of(leaf).ok_or(CertificateError::Malformed)?;
        if self.pins.contains(&pin) {
            Ok(())
        } else {
            Err(CertificateError::NotPinned)
        }
    }
}

/// What a server sent, as a slice for [`Trust::judge`].
pub(super) type Chain<'a> = Vec<CertificateDer<'a>, { MAX_INTERMEDIATES + 1 }>;

impl From<webpki::Error> for CertificateError {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            KEY_USAGE => Self::KeyUsage,
            E::CertNotValidForName(_) => Self::WrongName,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::CertExpired { time, not_after } => Self::Expired {
                not_after: Date::from_unix_seconds(not_after.as_secs()),
                at: Date::from_unix_seconds(time.as_secs()),
            },
            E::CertNotValidYet { time, not_before } => Self::NotYetValid {
                not_before: Date::from_unix_seconds(not_before.as_secs()),
                at: Date::from_unix_seconds(time.as_secs()),
            },
            E::InvalidCertValidity => Self::Validity,
            E::EndEntityUsedAsCa => Self::IssuerNotCa,
            E::CaUsedAsEndEntity => Self::CaAsServer,
            E::PathLenConstraintViolated => Self::PathLength,
            E::NameConstraintViolation => Self::NameConstraint,
            E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => Self::ExtendedKeyUsage,
            E::UnsupportedCriticalExtension => Self::CriticalExtension,
            E::InvalidSignatureForPublicKey => Self::BadSignature,
            E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::Algorithm,
            E::MaximumSignatureChecksExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumPathDepthExceeded
            | E::MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            E::UnsupportedCertVersion => Self::Version,
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::vec::Vec;

    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
        GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
        date_time_ymd,
    };
    use webpki::anchor_from_trusted_cert;

    use super::*;
    use crate::tls::algorithm::{SIGNATURES, WRONG};

    struct Node {
        params: CertificateParams,
        key: KeyPair,
        der: CertificateDer<'static>,
    }

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params
    }

    fn authority(name: &str) -> CertificateParams {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = [KeyUsagePurpose::KeyCertSign].into();
        params
    }

    fn leaf() -> CertificateParams {
        let mut params = named("leaf");
        params.extended_key_usages = [ExtendedKeyUsagePurpose::ServerAuth].into();
        params
    }

    impl Node {
        fn root(name: &str) -> Self {
            let (params, key) = (authority(name), KeyPair::generate().unwrap());
            let der = params.self_signed(&key).unwrap().der().clone();
            Self { params, key, der }
        }

        fn issue(&self, params: CertificateParams) -> Self {
            self.certify(params, KeyPair::generate().unwrap())
        }

        fn certify(&self, params: CertificateParams, key: KeyPair) -> Self {
            let issuer = Issuer::new(self.params.clone(), &self.key);
            let der = params.signed_by(&key, &issuer).unwrap().der().clone();
            Self { params, key, der }
        }
    }

    /// How many signatures are checked for the chain, and what came of it.
    fn judged(anchors: &[&Node], chain: &[&Node]) -> (u8, Result<(), CertificateError>) {
        let anchors: Vec<_> = anchors
            .iter()
            .map(|node| anchor_from_trusted_cert(&node.der).unwrap())
            .collect();
        let chain: Vec<_> = chain.iter().map(|node| node.der.clone()).collect();
        let (leaf, intermediates) = chain.split_first().unwrap();
        let leaf = EndEntityCert::try_from(leaf).unwrap();
        let budget = Budget::new();
        // 2026-11-22.
        let roots = Roots::new(&anchors, Clock::UnixSeconds(1_795_305_600));
        let verdict = roots.path_at(&leaf, intermediates, 1_795_305_600, &budget);
        (budget.checked(), verdict)
    }

    // row: LIV-18
    #[test]
    fn the_signatures_that_are_checked_for_a_chain_are_few() {
        let root = Node::root("root");
        let old = Node::root("root");
        let of_root = root.issue(leaf());
        // One below the other.
        let mut path = Vec::from([root.issue(authority("1"))]);
        for name in ["2", "3", "4"] {
            let next = path.last().unwrap().issue(authority(name));
            path.push(next);
        }
        let deep = path[3].issue(leaf());
        let below_one = path[0].issue(leaf());
        // After a change of its keys.
        let renewed = root.issue(authority("1"));

        // A stranger's: an authority's names are no secret, and neither are its certificates.
        let named_root: Vec<_> = (0..4).map(|_| Node::root("root")).collect();
        let forged = named_root[0].issue(leaf());
        let stranger = Node::root("4");
        let below_deep = stranger.issue(leaf());
        let namesakes: Vec<_> = (0..4).map(|_| root.issue(authority("4"))).collect();

        // An authority certified twice, once not for this server: both paths are right as far as signatures tell.
        let mut narrow = authority("3");
        narrow.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: Vec::from([GeneralSubtree::DnsName("host.test".into())]),
        });
        let narrow = path[1].certify(
            narrow,
            KeyPair::try_from(path[2].key.serialize_der()).unwrap(),
        );
        let mut host = leaf();
        host.subject_alt_names = Vec::from([SanType::DnsName("host.test".try_into().unwrap())]);
        let below_three = path[2].issue(host);

        use CertificateError::{BadSignature, TooComplex};
        type Row<'n> = (
            Vec<&'n Node>,
            Vec<&'n Node>,
            u8,
            Result<(), CertificateError>,
        );
        fn behind<'n>(leaf: &'n Node, others: &'n [Node]) -> Vec<&'n Node> {
            core::iter::once(leaf).chain(others).collect()
        }
        let upwards = |leaf| {
            let mut chain = behind(leaf, &path);
            chain[1..].reverse();
            chain
        };
        let table: [Row<'_>; 9] = [
            (Vec::from([&root]), Vec::from([&of_root]), 1, Ok(())),
            (
                Vec::from([&root]),
                Vec::from([&below_one, &path[0]]),
                2,
                Ok(()),
            ),
            (Vec::from([&root]), upwards(&deep), 5, Ok(())),
            // One wrong issuer, of the same name as the right one.
            (Vec::from([&old, &root]), Vec::from([&of_root]), 2, Ok(())),
            (
                Vec::from([&root]),
                Vec::from([&below_one, &renewed, &path[0]]),
                4,
                Ok(()),
            ),
            (
                Vec::from([&root]),
                behind(&forged, &named_root),
                WRONG,
                Err(TooComplex),
            ),
            (
                Vec::from([&root]),
                behind(&below_deep, &namesakes),
                4,
                Err(TooComplex),
            ),
            (
                Vec::from([&root]),
                upwards(&below_deep),
                5,
                Err(BadSignature),
            ),
            (
                Vec::from([&root]),
                Vec::from([&below_three, &narrow, &path[2], &path[1], &path[0]]),
                SIGNATURES,
                Err(TooComplex),
            ),
        ];
        for (number, (anchors, chain, checked, verdict)) in table.iter().enumerate() {
            let seen = judged(anchors, chain);
            assert_eq!(seen, (*checked, *verdict), "row {number}");
            assert!(seen.0 <= SIGNATURES, "row {number}");
        }
    }
}
