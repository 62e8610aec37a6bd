//! What embedded-tls asks during the handshake, answered by a [`Trust`] and our own entropy.
//!
//! embedded-tls asks when the server's messages come, and does not mind if they never do: a
//! server that sends neither Certificate nor CertificateVerify completes its handshake. So the
//! answers are noted in a [`Record`], and only a [`Record::proven`] one counts.

use core::cell::Cell;

use bare_ws::entropy::Entropy;
use embedded_tls::{
    CertificateEntryRef, CertificateRef, CertificateVerifyRef, CryptoProvider, CryptoRng,
    CryptoRngCore, TlsError, TlsVerifier,
};
use heapless::Vec;
use pki_types::{CertificateDer, ServerName};
use rand_core::RngCore;
use sha2::{Digest, Sha256};

use super::algorithm::{self, MAX_KEY};
use super::cipher::Suite;
use super::der::Fields;
use super::error::CertificateError;
use super::trust::{Chain, Trust};

/// What became of the server's proof, and of our entropy: readable while embedded-tls holds the
/// [`Provider`].
pub(super) struct Record {
    verdict: Cell<Result<Proof, CertificateError>>,
    entropy_failed: Cell<bool>,
}

/// How far the server's proof has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    /// Its certificate is the right one; whether it holds the key is open.
    Certificate,
    Complete,
}

impl Record {
    pub(super) const fn new() -> Self {
        Self {
            verdict: Cell::new(Ok(Proof::Nothing)),
            entropy_failed: Cell::new(false),
        }
    }

    /// The server is who it should be, and holds the key.
    pub(super) fn proven(&self) -> Result<(), CertificateError> {
        match self.verdict.get()? {
            Proof::Complete => Ok(()),
            Proof::Certificate => Err(CertificateError::Unproven),
            Proof::Nothing => Err(CertificateError::Missing),
        }
    }

    /// Why the certificates were refused, if they were.
    pub(super) fn refusal(&self) -> Option<CertificateError> {
        self.verdict.get().err()
    }

    pub(super) fn entropy_failed(&self) -> bool {
        self.entropy_failed.get()
    }
}

/// Our side of embedded-tls's cryptography.
pub(super) struct Provider<'a, E, V> {
    entropy: &'a mut E,
    verifier: Verifier<'a, V>,
}

impl<'a, E, V> Provider<'a, E, V> {
    pub(super) fn new(
        record: &'a Record,
        entropy: &'a mut E,
        trust: &'a V,
        server: &'a ServerName<'a>,
    ) -> Self {
        Self {
            entropy,
            verifier: Verifier {
                record,
                trust,
                server,
                transcript: [0; 32],
                key: LeafKey::default(),
            },
        }
    }
}

impl<E: Entropy, V: Trust> CryptoProvider for Provider<'_, E, V> {
    type CipherSuite = Suite;
    type Signature = p256::ecdsa::DerSignature;

    fn rng(&mut self) -> impl CryptoRngCore {
        Rng {
            entropy: &mut *self.entropy,
            record: self.verifier.record,
        }
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Self::CipherSuite>, TlsError> {
        Ok(&mut self.verifier)
    }
}

struct Verifier<'a, V> {
    record: &'a Record,
    trust: &'a V,
    server: &'a ServerName<'a>,
    /// The hash of the handshake up to and including the server's Certificate.
    transcript: [u8; 32],
    key: LeafKey,
}

/// The key of the server's certificate, and its algorithm (a `SubjectPublicKeyInfo` split in two).
#[derive(Default)]
struct LeafKey {
    algorithm: Vec<u8, MAX_ALGORITHM>,
    key: Vec<u8, MAX_KEY>,
}

/// `AlgorithmIdentifier` of a named curve: two object identifiers.
const MAX_ALGORITHM: usize = 20;

impl<V: Trust> Verifier<'_, V> {
    fn judge(&mut self, certificate: &CertificateRef<'_>) -> Result<Proof, CertificateError> {
        // A second Certificate would put another key in the place of the one that was judged.
        if self.record.verdict.get()? != Proof::Nothing {
            return Err(CertificateError::Malformed);
        }
        let mut chain = Chain::new();
        for entry in &certificate.entries {
            let CertificateEntryRef::X509(der) = entry else {
                return Err(CertificateError::Malformed);
            };
            chain
                .push(CertificateDer::from(*der))
                .map_err(|_| CertificateError::TooMany)?;
        }
        self.trust.judge(self.server, &chain)?;
        let leaf = chain.first().ok_or(CertificateError::Missing)?;
        self.key = LeafKey::of(leaf)?;
        Ok(Proof::Certificate)
    }

    fn prove(&self, verify: &CertificateVerifyRef<'_>) -> Result<Proof, CertificateError> {
        if self.record.verdict.get()? != Proof::Certificate {
            return Err(CertificateError::Unproven);
        }
        let algorithm = algorithm::of_scheme(verify.signature_scheme)?;
        if *algorithm.public_key_alg_id() != *self.key.algorithm {
            return Err(CertificateError::Unproven);
        }
        algorithm
            .verify_signature(&self.key.key, &signed(&self.transcript), verify.signature)
            .map_err(|_| CertificateError::Unproven)?;
        Ok(Proof::Complete)
    }

    fn note(&self, verdict: Result<Proof, CertificateError>) -> Result<(), TlsError> {
        self.record.verdict.set(verdict);
        verdict.map(drop).map_err(|_| TlsError::InvalidCertificate)
    }
}

