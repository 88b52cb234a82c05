//! Files that hold one secret: a token of an app, of a decider, of the admin listener.
//!
//! One rule for whoever reads such a file, so that what the gateway expects can also be sent.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

/// Why a file gives no secret. Never shows what it holds.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It can't be read, or is no text.
    #[error("{} can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else than a secret.
    #[error("{} holds no secret: expected one line of printable ASCII characters without spaces", .0.display())]
    Malformed(PathBuf),
}

/// A file's content without the line break that editors add: one line of printable ASCII characters without spaces.
///
/// # Errors
///
/// When it can't be read or holds something else.
pub fn read_secret(path: &Path) -> Result<SecretString, SecretError> {
    let text = fs::read_to_string(path).map_err(|source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Malformed(path.to_owned()));
    }
    Ok(SecretString::from(secret))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn check(content: &[u8], expected: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, content).unwrap();
        match (read_secret(&path), expected) {
            (Ok(secret), Some(expected)) => assert_eq!(secret.expose_secret(), expected),
            (Err(error), None) => {
                let error = error.to_string();
                assert!(error.starts_with(&path.display().to_string()), "{error}");
                assert!(!error.contains("hush"), "{error}");
            }
            (found, _) => panic!("{content:?}: {found:?}"),
        }
    }

    #[test]
    fn a_secret_is_one_line_with_or_without_its_end() {
        for content in ["hush!", "hush!\n", "hush!\r\n"] {
            check(content.as_bytes(), Some("hush!"));
        }
    }

    #[test]
    fn refuses_what_nobody_can_send() {
        for content in ["", "\n", " hush", "hush ", "hu sh", "hush\nhush", "hüsh"] {
            check(content.as_bytes(), None);
        }
        check(b"hush\xff", None);
    }
}
