//! The rules of `[traces]`, and the files that its keys name.

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;

use gateway_core::Causes;

use super::{Config, Problem, deciders::parse_url, validate::read_secret};
use crate::listener::read_certificates;

/// A collector with what its keys name.
#[derive(Debug, Clone)]
pub struct CheckedTraces {
    /// Where spans are sent.
    pub url: String,
    /// The share of callbacks that is traced.
    pub sampled: f64,
    /// What its requests carry.
    pub token: Option<SecretString>,
    /// Who vouches for its certificate; the public authorities when `None`.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
}

/// Reads what the keys name; `None` when nothing is to be traced.
pub(super) fn check_traces(config: &Config, problems: &mut Vec<Problem>) -> Option<CheckedTraces> {
    let traces = &config.traces;
    if !(0.0..=1.0).contains(&traces.sampled) {
        problems.push(Problem::new("traces.sampled", "expected 0 to 1"));
    }
    let token = traces.token_file.as_deref();
    let token = token.and_then(|path| read_secret("traces.token_file", path, problems));
    let authorities = traces.ca.as_deref().and_then(|path| {
        let certificates = read_certificates(path);
        let told = certificates.map_err(|error| Problem::new("traces.ca", Causes(&error)));
        told.map_err(|problem| problems.push(problem)).ok()
    });
    let endpoint = traces.endpoint.as_deref()?;
    if parse_url(endpoint).is_none() {
        problems.push(Problem::new(
            "traces.endpoint",
            "expected a URL such as http://127.0.0.1:4318, without user, query and fragment",
        ));
    }
    Some(CheckedTraces {
        url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        sampled: traces.sampled,
        token,
        authorities,
    })
}
