use super::*;

const RSA_1024: &str = include_str!("../../tests/data/keys/rsa_1024.pub.pem");
const RSA_2048: &str = include_str!("../../tests/data/keys/rsa_2048.pub.pem");
const RSA_2048_PKCS1: &str = include_str!("../../tests/data/keys/rsa_2048.pkcs1.pem");

fn error(pem: &str) -> SecretError {
    PublicKey::parse(pem).err().expect("no key that could be used")
}

fn decode(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64.trim()).expect("base64")
}

/// `abc`, signed by OpenSSL.
#[test]
fn verifies_what_others_signed() {
    let by_2048 = include_str!("../../tests/data/keys/rsa_2048.abc.sha256");
    for (pem, hash, signature) in [
        (RSA_1024, RsaHash::Sha256, include_str!("../../tests/data/keys/rsa_1024.abc.sha256")),
        (RSA_1024, RsaHash::Sha512, include_str!("../../tests/data/keys/rsa_1024.abc.sha512")),
        (RSA_2048, RsaHash::Sha256, by_2048),
        (RSA_2048_PKCS1, RsaHash::Sha256, by_2048),
        (RSA_2048, RsaHash::Sha512, include_str!("../../tests/data/keys/rsa_2048.abc.sha512")),
    ] {
        let key = PublicKey::parse(pem).expect("a key");
        let signature = decode(signature);
        assert!(key.has_signed(hash, b"abc", &signature), "{hash:?}");
        assert!(!key.has_signed(hash, b"abd", &signature), "{hash:?}");
        assert!(!key.has_signed(hash, b"abc", &signature[1..]), "{hash:?}");
        assert!(!key.has_signed(hash, b"abc", b""), "{hash:?}");
        let other = if hash == RsaHash::Sha256 { RsaHash::Sha512 } else { RsaHash::Sha256 };
        assert!(!key.has_signed(other, b"abc", &signature), "{hash:?}");
    }
}

#[test]
fn line_breaks_do_not_matter() {
    let signature = decode(include_str!("../../tests/data/keys/rsa_2048.abc.sha256"));
    for pem in [
        RSA_2048.replace('\n', ""),
        RSA_2048.replace('\n', "\r\n"),
        RSA_2048.replace('\n', " "),
        format!("\n\n{RSA_2048}\n\n"),
    ] {
        let key = PublicKey::parse(&pem).expect("a key");
        assert!(key.has_signed(RsaHash::Sha256, b"abc", &signature), "{pem}");
    }
}

#[test]
fn says_what_is_wrong() {
    let relabelled = |label: &str| RSA_2048.replace("PUBLIC KEY", label);
    for (pem, expected) in [
        (String::new(), SecretError::NotPem),
        ("whsec_abc".to_owned(), SecretError::NotPem),
        (RSA_2048.replace("-----END PUBLIC KEY-----", ""), SecretError::NotPem),
        (RSA_2048.replacen('M', "!", 1), SecretError::NotPem),
        (RSA_2048.replace("END PUBLIC", "END OTHER"), SecretError::NotPem),
        (relabelled("PRIVATE KEY"), SecretError::PrivateKey),
        (relabelled("RSA PRIVATE KEY"), SecretError::PrivateKey),
        (relabelled("CERTIFICATE"), SecretError::Certificate),
        (relabelled("SOMETHING"), SecretError::NotPublicKey),
        (relabelled("RSA PUBLIC KEY"), SecretError::NotPublicKey),
        (RSA_2048_PKCS1.replace("RSA PUBLIC", "PUBLIC"), SecretError::NotPublicKey),
        (include_str!("../../tests/data/keys/p256.pub.pem").to_owned(), SecretError::NotRsa),
        (include_str!("../../tests/data/keys/rsa_512.pub.pem").to_owned(), SecretError::KeySize),
    ] {
        assert_eq!(error(&pem), expected, "{pem}");
    }
}
