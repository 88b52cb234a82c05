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
    let text = read_file(path).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    let text = text.map_err(|source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Malformed(path.to_owned()));
    }
    Ok(SecretString::from(secret))
}

/// What a regular file holds. A pipe or a device may keep its reader waiting for ever, and the start with it.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe waits for its writer: it is looked at first.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::read(path)
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
    fn refuses_what_is_no_regular_file_without_waiting_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [&pipe, Path::new("/dev/null"), directory.path()] {
            let error = read_secret(path).unwrap_err().to_string();
            assert!(error.ends_with("it is no regular file"), "{error}");
        }
        let link = directory.path().join("link");
        fs::write(directory.path().join("token"), "hush!").unwrap();
        std::os::unix::fs::symlink("token", &link).unwrap();
        assert_eq!(read_secret(&link).unwrap().expose_secret(), "hush!");
    }

    #[test]
    fn refuses_what_nobody_can_send() {
        for content in ["", "\n", " hush", "hush ", "hu sh", "hush\nhush", "hüsh"] {
            check(content.as_bytes(), None);
        }
        check(b"hush\xff", None);
    }
}
