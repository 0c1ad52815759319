//! Hashes and MACs behind one streaming face, so that signed text is fed piece by piece and the
//! body is never copied. Tags compare in constant time only.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// The hash functions of the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// The result of a hash or a MAC: up to 64 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    bytes: [u8; Hash::OUTPUT_BYTES_MAX],
    len: usize,
}

/// A hash or MAC being computed.
#[derive(Clone)]
pub(crate) enum Hasher {
    HmacMd5(Hmac<Md5>),
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha512(Hmac<Sha512>),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    pub(crate) const OUTPUT_BYTES_MAX: usize = 64;

    pub(crate) fn output_bytes(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }

    /// A plain hash.
    pub(crate) fn plain(self) -> Hasher {
        match self {
            Hash::Md5 => Hasher::Md5(Md5::new()),
            Hash::Sha1 => Hasher::Sha1(Sha1::new()),
            Hash::Sha256 => Hasher::Sha256(Sha256::new()),
            Hash::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// An HMAC.
    pub(crate) fn keyed(self, key: &[u8]) -> Hasher {
        fn new<M: KeyInit>(key: &[u8]) -> M {
            M::new_from_slice(key).expect("HMAC takes a key of any length")
        }
        match self {
            Hash::Md5 => Hasher::HmacMd5(new(key)),
            Hash::Sha1 => Hasher::HmacSha1(new(key)),
            Hash::Sha256 => Hasher::HmacSha256(new(key)),
            Hash::Sha512 => Hasher::HmacSha512(new(key)),
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> Tag {
        let mut hasher = self.plain();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::HmacMd5(mac) => mac.update(bytes),
            Hasher::HmacSha1(mac) => mac.update(bytes),
            Hasher::HmacSha256(mac) => mac.update(bytes),
            Hasher::HmacSha512(mac) => mac.update(bytes),
            Hasher::Md5(hash) => Digest::update(hash, bytes),
            Hasher::Sha1(hash) => Digest::update(hash, bytes),
            Hasher::Sha256(hash) => Digest::update(hash, bytes),
            Hasher::Sha512(hash) => Digest::update(hash, bytes),
        }
    }

    pub(crate) fn finish(self) -> Tag {
        match self {
            Hasher::HmacMd5(mac) => Tag::new(&mac.finalize().into_bytes()),
            Hasher::HmacSha1(mac) => Tag::new(&mac.finalize().into_bytes()),
            Hasher::HmacSha256(mac) => Tag::new(&mac.finalize().into_bytes()),
            Hasher::HmacSha512(mac) => Tag::new(&mac.finalize().into_bytes()),
            Hasher::Md5(hash) => Tag::new(&hash.finalize()),
            Hasher::Sha1(hash) => Tag::new(&hash.finalize()),
            Hasher::Sha256(hash) => Tag::new(&hash.finalize()),
            Hasher::Sha512(hash) => Tag::new(&hash.finalize()),
        }
    }
}

impl Tag {
    /// # Panics
    /// If there are more bytes than any hash gives; callers pass a hash's own output or have
    /// compared the length with it.
    pub(crate) fn new(output: &[u8]) -> Self {
        let mut bytes = [0; Hash::OUTPUT_BYTES_MAX];
        bytes[..output.len()].copy_from_slice(output);
        Self { bytes, len: output.len() }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn matches(&self, other: &Tag) -> bool {
        same(self.as_bytes(), other.as_bytes())
    }
}

/// Constant-time equality. The lengths are not secret and decide at once.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::to_hex;

    #[test]
    fn gives_the_published_digests() {
        // RFC 1321, RFC 3174, FIPS 180-4 for "abc"; RFC 2202 and RFC 4231, test case 2.
        let plain = [
            (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (hash, hex) in plain {
            assert_eq!(to_hex(hash.of(b"abc").as_bytes()), hex);
        }
        let keyed = [
            (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Hash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ];
        for (hash, hex) in keyed {
            let mut mac = hash.keyed(b"Jefe");
            mac.update(b"what do ya want ");
            mac.update(b"for nothing?");
            let tag = mac.finish();
            assert_eq!(to_hex(tag.as_bytes()), hex);
            assert_eq!(tag.as_bytes().len(), hash.output_bytes());
        }
    }

    #[test]
    fn compares_whole_tags() {
        let tag = Tag::new(&[1, 2, 3]);
        assert!(tag.matches(&Tag::new(&[1, 2, 3])));
        assert!(!tag.matches(&Tag::new(&[1, 2])));
        assert!(!tag.matches(&Tag::new(&[1, 2, 4])));
    }
}
