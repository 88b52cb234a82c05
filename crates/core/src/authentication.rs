//! Authentication: is this request Chat's, and of which app?
//!
//! `Sign` is `hex(sha256(token ++ RequestTime))`. It covers neither body nor query, so for a minute it is a credential
//! for anything: it is compared in constant time and then forgotten.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/34354>; for the minute,
//! <https://cloud.tencent.com/document/product/269/32431>.

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Proof, Query, Refusal};

/// How far `RequestTime` may be from our clock, in seconds.
const SIGN_WINDOW_SECONDS: u64 = 60;

/// Chat's limit on a token's length, in characters.
const TOKEN_CHARS_MAX: usize = 128;

/// How many tokens of an app may be live at once: the old and the new one of a rotation.
const TOKENS_MAX: usize = 2;

/// One app of the company, as Chat knows it.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name in the configuration: the `app` of labels and queries.
    pub name: Arc<str>,
    /// The vendor's number of it.
    pub sdk_app_id: u64,
    /// One or two live tokens; none only if `unsigned`.
    pub tokens: Vec<Token>,
    /// Whether its callbacks carry no `Sign`.
    pub unsigned: bool,
    /// Networks that its callbacks must come from; empty for anywhere.
    pub sources: Vec<IpNet>,
}

/// A secret shared with Chat's console. Prints as redacted.
#[derive(Clone)]
pub struct Token(SecretString);

/// What a token must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token has 1 to {TOKEN_CHARS_MAX} printable ASCII characters without spaces")]
pub struct TokenError;

/// Every app, found by its number.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    by_id: HashMap<u64, App>,
}

/// What is wrong with a set of apps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppsError {
    /// Two apps have one number.
    #[error("`{first}` and `{second}` have the same sdk_app_id {sdk_app_id}")]
    SameId {
        /// The one that came first.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
        /// Their number.
        sdk_app_id: u64,
    },
    /// An app declared unsigned has a token.
    #[error("`{0}` is unsigned and has a token; it can't be both")]
    UnsignedWithToken(Arc<str>),
    /// A signed app has no token, or more than two.
    #[error("`{app}` has {count} tokens; a signed app has one, or two during a rotation")]
    TokenCount {
        /// The app's name.
        app: Arc<str>,
        /// How many it has.
        count: usize,
    },
}

/// What is known of the sender from the connection.
#[derive(Debug, Clone, Copy)]
pub enum Peer {
    /// A connection from `address`, or through a trusted proxy that names it.
    Network {
        /// Who called.
        address: IpAddr,
        /// Whether it showed a client certificate of the configured authority.
        certified: bool,
    },
    /// The gateway's own `simulate`: source networks don't apply.
    Simulated,
}

/// A request that is known to be genuine.
#[derive(Debug)]
pub struct Genuine<'a> {
    /// Whose callback it is.
    pub app: &'a App,
    /// What proved it.
    pub proof: Proof,
    /// Its signature; `None` for an app declared unsigned.
    pub signature: Option<Signature>,
}

/// A valid `Sign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Which of the app's tokens made it: its place, from 0.
    pub token: usize,
    /// By how many seconds the sender's clock is ahead of ours.
    pub skew_seconds: i64,
}

/// The `Sign` that goes with a token and a `RequestTime`: 64 lower-case hex digits.
pub fn sign(token: &Token, request_time: &str) -> String {
    let digest = digest(token, request_time);
    let mut hex = String::with_capacity(64);
    for byte in digest {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(nibble.into(), 16).expect("a nibble is a hex digit"));
        }
    }
    hex
}

fn digest(token: &Token, request_time: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(token.0.expose_secret());
    hasher.update(request_time);
    hasher.finalize().into()
}

/// The 32 bytes that 64 hex digits of either case stand for.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    let (pairs, _) = digits.as_chunks::<2>();
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let value = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

// === impl Token ===

