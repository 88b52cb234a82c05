//! The arguments: what every command takes, with the help texts. No behaviour.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use gateway_core::{Agreement, EventId};

use super::moment::Moment;
use crate::time::TimeError;

/// One URL that Tencent Cloud Chat calls for every callback of every app.
///
/// Without a command it serves. Exit codes: 0 done; 1 refused, not found or damaged; 2 a wrong command line or
/// configuration; 3 the gateway can't be reached; those of `doctor` are by the worst that it found.
#[derive(Debug, Parser)]
#[command(name = "callback-gateway", version, max_term_width = 100)]
pub(super) struct Arguments {
    /// A TOML file over the built-in defaults; GATEWAY_… variables go over both
    #[arg(long, global = true, value_name = "FILE", display_order = 100)]
    pub(super) config: Option<PathBuf>,
    /// Output for scripts: JSON, one object a line
    #[arg(long, global = true, display_order = 101)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway until SIGTERM
    Serve {
        /// Ack before the sync, so that a test of power cuts has something to find
        #[arg(long, hide = true)]
        unsynced: bool,
    },
    /// Check or show the configuration
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// List the installed callback commands, and how often each was called
    ///
    /// The counts are the running gateway's, since its start; without one they are blank.
    Commands(CommandsOptions),
    /// Send a sample callback to the running gateway and print the ack
    ///
    /// `--SOME-FIELD VALUE` replaces the field of that name in the sample, at any depth, in the first entry of a list;
    /// case, `-` and `_` don't matter: `--from-account alice` replaces `From_Account`.
    Trigger(TriggerOptions),
    /// Print events the moment they are journaled
    Tail(TailOptions),
    /// Show what a running gateway does, live: rates, latencies, backlogs, deciders
    ///
    /// Rates and latencies are of the time between two looks. `--json` prints a line at each look but the first.
    Top(TopOptions),
    /// Print stored events, newest first
    Events(EventsOptions),
    /// Show everything that is known of one event
    Explain(ExplainOptions),
    /// Run events through their plug-ins once more, after a fix, and compare the outcomes
    ///
    /// What failed and succeeds now is done; what was done stays so. The oldest comes first. Exit code 1 when one fails.
    /// With --subscription its dead letters are tried again instead: no plug-in runs.
    Replay(ReplayOptions),
    /// List where bodies differ from the types, the last seen first
    ///
    /// Names fields, never their values. 64 kinds of each command are kept, 1,000 in all; the path … adds up the others.
    Drift(DriftOptions),
    /// List the services that events are passed on to, or pause, resume, skip and rewind one
    Subscriptions(SubscriptionsOptions),
    /// List the events that are on their way to a subscription or were given up, newest first
    Deliveries(DeliveriesOptions),
    /// List the last refused requests: when, why, from where, and how far the clocks are apart
    Refusals(RefusalsOptions),
    /// Say what is wrong with a configuration, its files, its journal and the gateway that runs with it
    ///
    /// Each finding says what is so, how that is known, and what to do. Run it where the gateway runs, with the same
    /// configuration. Exit codes: 0 nothing worse than a note; 1 a warning; 2 a problem.
    Doctor(DoctorOptions),
    /// List every metric: name, kind, labels and meaning
    Metrics(MetricsOptions),
    /// Print a signature as query parameters, for a request made by hand
    Sign(SignOptions),
    /// Print the OpenAPI document of the installed commands
    Openapi,
    /// Check or back up the journal, also while a gateway runs
    Journal {
        #[command(subcommand)]
        action: JournalAction,
    },
    /// Ask both listeners whether they serve: exit code 0 or 3
    Healthcheck(HealthcheckOptions),
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum ConfigAction {
    /// Print every problem, or ok
    Check,
    /// Print the merged configuration as TOML, without its secrets
    Show,
    /// Print the JSON Schema of the configuration
    Schema,
}

#[derive(Debug, Subcommand)]
pub(super) enum JournalAction {
    /// Read every row; exit code 1 when there is damage
    Check {
        /// The journal's directory [default: journal.path of the configuration]
        path: Option<PathBuf>,
    },
    /// Copy the journal into a new directory
    Backup {
        /// The directory to create
        to: PathBuf,
    },
}

/// How to reach the admin listener.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Admin listener")]
pub(super) struct AdminOptions {
    /// Its URL [default: that of the configuration]
    // Global for the one command that has commands of its own: after those, too.
    #[arg(
        id = "admin_url",
        long = "admin-url",
        value_name = "URL",
        global = true
    )]
    pub(super) url: Option<String>,
    /// A file with its token [default: that of the configuration]
    #[arg(
        id = "admin_token_file",
        long = "admin-token-file",
        value_name = "FILE",
        global = true
    )]
    pub(super) token_file: Option<PathBuf>,
    /// A PEM file with the private authority of its certificate
    #[arg(id = "admin_ca", long = "admin-ca", value_name = "FILE", global = true)]
    pub(super) ca: Option<PathBuf>,
}

