//! Why a reading ended. Knows what happened and never its text: serde's texts quote values of the body.

use std::fmt;

use serde::de;

pub(super) type Outcome<T> = Result<T, Failure>;

/// The error of the coercing deserializer.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// A struct lacks this field.
    Missing(&'static str),
    /// A struct has a field twice, by an alias.
    Repeated,
    /// No variant of an enum has this name.
    UnknownVariant,
    /// Anything else that a type does not like.
    Unfit,
    /// Already in the report.
    Reported,
    /// To be read again.
    Amended,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the body does not fit the type")
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Unfit
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_field: &'static str) -> Self {
        Self::Repeated
    }

    fn unknown_variant(_variant: &str, _expected: &'static [&'static str]) -> Self {
        Self::UnknownVariant
    }
}
