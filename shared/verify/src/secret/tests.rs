use super::*;

#[track_caller]
fn check(scheme: &str, secret: &str, expected: Result<(), SecretError>) {
    let scheme = Scheme::parse(scheme).expect("scheme");
    assert_eq!(scheme.check_secret(&Secret::new(secret)), expected);
}

const TEXT: &str = r#"{"kind":"hmac","hash":"sha256",
    "sig":[{"from":"header:s","enc":"hex"}],"msg":"{body}"}"#;
const BASE64: &str = r#"{"kind":"hmac","hash":"sha256","key":{"enc":"base64","strip":"whsec_"},
    "sig":[{"from":"header:s","enc":"hex"}],"msg":"{body}"}"#;
const HEX: &str = r#"{"kind":"hmac","hash":"sha256","key":{"enc":"hex"},
    "sig":[{"from":"header:s","enc":"hex"}],"msg":"{body}"}"#;
const RSA: &str = r#"{"kind":"rsa","hash":"sha256",
    "sig":[{"from":"header:s","enc":"base64"}],"msg":"{body}"}"#;
const TOKEN: &str = r#"{"kind":"token","sig":[{"from":"header:s","enc":"text"}]}"#;
const BASIC: &str = r#"{"kind":"basic","sig":[{"from":"header:Authorization","enc":"text"}]}"#;

#[test]
fn checks_the_form() {
    check(TEXT, "whsec_any text at all", Ok(()));
    check(TEXT, "pasted\n", Err(SecretError::SurroundingBlanks));
    check(HEX, " 00", Err(SecretError::SurroundingBlanks));
    check(TEXT, "", Err(SecretError::Empty));
    check(TEXT, &"x".repeat(SECRET_BYTES_MAX), Ok(()));
    check(TEXT, &"x".repeat(SECRET_BYTES_MAX + 1), Err(SecretError::TooLong));
    check(BASE64, "whsec_c2VjcmV0", Ok(()));
    check(BASE64, "c2VjcmV0", Ok(()));
    check(BASE64, "whsec_", Err(SecretError::Empty));
    check(BASE64, "whsec_c2VjcmV", Err(SecretError::NotBase64));
    check(BASE64, "whsec_c2Vj cmV0", Err(SecretError::NotBase64));
    check(HEX, "00ffAB", Ok(()));
    check(HEX, "00ffA", Err(SecretError::OddHex));
    check(HEX, "secret", Err(SecretError::NotHex));
    check(TOKEN, "token", Ok(()));
    check(TOKEN, "token ", Err(SecretError::SurroundingBlanks));
    check(BASIC, "user:pa:ss", Ok(()));
    check(BASIC, "user", Err(SecretError::NotUserAndPassword));
}

#[test]
fn public_keys_are_checked_and_not_made() {
    let pem = include_str!("../../tests/data/keys/rsa_1024.pub.pem");
    check(RSA, pem, Ok(()));
    check(RSA, "whsec_c2VjcmV0", Err(SecretError::NotPem));
    check(RSA, &pem.replace("PUBLIC", "PRIVATE"), Err(SecretError::PrivateKey));
    let rsa = Scheme::parse(RSA).expect("scheme");
    assert!(rsa.takes_public_key() && rsa.make_secret(&[1; 32]).is_none());
}

#[test]
fn never_shows_the_secret() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    let error = Scheme::parse(HEX).expect("scheme").check_secret(&secret).expect_err("not hex");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn makes_secrets_of_the_right_form() {
    for scheme in [TEXT, BASE64, HEX, TOKEN, BASIC] {
        let scheme = Scheme::parse(scheme).expect("scheme");
        let made = |byte| scheme.make_secret(&[byte; 32]).expect("a scheme that signs");
        let [one, other] = [made(1), made(2)];
        assert_eq!(scheme.check_secret(&one), Ok(()));
        assert_ne!(one, other);
    }
}
