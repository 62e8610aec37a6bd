//! Any certificates, first of all lawful ones that were changed and signed again, to our verifier:
//! what it accepts rustls-webpki with ring's mathematics accepts too, and what only that one accepts
//! is refused for a reason.
#![no_main]

use std::time::Duration;

use bare_ws_embassy::tls::{
    CertificateDer, CertificateError, Clock, PinnedKey, Roots, Trust, anchor_from_trusted_cert,
};
use bare_ws_fuzz::certificates::{
    NAMES, NOW, decoded, element, encoded, mutated, signed_again, tlv,
};
use bare_ws_fuzz::{hex, planted, show};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use pki_types::{ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use ring::digest;
use webpki::{EndEntityCert, KeyUsage};

fuzz_target!(|data: &[u8]| {
    let (name, clock, chain) = decoded(data);
    let certificates: Vec<CertificateDer<'_>> = chain
        .into_iter()
        .map(|(certificate, signer)| match signer {
            0 => certificate.into(),
            signer => signed_again(&certificate, usize::from(signer) - 1)
                .unwrap_or(certificate)
                .into(),
        })
        .collect();
    show!("{}", NAMES[name]);
    certificates
        .iter()
        .for_each(|certificate| show!("{}", hex(certificate)));
    let Some((anchor, chain)) = certificates.split_first() else {
        return;
    };
    pinned(chain);
    let Ok(anchor) = anchor_from_trusted_cert(anchor) else {
        return;
    };
    let name = ServerName::try_from(NAMES[name]).expect("a name");
    let anchors = [anchor];
    let absent = clock & 1 == 1;
    let clock = if absent {
        Clock::AbsentExpiryNotChecked
    } else {
        Clock::UnixSeconds(NOW)
    };
    let ours = Roots::new(&anchors, clock).judge(&name, chain);
    let theirs = webpki(&anchors, chain, &name);
    show!("{ours:?}, {theirs:?}");
    let theirs = match name {
        ServerName::IpAddress(_) if planted("certificate") => Err(webpki::Error::UnknownIssuer),
        _ => theirs,
    };
    match (ours, theirs) {
        (Ok(()), theirs) => assert!(theirs.is_ok() || absent, "accepted, though {theirs:?}"),
        (Err(ours), Ok(())) => {
            use CertificateError as E;
            let with_reason = match ours {
                // webpki knows no limits of a board. Without a clock the moments that are tried are
                // those at which certificates begin.
                E::TooMany | E::TooComplex => true,
                E::Expired { .. } | E::NotYetValid { .. } | E::Malformed => absent,
                _ => false,
            };
            assert!(with_reason, "refused for {ours:?}");
        }
        (Err(_), Err(_)) => {}
    }
});

// A certificate is changed as DER, its lengths kept right, and signed again; or all as octets are.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut state = u64::from(seed) | 1 << 40;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    if random(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let (mut name, mut clock, mut chain) = decoded(&data[..size]);
    if chain.is_empty() {
        return fuzzer_mutate(data, size, max_size);
    }
    let at = random(chain.len());
    match random(16) {
        0 => name = random(NAMES.len()),
        1 => clock = random(2) as u8,
        2 => drop(chain.remove(at)),
        3 => chain.insert(at, chain[at].clone()),
        4 => {
            let other = random(chain.len());
            chain.swap(at, other);
        }
        5 => chain[at].1 = random(5) as u8,
        _ => chain[at].0 = mutated(&chain[at].0, &mut random, 0),
    }
    let octets = encoded(name, clock, &chain);
    if octets.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..octets.len()].copy_from_slice(&octets);
    octets.len()
});

fn webpki(
    anchors: &[TrustAnchor<'_>],
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
) -> Result<(), webpki::Error> {
    const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
        webpki::ring::ECDSA_P256_SHA256,
        webpki::ring::ECDSA_P256_SHA384,
        webpki::ring::ECDSA_P384_SHA256,
        webpki::ring::ECDSA_P384_SHA384,
    ];
    let Some((leaf, intermediates)) = chain.split_first() else {
        return Err(webpki::Error::UnknownIssuer);
    };
    let leaf = EndEntityCert::try_from(leaf)?;
    leaf.verify_for_usage(
        ALGORITHMS,
        anchors,
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(NOW)),
        KeyUsage::server_auth(),
        None,
        // webpki itself ignores keyUsage.
        Some(&|path| {
            let mut issuers = path.intermediate_certificates();
            let allowed = allows(&path.end_entity().der(), 0x80)
                && issuers.all(|issuer| allows(&issuer.der(), 0x04));
            allowed
                .then_some(())
                .ok_or(webpki::Error::IssuerNotCrlSigner)
        }),
    )?;
    leaf.verify_is_valid_for_subject_name(name)
}

/// RFC 5280 §4.2.1.3: whether a certificate, which has to have a key, has that bit of keyUsage or no
/// keyUsage at all.
fn allows(certificate: &[u8], bit: u8) -> bool {
    let fields = |der| element(der).map(|(_, value, _)| elements(value));
    let Some(tbs) = fields(certificate).and_then(|outer| fields(outer.first()?)) else {
        return false;
    };
    let version = usize::from(tbs.first().is_some_and(|field| field[0] == 0xa0));
    let key = tbs
        .get(version + 5)
        .and_then(|key| fields(key))
        .unwrap_or_default();
    let is_key = matches!(key[..], [[0x30, ..], bits, ..] if bits[0] == 0x03
        && element(bits).is_some_and(|(_, value, _)| value.first() == Some(&0)));
    let extensions = tbs.iter().find(|field| field[0] == 0xa3);
    let list = extensions.and_then(|list| fields(fields(list)?.first()?));
    let usage = list.unwrap_or_default().into_iter().find_map(|extension| {
        let parts = fields(extension)?;
        (parts.first() == Some(&&[6, 3, 0x55, 0x1d, 0x0f][..])).then(|| parts.last().copied())?
    });
    let Some(usage) = usage else { return is_key };
    let bits = fields(usage).unwrap_or_default();
    is_key && matches!(bits.first(), Some([3, _, _, octet, ..]) if octet & bit != 0)
}

/// The elements of DER, one after the other.
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some((len, _, rest)) = element(der) {
        all.push(&der[..len]);
        der = rest;
    }
    all
}

/// A pin is that of the key which webpki sees.
fn pinned(chain: &[CertificateDer<'_>]) {
    let Some(leaf) = chain.first() else { return };
    let Some(pin) = PinnedKey::pin_of(leaf) else {
        return;
    };
    let name = ServerName::try_from(NAMES[0]).expect("a name");
    assert_eq!(PinnedKey::new(&[pin]).judge(&name, chain), Ok(()));
    if let Ok(certificate) = anchor_from_trusted_cert(leaf) {
        let spki = tlv(0x30, &certificate.subject_public_key_info);
        assert_eq!(digest::digest(&digest::SHA256, &spki).as_ref(), pin);
    }
}
