//! The certificates in the files that the configuration names: dates, chain, and who vouches for them.

use std::path::Path;

use gateway_core::Causes;
use rustls::{
    RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    pki_types::{CertificateDer, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::{certificate::X509Certificate, parse_x509_certificate};

use super::{
    finding::{Finding, Level},
    settings::is_proxied,
};
use crate::{
    config::{Config, TlsConfig},
    listener::{Tls, read_certificates},
};

const CHECK: &str = "certificate";

const DAY_SECONDS: i64 = 86_400;

/// As the alert `GatewayCertificateExpires` has it.
const WARNING_SECONDS: i64 = 14 * DAY_SECONDS;

const RENEW: &str = "renew it, put the files in their places, and send SIGHUP to the gateway";

/// Looks at both listeners' files. `now` is in seconds since the Unix epoch.
pub(super) fn certificates(config: &Config, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(tls) = &config.callbacks.tls {
        findings.extend(of_listener("callbacks", tls, now));
        if !is_proxied(config) {
            findings.extend(vouched_for(&tls.certificate));
        }
    }
    if let Some(tls) = &config.admin.tls {
        findings.extend(of_listener("admin", tls, now));
    }
    findings
}

fn of_listener(listener: &str, tls: &TlsConfig, now: i64) -> Vec<Finding> {
    let key = format!("{listener}.tls");
    if let Err(error) = Tls::load(tls) {
        let evidence = format!("{key}: {}", Causes(&error));
        return vec![problem(
            "the listener can't use its certificate",
            evidence,
            "mend the file that is named",
        )];
    }
    let mut findings = of_file(&format!("{key}.certificate"), &tls.certificate, now);
    if let Some(authority) = &tls.client_ca {
        findings.extend(of_file(&format!("{key}.client_ca"), authority, now));
    }
    findings
}

/// The dates of a file's certificates, and whether each is issued by the next.
fn of_file(key: &str, path: &Path, now: i64) -> Vec<Finding> {
    let chain = match read_certificates(path) {
        Ok(chain) => chain,
        Err(error) => {
            let evidence = format!("{key}: {}", Causes(&error));
            return vec![problem(
                "a certificate can't be read",
                evidence,
                "mend the file",
            )];
        }
    };
    let parsed = chain.iter().map(|der| parse_x509_certificate(der));
    let Ok(chain) = parsed
        .map(|parsed| parsed.map(|(_, certificate)| certificate))
        .collect::<Result<Vec<_>, _>>()
    else {
        let evidence = format!("{key} = {}", path.display());
        return vec![problem(
            "a certificate is damaged",
            evidence,
            "mend the file",
        )];
    };
    let mut findings: Vec<Finding> = chain
        .iter()
        .map(|certificate| dates(key, certificate, now))
        .collect();
    if !key.ends_with("client_ca") {
        findings.extend(order(key, &chain));
    }
    findings
}

fn dates(key: &str, certificate: &X509Certificate<'_>, now: i64) -> Finding {
    let validity = certificate.validity();
    let (begin, end) = (validity.not_before, validity.not_after);
    let subject = certificate.subject();
    let left = end.timestamp() - now;
    let evidence = format!("{key}: {subject}, valid from {begin} to {end}");
    if begin.timestamp() > now {
        let remedy = "wait, or check this machine's clock";
        return Finding::new(
            Level::Problem,
            CHECK,
            "a certificate is not valid yet",
            evidence,
            remedy,
        );
    }
    if left < 0 {
        return Finding::new(
            Level::Problem,
            CHECK,
            "a certificate has expired",
            evidence,
            RENEW,
        );
    }
    let days = left / DAY_SECONDS;
    if left < WARNING_SECONDS {
        let plural = if days == 1 { "" } else { "s" };
        let what = format!("a certificate expires in {days} day{plural}");
        return Finding::new(Level::Warning, CHECK, what, evidence, RENEW);
    }
    Finding::ok(
        CHECK,
        format!("{key}: {subject}, valid for {days} days more"),
    )
}

fn order(key: &str, chain: &[X509Certificate<'_>]) -> Option<Finding> {
    let wrong = chain.windows(2).find_map(|pair| match pair {
        [one, next] if one.issuer() != next.subject() => Some((one, next)),
        _ => None,
    })?;
    let (one, next) = wrong;
    Some(Finding::new(
        Level::Problem,
        CHECK,
        "the chain is out of order: each certificate must be followed by its issuer's",
        format!(
            "{key}: {} is issued by {}, and followed by {}",
            one.subject(),
            one.issuer(),
            next.subject()
        ),
        "put the listener's own certificate first, then the intermediate ones in order",
    ))
}

/// Chat takes the certificates of public authorities only.
fn vouched_for(path: &Path) -> Option<Finding> {
    let chain = read_certificates(path).ok()?;
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let error = verify(&chain, &roots).err()?;
    let remedy = "use the whole chain of a public authority, or put a proxy with one in front and name it in callbacks.trusted_proxies";
    Some(Finding::new(
        Level::Warning,
        CHECK,
        "no public authority vouches for the callback listener, and Chat will not call it",
        format!("callbacks.tls.certificate = {}: {error}", path.display()),
        remedy,
    ))
}

fn verify(chain: &[CertificateDer<'_>], roots: &RootCertStore) -> Result<(), rustls::Error> {
    let Some((first, intermediates)) = chain.split_first() else {
        return Ok(());
    };
    let algorithms = ring::default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(first)?,
        roots,
        intermediates,
        UnixTime::now(),
        algorithms.all,
    )
}

fn problem(what: &str, evidence: String, remedy: &str) -> Finding {
    Finding::new(Level::Problem, CHECK, what, evidence, remedy)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };
    use tempfile::TempDir;

    use super::*;

    /// 2026-06-01.
    const NOW: i64 = 1_780_272_000;

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params
    }

    fn authority(name: &str) -> Authority {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    impl Authority {
        fn pem(&self) -> String {
            self.0.pem()
        }

        /// A certificate and its key in PEM.
        fn issue(&self, params: &CertificateParams) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.0).unwrap();
            (certificate.pem(), key.serialize_pem())
        }
    }

    /// What is said of a chain, but for who vouches for it: levels and words.
    fn check(chain: &str, key: &str, expected: &[(Level, &str)]) {
        let directory = TempDir::new().unwrap();
        let tls = TlsConfig {
            certificate: directory.path().join("chain.pem"),
            private_key: directory.path().join("key.pem"),
            client_ca: None,
        };
        std::fs::write(&tls.certificate, chain).unwrap();
        std::fs::write(&tls.private_key, key).unwrap();
        let findings = of_listener("callbacks", &tls, NOW);
        assert_eq!(findings.len(), expected.len(), "{findings:#?}");
        for (finding, (level, words)) in findings.iter().zip(expected) {
            assert_eq!(finding.level, *level, "{finding:#?}");
            assert!(finding.what.contains(words), "{finding:#?}");
        }
    }

    #[test]
    fn a_good_chain_tells_how_long_it_lasts() {
        let authority = authority("authority");
        let (certificate, key) = authority.issue(&named("gateway"));
        let days = (Level::Ok, "valid for 214 days more");
        check(&certificate, &key, &[days]);
        check(&(certificate + &authority.pem()), &key, &[days, days]);
    }

    #[test]
    fn dates_are_told_before_it_is_too_late() {
        let authority = authority("authority");
        for (not_before, not_after, level, words) in [
            (
                (2026, 1, 1),
                (2026, 6, 10),
                Level::Warning,
                "expires in 9 days",
            ),
            ((2026, 1, 1), (2026, 5, 31), Level::Problem, "has expired"),
            ((2026, 6, 2), (2027, 1, 1), Level::Problem, "not valid yet"),
        ] {
            let mut params = named("gateway");
            params.not_before = date_time_ymd(not_before.0, not_before.1, not_before.2);
            params.not_after = date_time_ymd(not_after.0, not_after.1, not_after.2);
            let (certificate, key) = authority.issue(&params);
            check(&certificate, &key, &[(level, words)]);
        }
    }

    #[test]
    fn a_chain_in_the_wrong_order_is_told() {
        let authority = authority("authority");
        let (one, key) = authority.issue(&named("gateway"));
        let days = (Level::Ok, "valid for 214 days more");
        let order = (Level::Problem, "out of order");
        check(&format!("{one}{one}"), &key, &[days, days, order]);
    }

    #[test]
    fn a_key_of_another_certificate_is_told() {
        let authority = authority("authority");
        let (certificate, _) = authority.issue(&named("gateway"));
        let (_, other) = authority.issue(&named("gateway"));
        let unusable = (Level::Problem, "can't use its certificate");
        check(&certificate, &other, &[unusable]);
        check("no certificate", &other, &[unusable]);
    }

    #[test]
    fn a_private_authority_is_no_public_one() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("chain.pem");
        let authority = authority("authority");
        let mut params = named("gateway");
        params.not_after = date_time_ymd(2099, 1, 1);
        let (certificate, _) = authority.issue(&params);
        std::fs::write(&path, certificate + &authority.pem()).unwrap();
        let finding = vouched_for(&path).unwrap();
        assert!(finding.evidence.contains("UnknownIssuer"), "{finding:#?}");
    }
}
