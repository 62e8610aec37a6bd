//! Chains of certificates, good and bad: ours judged beside rustls's own verifier.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "on hosts"
)]

#[rustfmt::skip] // a row a line
mod table;
#[path = "../tls_pki/mod.rs"]
mod tls_pki;

use std::sync::Arc;
use std::time::Duration;

use bare_ws_embassy::tls::{
    CertificateDer, CertificateError, Clock, Date, MAX_INTERMEDIATES, PinnedKey, Roots, Trust,
    anchor_from_trusted_cert,
};
use rcgen::{CertificateParams, GeneralSubtree, NameConstraints};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{RootCertStore, crypto};

use tls_pki::{NOW, Node, authority, distinguished, server, valid};

/// A chain, and what has to become of it.
struct Case {
    label: &'static str,
    name: &'static str,
    now: u64,
    anchors: Vec<CertificateDer<'static>>,
    /// As the server sends it, its own first.
    chain: Vec<CertificateDer<'static>>,
    expected: Verdict,
    /// Why rustls accepts what is refused here; never the reverse.
    rustls_accepts: Option<&'static str>,
}

const HOST: &str = "host.example.test";

type Verdict = Result<(), CertificateError>;

fn ours(case: &Case) -> Verdict {
    judge(case, Clock::UnixSeconds(case.now))
}

fn judge(case: &Case, clock: Clock) -> Verdict {
    let anchors: Vec<_> = case
        .anchors
        .iter()
        .map(|anchor| anchor_from_trusted_cert(anchor).unwrap())
        .collect();
    let name = ServerName::try_from(case.name).unwrap();
    Roots::new(&anchors, clock).judge(&name, &case.chain)
}

fn rustls(case: &Case) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    for anchor in &case.anchors {
        roots.add(anchor.clone()).unwrap();
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let (leaf, intermediates) = case.chain.split_first().unwrap();
    verifier
        .verify_server_cert(
            leaf,
            intermediates,
            &ServerName::try_from(case.name).unwrap(),
            &[],
            UnixTime::since_unix_epoch(Duration::from_secs(case.now)),
        )
        .map(drop)
}

