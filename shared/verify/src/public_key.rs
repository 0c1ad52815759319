//! RSA public keys as providers publish them, and the check of a signature with one.
//!
//! The arithmetic is `ring`'s. Its everyday verifiers begin at 2048 bits; the one used here begins
//! at 1024, because some providers still sign with such keys and the choice is theirs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaParameters, UnparsedPublicKey,
};
use spki::der::asn1::UintRef;
use spki::der::{Decode, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::secret::SecretError;

/// Bits in the modulus of an RSA key.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 1024..=8192;

/// `rsaEncryption`, RFC 8017.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA public key: the DER of an `RSAPublicKey`, RFC 8017.
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads PEM of a `PUBLIC KEY` (RFC 7468) or an `RSA PUBLIC KEY`. Line breaks may be anywhere,
    /// or lost, as they are after a paste into a form.
    pub(crate) fn parse(pem: &str) -> Result<Self, SecretError> {
        let (label, der) = unwrap(pem).ok_or(SecretError::NotPem)?;
        let key = match label {
            "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfoRef::from_der(&der)
                    .map_err(|_| SecretError::NotPublicKey)?;
                if info.algorithm.oid != RSA {
                    return Err(SecretError::NotRsa);
                }
                info.subject_public_key.as_bytes().ok_or(SecretError::NotPublicKey)?.to_vec()
            }
            "RSA PUBLIC KEY" => der,
            "CERTIFICATE" => return Err(SecretError::Certificate),
            _ if label.ends_with("PRIVATE KEY") => return Err(SecretError::PrivateKey),
            _ => return Err(SecretError::NotPublicKey),
        };
        let bits = modulus_bits(&key).ok_or(SecretError::NotPublicKey)?;
        if MODULUS_BITS.contains(&bits) { Ok(Self(key)) } else { Err(SecretError::KeySize) }
    }

    pub(crate) fn has_signed(&self, hash: RsaHash, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(hash.parameters(), &self.0).verify(message, signature).is_ok()
    }
}

/// The hashes that go with RSA here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaHash {
    Sha256,
    Sha512,
}

impl RsaHash {
    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            Self::Sha512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// Label and contents of the only PEM block in a text.
fn unwrap(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = pem.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (base64, end) = rest.split_once("-----END ")?;
    let end = end.strip_suffix("-----")?;
    let base64: String = base64.split_ascii_whitespace().collect();
    let der = STANDARD.decode(base64).ok()?;
    (end == label).then_some((label, der))
}

fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus: UintRef<'_> = reader
        .sequence(|fields| {
            let modulus = UintRef::decode(fields)?;
            UintRef::decode(fields)?;
            spki::der::Result::Ok(modulus)
        })
        .ok()?;
    reader.finish().ok()?;
    let first = modulus.as_bytes().first()?;
    Some(modulus.as_bytes().len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
