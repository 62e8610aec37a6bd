//! Signature algorithms of certificates and of CertificateVerify.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use embedded_tls::SignatureScheme;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256};

use super::error::CertificateError;
use super::trust::MAX_INTERMEDIATES;

/// The longest subjectPublicKey: an uncompressed point of the largest curve.
pub(super) const MAX_KEY: usize = if cfg!(feature = "tls-p384") { 97 } else { 65 };

/// How a CertificateVerify of this scheme is verified: RFC 8446 §4.2.3 ties a curve to each.
pub(super) fn of_scheme(
    scheme: SignatureScheme,
) -> Result<&'static dyn SignatureVerificationAlgorithm, CertificateError> {
    match scheme {
        SignatureScheme::EcdsaSecp256r1Sha256 => Ok(&P256Sha256),
        #[cfg(feature = "tls-p384")]
        SignatureScheme::EcdsaSecp384r1Sha384 => Ok(&p384::P384Sha384),
        _ => Err(CertificateError::Algorithm),
    }
}

/// The most signatures that are checked to find a path: a path has one more than it has
/// intermediates, and the rest are for issuers that share the name of another.
pub(super) const SIGNATURES: u8 = MAX_INTERMEDIATES as u8 + 2;

/// The most of them that may be wrong. A name leads to a wrong issuer only where two issuers share
/// it, after a change of keys; a stranger can give any number of certificates the name of an
/// authority.
pub(super) const WRONG: u8 = 2;

/// What was spent of [`SIGNATURES`] and [`WRONG`].
pub(super) struct Budget {
    checked: AtomicU8,
    wrong: AtomicU8,
    refused: AtomicBool,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self {
            checked: AtomicU8::new(0),
            wrong: AtomicU8::new(0),
            refused: AtomicBool::new(false),
        }
    }

    /// A signature was not checked because it would have been one too many.
    pub(super) fn is_exceeded(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn checked(&self) -> u8 {
        self.checked.load(Ordering::Relaxed)
    }

    // Load and store, not add: thumbv6m has nothing else, and there is one owner.
    fn spend(
        &self,
        check: impl FnOnce() -> Result<(), InvalidSignature>,
    ) -> Result<(), InvalidSignature> {
        let checked = self.checked.load(Ordering::Relaxed);
        let wrong = self.wrong.load(Ordering::Relaxed);
        if checked >= SIGNATURES || wrong >= WRONG {
            self.refused.store(true, Ordering::Relaxed);
            return Err(InvalidSignature);
        }
        self.checked
            .store(checked.saturating_add(1), Ordering::Relaxed);
        check().inspect_err(|_| self.wrong.store(wrong.saturating_add(1), Ordering::Relaxed))
    }
}

/// An algorithm that spends a [`Budget`]: a stranger's certificates must not keep a board busy
/// for minutes before they are refused.
pub(super) struct Counted<'a> {
    budget: &'a Budget,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
}

impl<'a> Counted<'a> {
    pub(super) fn all(budget: &'a Budget) -> [Self; ALGORITHMS.len()] {
        ALGORITHMS.map(|algorithm| Self { budget, algorithm })
    }
}

impl core::fmt::Debug for Counted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Counted")
    }
}

impl SignatureVerificationAlgorithm for Counted<'_> {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.budget
            .spend(|| self.algorithm.verify_signature(key, message, signature))
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

#[cfg(not(feature = "tls-p384"))]
const ALGORITHMS: [&'static dyn SignatureVerificationAlgorithm; 1] = [&P256Sha256];

#[cfg(feature = "tls-p384")]
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 4] = [
    &P256Sha256,
    &p384::P256Sha384,
    &p384::P384Sha256,
    &p384::P384Sha384,
];

#[derive(Debug)]
struct P256Sha256;

impl SignatureVerificationAlgorithm for P256Sha256 {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        verify_p256(key, &Sha256::digest(message), signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

fn verify_p256(key: &[u8], hash: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
    // RFC 5480 §2.2: "Implementations of Elliptic Curve Cryptography according to this document
    // MUST support the uncompressed form". No other form, as in other verifiers.
    if key.first() != Some(&0x04) {
        return Err(InvalidSignature);
    }
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
    let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
    key.verify_prehash(hash, &signature)
        .map_err(|_| InvalidSignature)
}

/// What the public web's hierarchies need beside P-256.
#[cfg(feature = "tls-p384")]
mod p384 {
    use pki_types::{
        AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
    };
    use sha2::{Digest, Sha256, Sha384};

    // From a newer version of the trait's crate than p256 uses.
    use ::p384::ecdsa::signature::hazmat::PrehashVerifier;

    use super::verify_p256;

    #[derive(Debug)]
    pub(super) struct P256Sha384;

    impl SignatureVerificationAlgorithm for P256Sha384 {
        fn verify_signature(
            &self,
            key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            verify_p256(key, &Sha384::digest(message), signature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P256
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA384
        }
    }

    #[derive(Debug)]
    pub(super) struct P384Sha256;

    impl SignatureVerificationAlgorithm for P384Sha256 {
        fn verify_signature(
            &self,
            key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            verify_p384(key, &Sha256::digest(message), signature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P384
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA256
        }
    }

    #[derive(Debug)]
    pub(super) struct P384Sha384;

    impl SignatureVerificationAlgorithm for P384Sha384 {
        fn verify_signature(
            &self,
            key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            verify_p384(key, &Sha384::digest(message), signature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P384
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA384
        }
    }

    fn verify_p384(key: &[u8], hash: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if key.first() != Some(&0x04) {
            return Err(InvalidSignature);
        }
        let key =
            ::p384::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
        let signature =
            ::p384::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(hash, &signature)
            .map_err(|_| InvalidSignature)
    }
}