// row: SEED-06, REQ-14
#[test]
fn every_chain_is_judged_as_the_table_says_and_as_rustls_judges_it() {
    let cases = table::cases();
    assert!(cases.len() >= 40, "{} chains", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (ours, theirs) = (ours(case), rustls(case));
        if ours != case.expected {
            wrong.push(format!("{}: {ours:?}, not {:?}", case.label, case.expected));
        }
        if theirs.is_ok() != (ours.is_ok() || case.rustls_accepts.is_some()) {
            wrong.push(format!("{}: {ours:?}, rustls {theirs:?}", case.label));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// row: SEED-06
#[test]
fn no_change_of_any_octet_makes_a_chain_good() {
    let mut random = fastrand::Rng::with_seed(5280);
    let mut accepted = 0;
    for mut case in table::cases() {
        let chain = case.chain.clone();
        for round in 0..16 {
            case.chain = chain.clone();
            let which = random.usize(..chain.len());
            let mut octets = chain[which].to_vec();
            match round % 4 {
                _ if octets.is_empty() => octets.push(random.u8(..)),
                0 => {
                    let at = random.usize(..octets.len());
                    octets[at] ^= 1 << random.u8(..8);
                }
                1 => {
                    let at = random.usize(..octets.len());
                    octets[at] = octets[at].wrapping_add(random.u8(1..));
                }
                2 => octets.truncate(random.usize(..octets.len())),
                _ => octets.insert(random.usize(..=octets.len()), random.u8(..)),
            }
            case.chain[which] = octets.into();
            let (ours, theirs) = (ours(&case), rustls(&case));
            if ours.is_ok() {
                // A certificate that the path can do without.
                assert_eq!(case.expected, Ok(()), "{}", case.label);
                assert!(theirs.is_ok() && which > 0, "{}", case.label);
                accepted += 1;
            }
        }
    }
    assert!(accepted < 100, "{accepted} changed chains accepted");
}

// row: SEED-06
#[test]
fn without_a_clock_dates_are_held_against_each_other_and_nothing_else_is_waived() {
    use CertificateError::IssuerNotCa;
    let root = Node::root("root");
    let spanned = |mut params: CertificateParams, from, to| {
        valid(&mut params, from, to);
        params
    };
    let case = |chain: &[&Node], expected| Case {
        label: "",
        name: HOST,
        now: 0,
        anchors: vec![root.der.clone()],
        chain: chain.iter().map(|node| node.der.clone()).collect(),
        expected,
        rustls_accepts: None,
    };
    let old = root.issue(spanned(server(&[HOST]), 1990, 1991));
    let future = root.issue(spanned(server(&[HOST]), 2090, 2091));
    let early = root.issue(spanned(authority("intermediate"), 2000, 2010));
    let inside = early.issue(spanned(server(&[HOST]), 2005, 2006));
    let before = early.issue(spanned(server(&[HOST]), 1999, 2001));
    let after = early.issue(spanned(server(&[HOST]), 2011, 2012));
    let forger = root.issue(server(&["other.test"]));
    let forged = forger.issue(server(&[HOST]));
    let table = [
        case(&[&old], Ok(())),
        case(&[&future], Ok(())),
        case(&[&inside, &early], Ok(())),
        // The issuer is the younger one, as after a renewal: they were valid together.
        case(&[&before, &early], Ok(())),
        // They never were.
        case(
            &[&after, &early],
            Err(CertificateError::Expired {
                not_after: Date::from_unix_seconds(1_262_304_000), // 2010
                at: Date::from_unix_seconds(1_293_840_000),        // 2011
            }),
        ),
        case(&[&forged, &forger], Err(IssuerNotCa)),
    ];
    for (number, case) in table.iter().enumerate() {
        let verdict = judge(case, Clock::AbsentExpiryNotChecked);
        assert_eq!(verdict, case.expected, "chain {number}");
    }
}

// row: SEED-06, LIV-18
#[test]
fn a_stranger_cannot_make_the_search_long() {
    // Every certificate certifies every other, as far as names tell, and no signature is right.
    let root = Node::root("root");
    let chain: Vec<_> = (0..=MAX_INTERMEDIATES)
        .map(|number| {
            let mut params = if number == 0 {
                server(&[HOST])
            } else {
                authority("root")
            };
            params.distinguished_name = distinguished("root");
            Node::self_signed(params).der
        })
        .collect();
    let case = Case {
        label: "",
        name: HOST,
        now: NOW,
        anchors: vec![root.der.clone()],
        chain,
        expected: Err(CertificateError::TooComplex),
        rustls_accepts: None,
    };
    assert_eq!(ours(&case), case.expected);
    assert!(rustls(&case).is_err());
}

/// Nor can an authority with more names than anybody compares in time.
// row: SEED-06, LIV-18
#[test]
fn names_and_their_constraints_cannot_make_the_search_long() {
    let root = Node::root("root");
    let names = |of: &str| {
        (0..600)
            .map(|number| format!("{of}{number}"))
            .collect::<Vec<_>>()
    };
    let mut params = authority("intermediate");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: names("x")
            .into_iter()
            .map(GeneralSubtree::DnsName)
            .collect(),
    });
    let intermediate = root.issue(params);
    let sans = names("a");
    let sans: Vec<_> = sans.iter().map(String::as_str).chain([HOST]).collect();
    let leaf = intermediate.issue(server(&sans));
    let case = Case {
        label: "",
        name: HOST,
        now: NOW,
        anchors: vec![root.der.clone()],
        chain: vec![leaf.der, intermediate.der],
        expected: Err(CertificateError::TooComplex),
        rustls_accepts: None,
    };
    assert_eq!(ours(&case), case.expected);
    assert!(rustls(&case).is_err());
}

// row: SEED-06
#[test]
fn a_pinned_key_is_the_only_thing_looked_at() {
    use CertificateError::{Malformed, Missing, NotPinned};
    let root = Node::root("root");
    let mut params = server(&["anything.test"]);
    valid(&mut params, 1990, 1991);
    let leaf = root.issue(params);
    let other = root.issue(server(&[HOST]));
    let pin = PinnedKey::pin_of(&leaf.der).unwrap();
    let expected: [u8; 32] = rustls_sha256(&tls_pki::spki(&leaf.key));
    assert_eq!(pin, expected);
    let pin_of_other = PinnedKey::pin_of(&other.der).unwrap();

    /// Pins, and what the server sends.
    type Row<'a> = (&'a [[u8; 32]], &'a [CertificateDer<'a>], Verdict);
    let name = ServerName::try_from(HOST).unwrap();
    let table: &[Row<'_>] = &[
        (&[pin], std::slice::from_ref(&leaf.der), Ok(())),
        (
            &[pin_of_other, pin],
            std::slice::from_ref(&leaf.der),
            Ok(()),
        ),
        (&[pin], &[leaf.der.clone(), other.der.clone()], Ok(())),
        (
            &[pin],
            &[other.der.clone(), leaf.der.clone()],
            Err(NotPinned),
        ),
        (
            &[pin_of_other],
            std::slice::from_ref(&leaf.der),
            Err(NotPinned),
        ),
        (&[], std::slice::from_ref(&leaf.der), Err(NotPinned)),
        (&[pin], &[], Err(Missing)),
        (
            &[pin],
            &[CertificateDer::from(&b"\x30\x03abc"[..])],
            Err(Malformed),
        ),
    ];
    for (number, (pins, chain, expected)) in table.iter().enumerate() {
        assert_eq!(
            PinnedKey::new(pins).judge(&name, chain),
            *expected,
            "row {number}"
        );
    }
}

fn rustls_sha256(octets: &[u8]) -> [u8; 32] {
    let suite = crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().unwrap().common.hash_provider.hash(octets);
    hash.as_ref().try_into().unwrap()
}
