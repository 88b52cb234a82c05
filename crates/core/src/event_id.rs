//! Event ids: UUIDv7 whose random bits carry the sequence, so that an id is computed and never stored.
//!
//! Layout, most significant bit first: 48 bits journaling time in milliseconds, 4 bits version (7), 12 bits tag of the
//! log, 2 bits variant, 62 bits sequence.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of an event in the journal: unique, ordered by time of journaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    const SEQUENCE_BITS: u32 = 62;

    /// The id of the event at `sequence` (below 2^62), journaled at `journaled_ms` since the Unix epoch in the log
    /// `log_id`.
    pub fn new(log_id: Uuid, sequence: u64, journaled_ms: u64) -> Self {
        let time = u128::from(journaled_ms & ((1 << 48) - 1)) << 80;
        let tag = u128::from(tag(log_id)) << 64;
        let sequence = u128::from(sequence & ((1 << Self::SEQUENCE_BITS) - 1));
        Self(Uuid::from_u128(
            time | 7 << 76 | tag | 0b10 << 62 | sequence,
        ))
    }

    /// Where the event stands in the log.
    pub fn sequence(self) -> u64 {
        let low = self.0.as_u128() & ((1 << Self::SEQUENCE_BITS) - 1);
        u64::try_from(low).expect("62 bits fit into 64")
    }

    /// When it was journaled, in milliseconds since the Unix epoch.
    pub fn journaled_ms(self) -> u64 {
        u64::try_from(self.0.as_u128() >> 80).expect("48 bits fit into 64")
    }

    /// Whether the id can be of the log `log_id`: an id of another log passes once in 4,096 times.
    pub fn may_be_of(self, log_id: Uuid) -> bool {
        self.0.get_version_num() == 7 && (self.0.as_u128() >> 64) & 0xfff == u128::from(tag(log_id))
    }
}

/// The 12 bits of a log id that its events' ids carry.
fn tag(log_id: Uuid) -> u16 {
    let [high, low, ..] = *log_id.as_bytes();
    u16::from_be_bytes([high, low]) & 0xfff
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn carries_sequence_and_time(log in any::<u128>(), sequence in 0u64..1 << 62, time in 0u64..1 << 48) {
            let log_id = Uuid::from_u128(log);
            let id = EventId::new(log_id, sequence, time);
            prop_assert_eq!(id.sequence(), sequence);
            prop_assert_eq!(id.journaled_ms(), time);
            prop_assert!(id.may_be_of(log_id));
            prop_assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
            prop_assert_eq!(Uuid::parse_str(&id.to_string()).unwrap().get_version_num(), 7);
        }
    }
}