impl<V: Trust> TlsVerifier<Suite> for Verifier<'_, V> {
    /// The name judged is ours from the start; this one is only what goes into the SNI.
    fn set_hostname_verification(&mut self, _hostname: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Sha256,
        certificate: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        self.transcript = transcript.clone().finalize().into();
        let verdict = self.judge(&certificate);
        self.note(verdict)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        self.note(self.prove(&verify))
    }
}

impl LeafKey {
    fn of(certificate: &[u8]) -> Result<Self, CertificateError> {
        let fields = Fields::of(certificate).ok_or(CertificateError::Malformed)?;
        let fits = |_| CertificateError::Algorithm;
        Ok(Self {
            algorithm: Vec::from_slice(fields.algorithm).map_err(fits)?,
            key: Vec::from_slice(fields.key).map_err(fits)?,
        })
    }
}

/// RFC 8446 §4.4.3: "A string that consists of octet 32 (0x20) repeated 64 times", "The context
/// string", "A single 0 byte which serves as the separator", "The content to be signed".
fn signed(transcript: &[u8; 32]) -> [u8; 130] {
    const CONTEXT: &[u8; 34] = b"TLS 1.3, server CertificateVerify\0";
    let mut message = [0x20; 130];
    let parts = CONTEXT.iter().chain(transcript);
    for (octet, &value) in message.iter_mut().skip(64).zip(parts) {
        *octet = value;
    }
    message
}

/// Our entropy behind the trait that embedded-tls wants, which cannot report a failure. So a
/// failure is noted, and nothing made of what was given after it may leave.
struct Rng<'a, E> {
    entropy: &'a mut E,
    record: &'a Record,
}

impl<E: Entropy> RngCore for Rng<'_, E> {
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.fill_bytes(&mut octets);
        u32::from_le_bytes(octets)
    }

    fn next_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.fill_bytes(&mut octets);
        u64::from_le_bytes(octets)
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        if self.entropy.fill(octets).is_err() {
            self.record.entropy_failed.set(true);
            // Not zero: for a zero scalar it would be asked again, for ever.
            octets.fill(1);
        }
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(octets);
        Ok(())
    }
}

impl<E: Entropy> CryptoRng for Rng<'_, E> {}

#[cfg(test)]
mod tests {
    use bare_ws::entropy::EntropyError;

    use super::*;

    /// Gives 1, 2, 3 and so on, or nothing.
    struct Counted(u8, bool);

    impl Entropy for Counted {
        fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
            for octet in octets {
                self.0 += 1;
                *octet = self.0;
            }
            if self.1 { Ok(()) } else { Err(EntropyError) }
        }
    }

    /// Whichever way keys are drawn, now or in another version of what draws them.
    #[test]
    fn each_way_to_draw_gives_what_the_entropy_gives_or_notes_that_there_is_none() {
        type Draw = fn(&mut Rng<'_, Counted>) -> u64;
        let ways: [(&str, Draw, u64); 4] = [
            ("next_u32", |rng| rng.next_u32().into(), 0x0403_0201),
            ("next_u64", |rng| rng.next_u64(), 0x0807_0605_0403_0201),
            (
                "fill_bytes",
                |rng| {
                    let mut octets = [0; 8];
                    rng.fill_bytes(&mut octets);
                    u64::from_le_bytes(octets)
                },
                0x0807_0605_0403_0201,
            ),
            (
                "try_fill_bytes",
                |rng| {
                    let mut octets = [0; 8];
                    assert!(rng.try_fill_bytes(&mut octets).is_ok());
                    u64::from_le_bytes(octets)
                },
                0x0807_0605_0403_0201,
            ),
        ];
        for (label, draw, drawn) in ways {
            for works in [true, false] {
                let record = Record::new();
                let entropy = &mut Counted(0, works);
                let mut rng = Rng {
                    entropy,
                    record: &record,
                };
                let given = draw(&mut rng);
                assert_eq!(record.entropy_failed.get(), !works, "{label}");
                assert!(given == drawn || !works, "{label}: {given:#x}");
            }
        }
    }
}