impl Token {
    /// Checks and wraps a token.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or holds anything but printable ASCII: most often a stray line break.
    pub fn new(secret: impl Into<String>) -> Result<Self, TokenError> {
        let secret = SecretString::from(secret.into());
        let text = secret.expose_secret();
        let fits = (1..=TOKEN_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Self(secret))
        } else {
            Err(TokenError)
        }
    }

    /// Whether it is the same secret; in constant time for tokens of one length.
    pub fn is_same(&self, other: &Self) -> bool {
        let (own, other) = (self.0.expose_secret(), other.0.expose_secret());
        own.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

// === impl Apps ===

impl Apps {
    /// Checks the apps together.
    ///
    /// # Errors
    ///
    /// Every problem, not only the first.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Result<Self, Vec<AppsError>> {
        let mut by_id: HashMap<u64, App> = HashMap::new();
        let mut errors = Vec::new();
        for app in apps {
            let count = app.tokens.len();
            if app.unsigned && count > 0 {
                errors.push(AppsError::UnsignedWithToken(app.name.clone()));
            } else if !app.unsigned && !(1..=TOKENS_MAX).contains(&count) {
                errors.push(AppsError::TokenCount {
                    app: app.name.clone(),
                    count,
                });
            }
            if let Some(first) = by_id.get(&app.sdk_app_id) {
                let (first, second) = (first.name.clone(), app.name.clone());
                errors.push(AppsError::SameId {
                    first,
                    second,
                    sdk_app_id: app.sdk_app_id,
                });
                continue;
            }
            by_id.insert(app.sdk_app_id, app);
        }
        if errors.is_empty() {
            Ok(Self { by_id })
        } else {
            Err(errors)
        }
    }

    /// Every app, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &App> {
        self.by_id.values()
    }

    /// The app whose number a query has, whoever wrote it there.
    pub fn named(&self, query: &Query<'_>) -> Option<&App> {
        let id = query.sdk_app_id.as_deref().filter(|id| is_digits(id))?;
        self.by_id.get(&id.parse().ok()?)
    }

    /// Decides whether a request is genuine. `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownApp`], [`Refusal::MissingSign`], [`Refusal::BadSign`], [`Refusal::Stale`] or
    /// [`Refusal::Source`].
    pub fn authenticate(
        &self,
        query: &Query<'_>,
        now: u64,
        peer: Peer,
    ) -> Result<Genuine<'_>, Refusal> {
        let app = self.named(query).ok_or(Refusal::UnknownApp)?;
        let signed = (!app.unsigned).then(|| app.check_sign(query, now));
        let signature = signed.transpose()?;
        let mut proof = Proof {
            sign: !app.unsigned,
            ..Proof::default()
        };
        if let Peer::Network { address, certified } = peer {
            proof.mtls = certified;
            proof.source = !app.sources.is_empty();
            if proof.source && !app.sources.iter().any(|network| network.contains(&address)) {
                return Err(Refusal::Source);
            }
        }
        Ok(Genuine {
            app,
            proof,
            signature,
        })
    }
}

// === impl App ===

impl App {
    fn check_sign(&self, query: &Query<'_>, now: u64) -> Result<Signature, Refusal> {
        let (Some(sign), Some(time)) = (query.sign.as_deref(), query.request_time.as_deref())
        else {
            return Err(Refusal::MissingSign);
        };
        let seconds: u64 = Some(time)
            .filter(|time| is_digits(time))
            .and_then(|time| time.parse().ok())
            .ok_or(Refusal::Stale)?;
        let sign = unhex(sign).ok_or(Refusal::BadSign)?;
        // Every token is tried, and compared in constant time: a guess learns nothing of how near it came.
        let mut signer = None;
        for (number, token) in self.tokens.iter().enumerate() {
            let matches = digest(token, time).ct_eq(&sign);
            signer = signer.or(bool::from(matches).then_some(number));
        }
        let token = signer.ok_or(Refusal::BadSign)?;
        if now.abs_diff(seconds) > SIGN_WINDOW_SECONDS {
            return Err(Refusal::Stale);
        }
        Ok(Signature {
            token,
            skew_seconds: seconds.wrapping_sub(now).cast_signed(),
        })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
