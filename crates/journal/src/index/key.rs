//! The stored form of a [`Key`]: eight bytes, the same on every machine and in every version. A change of it must
//! raise the format version in `file.rs`.

use sha2::{Digest, Sha256};

use super::Key;

/// The first eight bytes, big-endian, of SHA-256 over the key's kind (`account`, `group` or `shadow`), a NUL and its id.
/// Nobody can choose ids that fall together cheaply enough to matter; should two do, callers check the events.
pub(super) fn hash(key: Key<'_>) -> i64 {
    let (kind, id) = match key {
        Key::Account(id) => ("account\0", id),
        Key::Group(id) => ("group\0", id),
        Key::Shadow(agreement) => ("shadow\0", agreement.as_str()),
    };
    let digest = Sha256::new().chain_update(kind).chain_update(id).finalize();
    let first = digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
    i64::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_in_every_version() {
        let disagreed = hash(Key::Shadow(gateway_core::Agreement::Disagreed));
        assert_eq!(disagreed, 2_258_751_112_408_801_999);
        assert_eq!(hash(Key::Account("alice")), -647_391_955_706_018_062);
        assert_eq!(hash(Key::Group("alice")), -8_093_952_499_362_796_193);
        assert_eq!(hash(Key::Account("")), 7_957_882_584_956_985_434);
        assert_eq!(hash(Key::Account("用户")), 8_378_154_708_188_458_577);
    }
}
