//! What proves a call, and what every refusal is called.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_669_872_112;
const DOCUMENTED_SIGN: &str = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061";

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn app(name: &str, sdk_app_id: u64, tokens: &[&str]) -> App {
    App {
        name: name.into(),
        sdk_app_id,
        tokens: tokens.iter().map(|text| token(text)).collect(),
        unsigned: tokens.is_empty(),
        sources: Vec::new(),
    }
}

fn check(apps: &Apps, raw: &str, now: u64) -> Result<String, Refusal> {
    let peer = Peer::Network {
        address: [127, 0, 0, 1].into(),
        certified: false,
    };
    let query = Query::parse(raw)?;
    apps.authenticate(&query, now, peer)
        .map(|genuine| genuine.proof.to_string())
}

fn shop() -> Apps {
    Apps::new([app("shop", 1, &["xxxxyyyy"]), app("legacy", 2, &[])]).unwrap()
}

#[test]
fn tells_by_how_much_the_clocks_differ() {
    let raw = format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}&RequestTime={NOW}");
    let query = Query::parse(&raw).unwrap();
    for (now, expected) in [(NOW, 0), (NOW + 7, -7), (NOW - 60, 60)] {
        let apps = shop();
        let genuine = apps.authenticate(&query, now, Peer::Simulated).unwrap();
        assert_eq!(genuine.signature.unwrap().skew_seconds, expected);
    }
    let query = Query::parse("SdkAppid=2").unwrap();
    let apps = shop();
    let genuine = apps.authenticate(&query, NOW, Peer::Simulated).unwrap();
    assert_eq!(genuine.signature, None);
}

#[test]
fn makes_the_documented_sign() {
    assert_eq!(sign(&token("xxxxyyyy"), "1669872112"), DOCUMENTED_SIGN);
}

#[test]
fn accepts_the_documented_sign_within_a_minute() {
    let raw = format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}&RequestTime={NOW}");
    for (now, expected) in [
        (NOW, Ok("sign".to_owned())),
        (NOW - 60, Ok("sign".to_owned())),
        (NOW + 60, Ok("sign".to_owned())),
        (NOW - 61, Err(Refusal::Stale)),
        (NOW + 61, Err(Refusal::Stale)),
    ] {
        assert_eq!(check(&shop(), &raw, now), expected, "{now}");
    }
}

#[test]
fn names_the_reason_of_a_refusal() {
    for (raw, expected) in [
        (
            format!("SdkAppid=3&Sign={DOCUMENTED_SIGN}&RequestTime={NOW}"),
            Refusal::UnknownApp,
        ),
        ("SdkAppid=shop".to_owned(), Refusal::UnknownApp),
        ("SdkAppid=%2B1".to_owned(), Refusal::UnknownApp),
        ("CallbackCommand=a".to_owned(), Refusal::UnknownApp),
        ("SdkAppid=1".to_owned(), Refusal::MissingSign),
        (
            format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}"),
            Refusal::MissingSign,
        ),
        (
            format!("SdkAppid=1&Sign=&RequestTime={NOW}"),
            Refusal::BadSign,
        ),
        (
            format!("SdkAppid=1&Sign={}&RequestTime={NOW}", "0".repeat(64)),
            Refusal::BadSign,
        ),
        (
            format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}&RequestTime=%2B{NOW}"),
            Refusal::Stale,
        ),
        (
            format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}&RequestTime="),
            Refusal::Stale,
        ),
    ] {
        assert_eq!(check(&shop(), &raw, NOW), Err(expected), "{raw}");
    }
}

#[test]
fn an_unsigned_app_needs_no_sign() {
    assert_eq!(check(&shop(), "SdkAppid=2", NOW), Ok("none".to_owned()));
}

#[test]
fn both_tokens_of_a_rotation_are_live() {
    let apps = Apps::new([app("shop", 1, &["old", "new"])]).unwrap();
    for (number, text) in ["old", "new"].into_iter().enumerate() {
        let raw = format!(
            "SdkAppid=1&RequestTime={NOW}&Sign={}",
            sign(&token(text), &NOW.to_string())
        );
        assert_eq!(check(&apps, &raw, NOW), Ok("sign".to_owned()));
        let query = Query::parse(&raw).unwrap();
        let genuine = apps.authenticate(&query, NOW, Peer::Simulated).unwrap();
        assert_eq!(genuine.signature.unwrap().token, number);
    }
}

#[test]
fn a_source_outside_the_networks_is_refused_after_its_sign() {
    let mut app = app("shop", 1, &["xxxxyyyy"]);
    app.sources = vec!["10.0.0.0/8".parse().unwrap()];
    let apps = Apps::new([app]).unwrap();
    let raw = format!("SdkAppid=1&Sign={DOCUMENTED_SIGN}&RequestTime={NOW}");
    let query = Query::parse(&raw).unwrap();
    let from = |address: [u8; 4]| {
        let peer = Peer::Network {
            address: address.into(),
            certified: true,
        };
        apps.authenticate(&query, NOW, peer)
            .map(|genuine| genuine.proof.to_string())
    };
    assert_eq!(from([10, 1, 2, 3]), Ok("sign+mtls+source".to_owned()));
    assert_eq!(from([192, 0, 2, 1]), Err(Refusal::Source));
    assert_eq!(check(&apps, "SdkAppid=1", NOW), Err(Refusal::MissingSign));
}

#[test]
fn reports_every_problem_of_a_set_of_apps() {
    let mut both = app("both", 3, &["a"]);
    both.unsigned = true;
    let errors = Apps::new([
        app("a", 1, &["x"]),
        app("b", 1, &["x"]),
        both,
        app("three", 4, &["a", "b", "c"]),
    ]);
    assert_eq!(errors.unwrap_err().len(), 3);
}

#[test]
fn a_token_is_short_and_printable_and_never_shown() {
    for text in ["", "a b", "a\n", &"x".repeat(129), "ü"] {
        assert_eq!(Token::new(text).err(), Some(TokenError), "{text:?}");
    }
    assert_eq!(format!("{:?}", token("hush")), "Token([redacted])");
}

proptest! {
    #[test]
    fn only_the_very_sign_is_accepted(position in 0usize..64, digit in 0u32..16) {
        let mut changed = DOCUMENTED_SIGN.to_owned().into_bytes();
        changed[position] = char::from_digit(digit, 16).unwrap() as u8;
        let changed = String::from_utf8(changed).unwrap();
        let raw = format!("SdkAppid=1&Sign={changed}&RequestTime={NOW}");
        prop_assert_eq!(check(&shop(), &raw, NOW).is_ok(), changed == DOCUMENTED_SIGN);
    }
}