/// Which events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filters {
    /// Only this command, e.g. Sns.CallbackFriendDelete
    #[arg(long, value_name = "COMMAND")]
    pub(super) command: Option<String>,
    /// Only this app, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<String>,
    /// Only events about this account
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
    /// Only events about this group
    #[arg(long, value_name = "ID")]
    pub(super) group: Option<String>,
    /// Only where a shadow decider's answer compares so with the one given
    #[arg(long, value_name = "HOW", value_parser = Agreement::ALL.map(Agreement::as_str))]
    pub(super) shadow: Option<String>,
}

/// Options that are not listed here are fields of the body: see `rewrite.rs`.
#[derive(Debug, Args)]
pub(super) struct TriggerOptions {
    /// The callback command, e.g. Sns.CallbackFriendDelete
    #[arg(value_name = "COMMAND")]
    pub(super) command: String,
    /// A field of the body; needed only for one that is called like an option
    #[arg(long = "field", value_name = "NAME=VALUE")]
    pub(super) fields: Vec<String>,
    /// A file with the body in place of the sample; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) body: Option<PathBuf>,
    /// The app, by its name in the configuration; needed only when there are several
    #[arg(long, value_name = "NAME", conflicts_with = "sdk_app_id")]
    pub(super) app: Option<String>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
    #[command(flatten)]
    pub(super) network: NetworkOptions,
}

/// Over the network, as Chat does it, in place of the admin listener.
#[derive(Debug, Args)]
#[command(next_help_heading = "Over the network")]
pub(super) struct NetworkOptions {
    /// The callback URL to call
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The vendor's number of the app [default: that of --app in the configuration]
    #[arg(long, value_name = "NUMBER", requires = "url")]
    pub(super) sdk_app_id: Option<u64>,
    /// A file with the app's token [default: the configuration's; none for an app that is given by its number]
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) token_file: Option<PathBuf>,
    /// A PEM file with the private authority of the URL's certificate
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) ca: Option<PathBuf>,
    /// The client's address to claim
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        requires = "url"
    )]
    pub(super) client_ip: String,
    /// The client's platform to claim
    #[arg(long, value_name = "NAME", default_value = "RESTAPI", requires = "url")]
    pub(super) opt_platform: String,
}

#[derive(Debug, Default, Args)]
pub(super) struct CommandsOptions {
    /// The page docs/commands.md; asks no gateway and reads no configuration
    #[arg(long, conflicts_with_all = ["admin_url", "admin_token_file", "admin_ca"])]
    pub(super) markdown: bool,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Default, Args)]
pub(super) struct SubscriptionsOptions {
    #[command(subcommand)]
    pub(super) action: Option<SubscriptionsAction>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Subcommand)]
pub(super) enum SubscriptionsAction {
    /// Begin no attempt until it is resumed; the journal keeps what comes meanwhile
    Pause {
        /// Its name in the configuration
        name: String,
    },
    /// Go on where it stood
    Resume {
        /// Its name in the configuration
        name: String,
    },
    /// Give up everything that it has not got yet
    ///
    /// It counts as filtered. Waits until no attempt is under way. Dead letters stay.
    Skip {
        /// Its name in the configuration
        name: String,
        /// Show how much, and skip nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Have it get events again, under the same ids
    ///
    /// Waits until no attempt is under way. What is delivered again is counted again.
    Rewind {
        /// Its name in the configuration
        name: String,
        /// Those journaled since: an age such as 15m, a time such as 2026-01-31T12:00:00Z, milliseconds since 1970, or
        /// the beginning of the journal
        #[arg(long, value_name = "TIME|beginning", value_parser = place)]
        to: String,
        /// Show how much, and rewind nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Default, Args)]
pub(super) struct DeliveriesOptions {
    /// Only to this subscription
    #[arg(long, value_name = "NAME")]
    pub(super) subscription: Option<String>,
    /// Only those that wait or are under way, or those that were given up
    #[arg(long, value_name = "HOW", value_parser = ["pending", "dead"])]
    pub(super) status: Option<String>,
    /// Only events of this command
    #[arg(long, value_name = "COMMAND")]
    pub(super) command: Option<String>,
    /// Of events journaled since: an age such as 15m, a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Moment>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    pub(super) limit: u64,
    /// Every one, without a limit
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Default, Args)]
pub(super) struct RefusalsOptions {
    /// Only this reason, e.g. stale
    #[arg(long, value_name = "REASON")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Default, Args)]
pub(super) struct DoctorOptions {
    /// Look at the configuration, its files and the journal only; no gateway is asked
    #[arg(long)]
    pub(super) offline: bool,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Default, Args)]
pub(super) struct MetricsOptions {
    /// The page docs/metrics.md
    #[arg(long)]
    pub(super) markdown: bool,
}

#[derive(Debug, Default, Args)]
pub(super) struct TailOptions {
    #[command(flatten)]
    pub(super) filters: Filters,
    /// Start after this cursor (an id of the stream) rather than now
    #[arg(long, value_name = "CURSOR")]
    pub(super) since_id: Option<String>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Args)]
pub(super) struct ReplayOptions {
    /// One event; without it those of the filters
    #[arg(value_name = "ID", value_parser = event_id)]
    pub(super) id: Option<EventId>,
    #[command(flatten)]
    pub(super) events: EventsOptions,
    /// Try this subscription's dead letters again, rather than run plug-ins
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["app", "account", "group", "shadow", "outcome", "until"]
    )]
    pub(super) subscription: Option<String>,
    /// Show which, and replay none
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct TopOptions {
    /// From one look to the next: 200ms to 1m
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub(super) interval: Duration,
    /// End after so many looks
    #[arg(long, value_name = "COUNT", value_parser = count)]
    pub(super) count: Option<u64>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Default, Args)]
