//! The secrets that sign deliveries, as Standard Webhooks has it: HMAC-SHA256 over id, time and body.
//!
//! SOURCE: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, "Signature
//! scheme".

use std::{fmt, str::FromStr, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// A secret shared with a subscriber: `whsec_` and 24 to 64 bytes in base64. Prints as redacted; its bytes are wiped when
/// it is dropped.
pub struct Secret(SecretSlice<u8>);

/// What signs for one subscription: a secret, or during a rotation several. Clones share them.
#[derive(Debug, Clone)]
pub struct Secrets(Arc<[Secret]>);

/// What is wrong with a secret; never the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Something else, or a secret without its prefix.
    #[error("a secret begins with `{PREFIX}`")]
    Prefix,
    /// Not base64, or base64 of the URL's alphabet, or something before or after it.
    #[error("what follows `{PREFIX}` is not base64 (standard alphabet, nothing after it)")]
    Base64,
    /// Guessable, or longer than receivers must take.
    #[error("the secret has {bytes} bytes; it needs {BYTES_MIN} to {BYTES_MAX}")]
    Length {
        /// How many it has.
        bytes: usize,
    },
}

/// There is nothing to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subscription needs a secret")]
pub struct NoSecret;

const PREFIX: &str = "whsec_";

/// With padding or without: the reference libraries take both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const BYTES_MIN: usize = 24;

const BYTES_MAX: usize = 64;

// === impl Secret ===

impl Secret {
    /// One signature, `v1,` and base64, for the delivery `id` at `timestamp_s` (seconds since the Unix epoch).
    pub fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret())
            .expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let decoded = BASE64.decode(encoded).map_err(|_| SecretError::Base64)?;
        let bytes = decoded.len();
        let key = SecretSlice::from(decoded);
        if !(BYTES_MIN..=BYTES_MAX).contains(&bytes) {
            return Err(SecretError::Length { bytes });
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

// === impl Secrets ===

impl Secrets {
    /// The newest first.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(newest_first: Vec<Secret>) -> Result<Self, NoSecret> {
        if newest_first.is_empty() {
            return Err(NoSecret);
        }
        Ok(Self(newest_first.into()))
    }

    /// The value of `webhook-signature`: each secret's signature, spaces between them, the newest secret's first.
    pub fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let signatures = self.0.iter();
        let signatures: Vec<String> = signatures
            .map(|secret| secret.sign(id, timestamp_s, body))
            .collect();
        signatures.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The specification's example of a secret, without its underlining.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn encoded(key: &[u8]) -> String {
        format!("{PREFIX}{}", STANDARD.encode(key))
    }

    fn check_refused(text: &str, expected: &SecretError) {
        let error = text.parse::<Secret>().unwrap_err();
        assert_eq!(error, *expected);
        let value = text.strip_prefix(PREFIX).unwrap_or(text);
        if value.len() > 4 {
            assert!(!format!("{error} {error:?}").contains(value), "{error}");
        }
    }

    /// SOURCE: the tests of the reference libraries,
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py>.
    #[test]
    fn signs_as_the_reference_libraries_do() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn says_what_is_wrong_without_the_secret() {
        check_refused("", &SecretError::Prefix);
        check_refused("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", &SecretError::Prefix);
        check_refused(
            "WHSEC_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            &SecretError::Prefix,
        );
        check_refused("whsec_", &SecretError::Length { bytes: 0 });
        check_refused(
            "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD",
            &SecretError::Base64,
        );
        check_refused("whsec_C2FVsBQIhrscChlQIMV+b5sSYspo7", &SecretError::Base64);
        check_refused(&format!("{SECRET}\n"), &SecretError::Base64);
        check_refused("whsec_пароль", &SecretError::Base64);
    }

    #[test]
    fn keeps_to_the_length() {
        for bytes in [24, 64] {
            assert!(encoded(&vec![7; bytes]).parse::<Secret>().is_ok());
        }
        for bytes in [23, 65, 1000] {
            check_refused(&encoded(&vec![7; bytes]), &SecretError::Length { bytes });
        }
    }

    #[test]
    fn padding_may_be_left_out() {
        let padded = encoded(&[7; 32]);
        let sign = |text: &str| text.parse::<Secret>().unwrap().sign("id", 1, b"body");
        assert!(padded.ends_with('='));
        assert_eq!(sign(&padded), sign(padded.trim_end_matches('=')));
    }

    #[test]
    fn prints_redacted() {
        let secrets = Secrets::new(vec![SECRET.parse().unwrap()]).unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets([Secret(redacted)])");
    }

    #[test]
    fn all_secrets_sign_the_newest_first() {
        let [newest, old] = [[1; 32], [2; 32]].map(|key| encoded(&key));
        let alone = |text: &str| text.parse::<Secret>().unwrap().sign("id", 1, b"body");
        let both = Secrets::new(vec![newest.parse().unwrap(), old.parse().unwrap()]).unwrap();
        let expected = format!("{} {}", alone(&newest), alone(&old));
        assert_eq!(both.sign("id", 1, b"body"), expected);
        assert_eq!(Secrets::new(Vec::new()).unwrap_err(), NoSecret);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_is_repeated(text in "(whsec_)?\\PC*") {
            if let Err(error) = text.parse::<Secret>() {
                let value = text.strip_prefix(PREFIX).unwrap_or(&text);
                prop_assert!(value.len() < 16 || !error.to_string().contains(value));
            }
        }

        #[test]
        fn a_signature_covers_id_time_and_body(
            key in prop::collection::vec(any::<u8>(), 24..=64),
            body in prop::collection::vec(any::<u8>(), 1..64),
            at in any::<prop::sample::Index>(),
        ) {
            let secret: Secret = encoded(&key).parse().unwrap();
            let signature = secret.sign("id", 7, &body);
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1;
            prop_assert_ne!(&secret.sign("id", 7, &changed), &signature);
            prop_assert_ne!(&secret.sign("id", 8, &body), &signature);
            prop_assert_ne!(&secret.sign("di", 7, &body), &signature);
        }
    }
}
