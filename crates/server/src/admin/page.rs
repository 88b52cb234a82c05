//! The page and the document: static once made, with `ETag` and gzip, and without a request to any other host.
//!
//! Swagger UI is the copy that poem-openapi embeds; script and style are cut out of its page and served as files, so
//! that the content security policy needs no inline script. Nothing is made before the first request for it.

use std::{io::Write as _, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use gateway_core::List;
use poem::{
    Response,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use poem_openapi::{OpenApi, OpenApiService};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::problem::Problem;
use crate::openapi::{self, payload::Static};

/// The page itself; its addresses are relative, so that it works behind a proxy's prefix too.
const PAGE: &str = include_str!("page/page.html");

/// Starts Swagger UI.
const SCRIPT: &str = include_str!("page/page.js");

/// What Swagger UI's style lacks: dark colours and narrow screens.
const STYLE: &str = include_str!("page/page.css");

/// Our own files, requests to ourselves, and the images within Swagger UI's style sheet. Nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JSON: &str = "application/json";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The page's paths.
pub(crate) struct PageApi {
    /// Makes the document for a callback path.
    document: fn(&str) -> String,
    callback_path: String,
    made: Made,
}

/// What was made so far.
#[derive(Default)]
struct Made {
    document: OnceCell<Arc<File>>,
    page: OnceCell<Arc<File>>,
    script: OnceCell<Arc<File>>,
    library: OnceCell<Arc<File>>,
    style: OnceCell<Arc<File>>,
    own_style: OnceCell<Arc<File>>,
}

/// A file in memory.
struct File {
    content_type: &'static str,
    etag: String,
    plain: Bytes,
    gzip: Bytes,
}

// === impl PageApi ===

impl PageApi {
    pub(crate) fn new<L: List>(callback_path: &str) -> Self {
        Self {
            document: openapi::document::<L>,
            callback_path: callback_path.to_owned(),
            made: Made::default(),
        }
    }
}

#[OpenApi]
impl PageApi {
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/", method = "get", hidden)]
    async fn root(&self) -> Static {
        let response = Response::builder()
            .status(StatusCode::FOUND)
            .header(header::LOCATION, "docs");
        Static(response.finish())
    }

    #[oai(path = "/docs", method = "get", hidden)]
    async fn page(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let file = || File::new(HTML, PAGE.to_owned().into());
        serve(&self.made.page, headers, file).await
    }

    #[oai(path = "/docs/page.js", method = "get", hidden)]
    async fn script(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let file = || File::new(JAVASCRIPT, SCRIPT.to_owned().into());
        serve(&self.made.script, headers, file).await
    }

    #[oai(path = "/docs/page.css", method = "get", hidden)]
    async fn own_style(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let file = || File::new(CSS, STYLE.to_owned().into());
        serve(&self.made.own_style, headers, file).await
    }

    #[oai(path = "/docs/swagger-ui.js", method = "get", hidden)]
    async fn library(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let file = || File::new(JAVASCRIPT, swagger_ui().0.into());
        serve(&self.made.library, headers, file).await
    }

    #[oai(path = "/docs/swagger-ui.css", method = "get", hidden)]
    async fn style(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let file = || File::new(CSS, swagger_ui().1.into());
        serve(&self.made.style, headers, file).await
    }

    #[oai(path = "/openapi.json", method = "get", hidden)]
    async fn document(&self, headers: &HeaderMap) -> Result<Static, Problem> {
        let (document, callback_path) = (self.document, self.callback_path.clone());
        let file = move || File::new(JSON, document(&callback_path).into());
        serve(&self.made.document, headers, file).await
    }
}

/// Serves a file, made on a thread that may take its time when it is asked for first.
async fn serve<F>(
    made: &OnceCell<Arc<File>>,
    headers: &HeaderMap,
    file: F,
) -> Result<Static, Problem>
where
    F: FnOnce() -> File + Send + 'static,
{
    let file = made
        .get_or_try_init(|| async { tokio::task::spawn_blocking(file).await.map(Arc::new) })
        .await
        .map_err(|error| Problem::internal("make the page", &error))?;
    Ok(Static(file.answer(headers)))
}

/// Swagger UI's script and style, cut out of poem-openapi's page (whose version is pinned).
fn swagger_ui() -> (String, String) {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    let style = between(&page, "<style charset=\"UTF-8\">", "</style>");
    let script = between(&page, "<script charset=\"UTF-8\">", "</script>\n</head>");
    (script.to_owned(), style.to_owned())
}

/// What stands between two texts; empty when one of them is missing.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map_or("", |(between, _)| between)
}

// === impl File ===

impl File {
    fn new(content_type: &'static str, plain: Bytes) -> Self {
        let digest = Sha256::digest(&plain);
        let tag = URL_SAFE_NO_PAD.encode(digest);
        Self {
            content_type,
            // Weak: it stands for the plain and the compressed bytes.
            etag: format!("W/\"{tag}\""),
            gzip: gzip(&plain),
            plain,
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let answer = Response::builder()
            .header(header::ETAG, self.etag.as_str())
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::VARY, "accept-encoding")
            .header(header::CONTENT_SECURITY_POLICY, POLICY);
        if has_token(headers, &header::IF_NONE_MATCH, |value| {
            value == "*" || value == self.etag
        }) {
            return answer.status(StatusCode::NOT_MODIFIED).finish();
        }
        let answer = answer.content_type(self.content_type);
        if has_token(headers, &header::ACCEPT_ENCODING, accepts_gzip) {
            return answer
                .header(header::CONTENT_ENCODING, "gzip")
                .body(self.gzip.clone());
        }
        answer.body(self.plain.clone())
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("memory can always be written")
        .into()
}

/// Whether one of a header's comma-separated values is wanted.
fn has_token(headers: &HeaderMap, name: &HeaderName, is_wanted: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| is_wanted(value.trim()))
}

/// `gzip`, but not `gzip;q=0`.
fn accepts_gzip(value: &str) -> bool {
    let (coding, quality) = value.split_once(';').unwrap_or((value, "q=1"));
    let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
    coding.trim().eq_ignore_ascii_case("gzip") && quality.parse().is_ok_and(|q: f32| q > 0.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use poem::http::HeaderValue;

    use super::*;

    fn headers(list: &[(HeaderName, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn swagger_ui_is_where_it_is_cut_from() {
        let (script, style) = swagger_ui();
        assert!(script.contains("SwaggerUIBundle"));
        assert!(script.contains("allowTryItOutFor"));
        assert!(script.contains("opsFilter"));
        assert!(script.len() > 1_000_000);
        assert!(style.contains(".swagger-ui"));
        assert!(!style.contains("<script"));
    }

    #[tokio::test]
    async fn a_file_is_sent_compressed_to_whoever_takes_it() {
        let file = File::new(CSS, Bytes::from_static(b"body{}"));
        for (accepts, is_gzip) in [
            ("gzip, deflate, br", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            let response = file.answer(&headers(&[(header::ACCEPT_ENCODING, accepts)]));
            assert_eq!(
                response.header(header::CONTENT_ENCODING),
                is_gzip.then_some("gzip")
            );
            let bytes = response.into_body().into_bytes().await.unwrap();
            let mut text = String::new();
            if is_gzip {
                GzDecoder::new(bytes.as_ref())
                    .read_to_string(&mut text)
                    .unwrap();
            } else {
                text = String::from_utf8(bytes.to_vec()).unwrap();
            }
            assert_eq!(text, "body{}");
        }
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let file = File::new(CSS, Bytes::from_static(b"body{}"));
        let etag: &'static str = file.etag.clone().leak();
        for (known, status) in [
            (etag, StatusCode::NOT_MODIFIED),
            ("*", StatusCode::NOT_MODIFIED),
            ("W/\"other\"", StatusCode::OK),
        ] {
            let response = file.answer(&headers(&[(header::IF_NONE_MATCH, known)]));
            assert_eq!(response.status(), status, "{known}");
        }
    }

    #[test]
    fn the_page_runs_no_inline_script_and_names_no_other_host() {
        assert!(!PAGE.contains("<script>"));
        assert!(!PAGE.contains("://") && !SCRIPT.contains("://") && !STYLE.contains("://"));
    }
}