pub(super) struct EventsOptions {
    #[command(flatten)]
    pub(super) filters: Filters,
    /// Journaled since: an age such as 15m, a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Moment>,
    /// Only those whose handler has not succeeded: parked until another attempt, dead for good, or failed for both
    #[arg(long, value_name = "HOW", value_parser = ["parked", "dead", "failed"])]
    pub(super) outcome: Option<String>,
    /// Journaled before: an age or a time
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Moment>,
    /// How many events at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = count)]
    pub(super) limit: u64,
    /// Every event, without a limit
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Args)]
pub(super) struct ExplainOptions {
    /// The event's id, as `events`, `tail` and `trigger` show it
    #[arg(value_parser = event_id)]
    pub(super) id: EventId,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Args)]
pub(super) struct DriftOptions {
    /// Only this command, e.g. Sns.CallbackFriendDelete
    #[arg(long, value_name = "COMMAND")]
    pub(super) command: Option<String>,
    #[command(flatten)]
    pub(super) admin: AdminOptions,
}

#[derive(Debug, Args)]
pub(super) struct SignOptions {
    /// A file with the app's token
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: PathBuf,
    /// The time to sign for, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub(super) time: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct HealthcheckOptions {
    /// Don't verify certificates off loopback either
    #[arg(long)]
    pub(super) insecure: bool,
}

fn count(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or("expected a number from 1")
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let bounds = Duration::from_millis(200)..=Duration::from_mins(1);
    humantime::parse_duration(text)
        .ok()
        .filter(|interval| bounds.contains(interval))
        .ok_or("expected a duration from 200ms to 1m, such as 5s")
}

/// A place in the journal, as the admin API takes it.
fn place(text: &str) -> Result<String, TimeError> {
    if text == "beginning" {
        return Ok(text.to_owned());
    }
    text.parse().map(Moment::to_query)
}

fn event_id(text: &str) -> Result<EventId, &'static str> {
    text.parse()
        .map_err(|_| "expected an event's id, a UUID such as 0199ac60-9200-7a5f-8000-000000000001")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn check_help(path: &[&str]) -> String {
        let mut command = Arguments::command();
        command.build();
        let command = path.iter().fold(&mut command, |command, name| {
            command.find_subcommand_mut(name).unwrap()
        });
        command
            .clone()
            .term_width(100)
            .render_long_help()
            .to_string()
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_interval_has_bounds() {
        for (text, expected) in [
            ("200ms", Some(200)),
            ("1m", Some(60_000)),
            ("199ms", None),
            ("61s", None),
            ("1", None),
            ("", None),
        ] {
            let found = interval(text).ok().map(|interval| interval.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn help_says_what_there_is() {
        let paths: [&[&str]; 11] = [
            &[],
            &["trigger"],
            &["tail"],
            &["top"],
            &["events"],
            &["drift"],
            &["config"],
            &["journal"],
            &["sign"],
            &["subscriptions"],
            &["subscriptions", "rewind"],
        ];
        let help: Vec<String> = paths.iter().map(|path| check_help(path)).collect();
        insta::assert_snapshot!(help.join("\n––––––––––\n\n"));
    }
}
