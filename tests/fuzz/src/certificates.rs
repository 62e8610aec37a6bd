//! Certificates for the fuzzer to change: made of fixed keys, so that they are the same in every
//! run, and signed again after the change, so that it is seen by more than the signature's check.

use std::sync::OnceLock;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, PublicKeyData,
    SignatureAlgorithm, date_time_ymd,
};

/// 2026-11-22 00:00 UTC, the moment at which chains are judged.
pub const NOW: u64 = 1_795_305_600;

/// The names that are asked for.
pub const NAMES: [&str; 4] = ["host.example.test", "example.test", "10.0.2.2", "::1"];

/// Nobody's keys.
pub const KEYS: usize = 4;

struct Key {
    key: SigningKey,
    point: Vec<u8>,
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        // Of RFC 6979: the same every time.
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

fn key(number: usize) -> &'static Key {
    static ALL: OnceLock<Vec<Key>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let make = |number: u8| {
            let key = SigningKey::from_slice(&[number; 32]).expect("a scalar");
            let point = key
                .verifying_key()
                .to_encoded_point(false)
                .as_bytes()
                .to_vec();
            Key { key, point }
        };
        (1..=KEYS as u8).map(make).collect()
    });
    &all[number % KEYS]
}

/// Signs a certificate anew with that key, if it is laid out as one.
#[must_use]
pub fn signed_again(certificate: &[u8], number: usize) -> Option<Vec<u8>> {
    let (_, inside, _) = element(certificate)?;
    let (tbs_len, _, rest) = element(inside)?;
    let (algorithm_len, _, _) = element(rest)?;
    let (tbs, _) = inside.split_at(tbs_len);
    let (algorithm, _) = rest.split_at(algorithm_len);
    let signature = rcgen::SigningKey::sign(key(number), tbs).ok()?;
    let signature = [&[0], &signature[..]].concat();
    Some(tlv(
        0x30,
        &[tbs, algorithm, &tlv(0x03, &signature)].concat(),
    ))
}

/// The first element of DER: its whole length, its value, and what follows it.
#[must_use]
pub fn element(der: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    let (head, len) = match *der.get(1)? {
        len @ 0..=0x7f => (2, usize::from(len)),
        0x81 => (3, usize::from(*der.get(2)?)),
        0x82 => (
            4,
            usize::from(u16::from_be_bytes([*der.get(2)?, *der.get(3)?])),
        ),
        _ => return None,
    };
    let value = der.get(head..head + len)?;
    Some((head + len, value, &der[head + len..]))
}

/// DER: a value under a tag.
#[must_use]
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len().to_be_bytes();
    let [.., high, low] = len;
    let mut octets = match value.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    octets.extend_from_slice(value);
    octets
}

/// Changes the structure of DER and keeps all lengths right: at an element of its tree, chosen by
/// `random`, which is left away, doubled, given another's place, emptied, or changed in an octet.
#[must_use]
pub fn mutated(der: &[u8], random: &mut dyn FnMut(usize) -> usize, depth: usize) -> Vec<u8> {
    let mut children = Vec::new();
    let mut rest = der;
    while let Some((len, _, after)) = element(rest) {
        children.push(rest[..len].to_vec());
        rest = after;
    }
    if children.is_empty() || !rest.is_empty() {
        let mut octets = der.to_vec();
        if octets.is_empty() || random(4) == 0 {
            octets.push(random(256) as u8);
        } else {
            let at = random(octets.len());
            octets[at] = if random(2) == 0 {
                random(256) as u8
            } else {
                octets[at] ^ 1 << random(8)
            };
        }
        return octets;
    }
    let at = random(children.len());
    let is_made = children[at]
        .first()
        .is_some_and(|tag| tag & 0x20 != 0 || matches!(tag, 3 | 4));
    match random(if depth < 2 { 24 } else { 12 }) {
        0 => drop(children.remove(at)),
        1 => children.insert(at, children[at].clone()),
        2 => {
            let other = random(children.len());
            children.swap(at, other);
        }
        3 => children[at] = tlv(children[at][0], &[]),
        4 => children[at][0] = random(256) as u8,
        _ if is_made || children[at].len() > 2 => {
            if let Some((_, value, _)) = element(&children[at]) {
                children[at] = tlv(children[at][0], &mutated(value, random, depth + 1));
            }
        }
        _ => children.insert(at, vec![0x01, 0x01, 0xff]),
    }
    children.concat()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server() -> CertificateParams {
    let mut params = CertificateParams::new(NAMES.map(String::from)).expect("names");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// Lawful chains, the anchor first, then what the server sends; beside each certificate the key
/// that signed it.
#[must_use]
pub fn chains() -> Vec<Vec<(Vec<u8>, usize)>> {
    let root = authority("root");
    let anchor = root
        .self_signed(key(0))
        .expect("a certificate")
        .der()
        .to_vec();
    let issue = |params: &CertificateParams, of: usize, issuer: &CertificateParams, by: usize| {
        let issuer = Issuer::from_params(issuer, key(by));
        (
            params
                .signed_by(key(of), &issuer)
                .expect("a certificate")
                .der()
                .to_vec(),
            by,
        )
    };
    let mut limited = authority("limited");
    limited.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    limited.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    limited.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("example.test".into()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 8)),
        ],
        excluded_subtrees: vec![GeneralSubtree::DnsName("bad.example.test".into())],
    });
    let middle = authority("middle");
    let anchor = (anchor, 0);
    vec![
        vec![anchor.clone(), issue(&server(), 1, &root, 0)],
        vec![
            anchor.clone(),
            issue(&server(), 1, &limited, 2),
            issue(&limited, 2, &root, 0),
        ],
        vec![
            anchor,
            issue(&server(), 1, &limited, 2),
            issue(&limited, 2, &middle, 3),
            issue(&middle, 3, &root, 0),
        ],
    ]
}

/// As the target reads it.
#[must_use]
pub fn encoded(name: usize, clock: u8, chain: &[(Vec<u8>, u8)]) -> Vec<u8> {
    let mut octets = vec![name as u8, clock];
    for (certificate, signer) in chain {
        octets.push(*signer);
        octets.extend((certificate.len() as u16).to_be_bytes());
        octets.extend(certificate);
    }
    octets
}

/// What [`encoded`] wrote: the name, the clock, and the certificates with their signers. 0: as it
/// is; else signed again with the key of that number less one.
#[must_use]
pub fn decoded(octets: &[u8]) -> (usize, u8, Vec<(Vec<u8>, u8)>) {
    let mut input = crate::Input(octets);
    let (name, clock) = (usize::from(input.octet()) % NAMES.len(), input.octet());
    let mut chain = Vec::new();
    while !input.is_empty() && chain.len() < 8 {
        let signer = input.octet() % (KEYS as u8 + 1);
        chain.push((input.octets().to_vec(), signer));
    }
    (name, clock, chain)
}
