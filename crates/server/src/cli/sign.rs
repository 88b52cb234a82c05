//! `sign`: the two parameters that prove the possession of a token, for a request made by hand.

use std::io::{self, Write};

use super::{
    arguments::SignOptions,
    failure::{Ending, Failure},
    network::{now_seconds, read_token},
    output::Output,
};

pub(super) fn run(
    options: &SignOptions,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
) -> Result<Ending, Failure> {
    let token = read_token(&options.token_file)?;
    let time = options.time.unwrap_or_else(now_seconds).to_string();
    let sign = gateway_core::sign(&token, &time);
    if output.wants_json() {
        output.json(&serde_json::json!({ "Sign": sign, "RequestTime": time }))?;
    } else {
        output.line(&format!("Sign={sign}&RequestTime={time}"))?;
    }
    // If standard error is closed, nobody is there to be warned.
    let _written: io::Result<()> = writeln!(
        notices,
        "warning: this is a credential for any callback of the app, for a minute around RequestTime; don't share it"
    );
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_documented_sign() {
        let dir = tempfile::tempdir().unwrap();
        let token_file = dir.path().join("token");
        std::fs::write(&token_file, "xxxxyyyy\n").unwrap();
        let options = SignOptions {
            token_file,
            time: Some(1_669_872_112),
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        run(
            &options,
            &mut Output::new(&mut stdout, false, false),
            &mut stderr,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(stdout).unwrap(),
            "Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061&RequestTime=1669872112\n"
        );
        assert!(String::from_utf8(stderr).unwrap().contains("credential"));
    }
}
