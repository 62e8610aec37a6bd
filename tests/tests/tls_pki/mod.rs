//! Certificates made on the spot: honest ones, and every kind of forgery.
// Each test target uses a part of it.
#![allow(dead_code, reason = "each test target uses a part")]

use bare_ws_embassy::tls::CertificateDer;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};

/// 2026-11-22 00:00 UTC, the moment at which the tests judge.
pub(crate) const NOW: u64 = 1_795_305_600;

/// A certificate with its key.
pub(crate) struct Node {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
    pub(crate) der: CertificateDer<'static>,
}

impl Node {
    /// A root of P-256.
    pub(crate) fn root(name: &str) -> Self {
        Self::self_signed(authority(name))
    }

    pub(crate) fn self_signed(params: CertificateParams) -> Self {
        Self::self_signed_with(params, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn self_signed_with(
        params: CertificateParams,
        algorithm: &'static SignatureAlgorithm,
    ) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { params, key, der }
    }

    /// Signs a certificate, whether it may or not.
    pub(crate) fn issue(&self, params: CertificateParams) -> Self {
        self.issue_with(params, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn issue_with(
        &self,
        params: CertificateParams,
        algorithm: &'static SignatureAlgorithm,
    ) -> Self {
        self.issue_for(params, KeyPair::generate_for(algorithm).unwrap())
    }

    pub(crate) fn issue_for(&self, params: CertificateParams, key: KeyPair) -> Self {
        let der = params
            .signed_by(&key, &self.issuer())
            .unwrap()
            .der()
            .clone();
        Self { params, key, der }
    }

    /// A version 1 certificate: that of `subject` without version and extensions.
    pub(crate) fn issue_version_1(&self, subject: &Self) -> CertificateDer<'static> {
        let fields = children(&children(&subject.der)[0]);
        let (signature, own) = (&fields[2], &fields[1]);
        let issuer = &children(&children(&self.der)[0])[5];
        let tbs = sequence(&[own, signature, issuer, &fields[4], &fields[5], &fields[6]]);
        self.sign(&tbs, signature)
    }

    /// Any octets as a signed certificate.
    pub(crate) fn sign(&self, tbs: &[u8], algorithm: &[u8]) -> CertificateDer<'static> {
        let mut signature = vec![0];
        signature.extend(self.key.sign(tbs).unwrap());
        sequence(&[tbs, algorithm, &tlv(0x03, &signature)]).into()
    }

    /// The certificate, and the key, as a PEM file has them.
    pub(crate) fn pem(&self) -> (String, String) {
        (
            pem("CERTIFICATE", &self.der),
            pem("PRIVATE KEY", &self.key.serialize_der()),
        )
    }

    /// The same certificate, whatever rcgen thinks of who may sign.
    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        let mut params = self.params.clone();
        params.key_usages.clear();
        Issuer::new(params, &self.key)
    }
}

/// A certification authority.
pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A server's certificate for DNS names and IP addresses.
pub(crate) fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = distinguished("server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    valid(&mut params, 2026, 2027);
    params
}

/// Nothing but a name and a validity.
pub(crate) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = distinguished(name);
    valid(&mut params, 2020, 2040);
    params
}

/// From the first day of one year to the first of another.
pub(crate) fn valid(params: &mut CertificateParams, from: i32, to: i32) {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
}

pub(crate) fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

pub(crate) fn extension(oid: &[u64], critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, vec![0x30, 0x00]);
    extension.set_criticality(critical);
    extension
}

/// With the last octet of its signature changed.
pub(crate) fn spoiled(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let mut octets = certificate.to_vec();
    *octets.last_mut().unwrap() ^= 1;
    octets.into()
}

/// RFC 7468 §2.
fn pem(label: &str, octets: &[u8]) -> String {
    let lines: Vec<String> = octets.chunks(48).map(base64).collect();
    let text = lines.join("\n");
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let mut value = [0; 4];
        value[1..=group.len()].copy_from_slice(group);
        let value = u32::from_be_bytes(value);
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() {
                digit.into()
            } else {
                '='
            });
        }
    }
    text
}

/// DER: a value under a tag.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    match value.len() {
        length @ 0..0x80 => octets.push(u8::try_from(length).unwrap()),
        length => {
            octets.push(0x82);
            octets.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    octets.extend(value);
    octets
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    // Minimal lengths between 128 and 255 take another form.
    let value = parts.concat();
    let mut octets = tlv(0x30, &value);
    if (0x80..0x100).contains(&value.len()) {
        octets = vec![0x30, 0x81, u8::try_from(value.len()).unwrap()];
        octets.extend(value);
    }
    octets
}

/// DER: the elements of a sequence, each with its tag.
pub(crate) fn children(der: &[u8]) -> Vec<Vec<u8>> {
    let (_, mut rest) = header(der);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (length, _) = header(rest);
        let (element, after) = rest.split_at(length);
        elements.push(element.to_vec());
        rest = after;
    }
    elements
}

/// The length of the first element, and its value.
fn header(der: &[u8]) -> (usize, &[u8]) {
    let (head, length) = match der[1] {
        length @ 0..=0x7F => (2, usize::from(length)),
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        other => panic!("a length of form {other:#x}"),
    };
    (head + length, &der[head..head + length])
}

/// The `SubjectPublicKeyInfo` of a key.
pub(crate) fn spki(key: &KeyPair) -> Vec<u8> {
    key.subject_public_key_info()
}
