//! The command line as it is typed.

use crate::model::session::Role;
use clap::{Args as ClapArgs, ColorChoice, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Where the configuration is unless told otherwise.
pub const CONFIG: &str = "/etc/zenstripe/zenstripe.toml";

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

/// What was typed.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "zenstripe",
    version,
    about = "Connects one Stripe account with one Zenskar organisation",
    long_about = "Connects one Stripe account with one Zenskar organisation.\n\n\
        `zenstripe run` is the daemon. `init`, `check` and `doctor` need none; the other commands talk to \
        the one that runs, over the socket that the configuration names.",
    after_long_help = EXIT_CODES,
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Args {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// Print JSON instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  failed or refused
   2  the command line makes no sense
   3  status: running, and something needs a person
   4  the daemon does not run
   5  doctor: warnings only
  69  Stripe or Zenskar cannot be reached, or refuses the key
  74  input, output or the store failed
  75  another instance holds the store
  77  permission denied
  78  the configuration is wrong or incomplete";

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until it is told to stop
    Run,
    /// Write a commented configuration and files for the keys
    Init,
    /// Check the configuration, and change nothing
    Check,
    /// Show how the daemon is doing
    Status,
    /// Look for what is wrong, with the daemon or without it, and say how to repair it
    Doctor,
    /// Show an address that signs one person in to the console, once
    Console(Console),
    /// Tokens, with which programs use the API over HTTP
    #[command(subcommand)]
    Token(Token),
    /// Connect a Stripe account by OAuth: shows an address for the browser, and waits
    Connect,
    /// Disconnect the Stripe account that was connected by OAuth; nothing is lost
    Disconnect(Disconnect),
    /// Customers and their links
    #[command(subcommand)]
    Customers(Customers),
    /// Fields that differ and wait for a person
    #[command(subcommand)]
    Conflicts(Conflicts),
    /// Show what would be written about the fields that differ, and write nothing
    Plan(Plan),
    /// Have a plan written, by the hash that it showed
    Apply(Apply),
    /// List what people decided, or show one run
    Runs(Runs),
    /// Take back what a run wrote, wherever it is still there
    Undo {
        /// The run, as `runs` shows it
        run: u64,
    },
    /// Invoices, and charging them
    #[command(subcommand)]
    Invoices(Invoices),
    /// What was collected, and what is being collected
    #[command(subcommand)]
    Payments(Payments),
    /// Say why an invoice was or was not collected, with Stripe's ids
    Why {
        /// The invoice's number, or its id in Zenskar
        invoice: String,
    },
    /// Freeze charges: nothing new is collected; what was taken is booked
    Freeze(Freeze),
    /// End the freeze of charges
    Unfreeze,
    /// Events that came from Stripe
    #[command(subcommand)]
    Events(Events),
    /// Dead letters: what was given up until a person acts
    #[command(subcommand)]
    Dead(Dead),
    /// Ask for a full comparison of both systems' customers
    Scan(Scan),
    /// Read the configuration again, and say what came of it
    Reload,
    /// Wait until the daemon is ready
    Wait(Wait),
    /// The configuration in force
    #[command(subcommand)]
    Config(Config),
    /// Show the version
    Version,
}

/// A way into the console.
#[derive(Clone, Debug, ClapArgs)]
pub struct Console {
    /// What the person may do
    #[arg(long, value_name = "ROLE", default_value = "admin")]
    pub role: RoleName,
    /// Who it is, as the activity is to name them [default: you]
    #[arg(long = "for", value_name = "NAME")]
    pub person: Option<String>,
    /// List instead who is signed in
    #[arg(long, conflicts_with_all = ["role", "person"])]
    pub sessions: bool,
    /// Sign one person out instead, by the id that --sessions shows
    #[arg(long, value_name = "ID", conflicts_with_all = ["role", "person", "sessions"])]
    pub sign_out: Option<String>,
    /// Sign everybody out instead, and make useless what would let somebody in; tokens stay
    #[arg(long, conflicts_with_all = ["role", "person", "sessions", "sign_out"])]
    pub sign_out_everybody: bool,
}

/// `token …`
#[derive(Clone, Debug, Subcommand)]
pub enum Token {
    /// Make a token and show it, once
    Create {
        /// What may be done with it
        #[arg(long, value_name = "ROLE")]
        role: RoleName,
        /// How long it works, such as 12h or 90d; at most 366d, for one that never ends is forgotten
        #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = lifetime)]
        ttl: Duration,
        /// Its name, by which the activity knows it [default: one with its number]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// List tokens, with when each was last used
    List,
    /// Make a token useless
    Revoke {
        /// Its name or its number
        #[arg(value_name = "NAME_OR_ID")]
        token: String,
    },
}

/// What a person or a program may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Look, without the values that customers hold
    Viewer,
    /// Decide about customers, conflicts, plans and dead letters
    Operator,
    /// Connect the account and change the configuration
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Disconnect {
    /// Also while writes are on their way; they go on once the same account is connected again
    #[arg(long)]
    pub abandon: bool,
}

/// A scan.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Scan {
    /// Follow it to its end, and say what differed
    #[arg(long)]
    pub wait: bool,
}

/// A page of a list.
#[derive(Clone, Debug, ClapArgs)]
pub struct Page {
    /// Rows to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = rows)]
    pub limit: usize,
    /// Where to begin, as the page before said
    #[arg(long, value_name = "TOKEN")]
    pub after: Option<String>,
}

/// `customers …`
#[derive(Clone, Debug, Subcommand)]
pub enum Customers {
    /// List linked customers
    List {
        /// Those whose events wait for a link
        #[arg(long, conflicts_with = "differing")]
        unlinked: bool,
        /// Linked ones with fields that differ
        #[arg(long)]
        differing: bool,
        /// Linked ones that were deleted on one side
        #[arg(long, conflicts_with_all = ["unlinked", "differing"])]
        deleted: bool,
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Show one customer with both sides, writes and history
    Show {
        /// Its id in Stripe or in Zenskar
        id: String,
    },
    /// Search who may be a customer's partner, and link nobody
    Candidates {
        /// The id in Stripe
        id: String,
    },
    /// Say that two customers are one
    Link {
        /// The id in Stripe
        stripe: String,
        /// The id in Zenskar
        zenskar: String,
    },
    /// Take a link apart, until somebody links again
    Unlink {
        /// The id in Stripe or in Zenskar
        id: String,
    },
}

/// `conflicts …`
#[derive(Clone, Debug, Subcommand)]
pub enum Conflicts {
    /// List fields that differ and are not moved by themselves
    List {
        /// Only those that differ for this reason, such as conflict, no-base or refused
        #[arg(long, value_name = "WHY", conflicts_with = "all")]
        why: Option<String>,
        /// Also drift: edits at the side that one-way sync writes to
        #[arg(long)]
        all: bool,
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Show the fields of one customer that differ
    Show {
        /// Its id in Stripe or in Zenskar
        id: String,
    },
    /// Decide about a field: it is written to each side that holds something else
    Resolve {
        /// The customer's id in Stripe or in Zenskar
        id: String,
        /// The field, as `conflicts list` shows it
        field: String,
        /// What is right
        #[command(flatten)]
        choice: Choice,
    },
}

/// What is right.
#[derive(Clone, Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub struct Choice {
    /// What Stripe holds
    #[arg(long)]
    pub stripe: bool,
    /// What Zenskar holds
    #[arg(long)]
    pub zenskar: bool,
    /// This; an address is a JSON object such as {"line1": "1 Rue", "city": "Paris", "country": "FR"}
    #[arg(long, value_name = "VALUE")]
    pub value: Option<String>,
}

/// One of the two systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideName {
    /// Stripe
    Stripe,
    /// Zenskar
    Zenskar,
}

impl SideName {
    /// As it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Zenskar => "zenskar",
        }
    }
}

/// `plan …`
#[derive(Clone, Debug, ClapArgs)]
pub struct Plan {
    /// Whose value to propose where a field was never seen to agree [default: customers.initial]
    #[arg(long, value_name = "SIDE")]
    pub initial: Option<SideName>,
    /// While sync is off: compare both sides under this sync type first (import-only, export-only,
    /// import-and-export); nothing is written to either
    #[arg(long, value_name = "SYNC", conflicts_with_all = ["end_rehearsal", "after"])]
    pub rehearse: Option<String>,
    /// The fields to compare, such as name,email [default: those of the configuration]
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        requires = "rehearse"
    )]
    pub fields: Option<Vec<String>>,
    /// Drop what was compared while sync is off
    #[arg(long)]
    pub end_rehearsal: bool,
    /// The page
    #[command(flatten)]
    pub page: Page,
}

/// `apply …`
#[derive(Clone, Debug, ClapArgs)]
pub struct Apply {
    /// The plan's hash, as `plan` shows it
    pub hash: String,
    /// Write so many customers alone, as a trial; the others wait for another plan
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub canary: Option<u64>,
    /// Write nothing if the plan writes more fields than this
    #[arg(long, value_name = "N")]
    pub max_changes: Option<u64>,
}

/// `runs …`
#[derive(Clone, Debug, ClapArgs)]
pub struct Runs {
    /// The run to show; without it all are listed
    pub run: Option<u64>,
    /// The page
    #[command(flatten)]
    pub page: Page,
}

/// `invoices …`
#[derive(Clone, Debug, Subcommand)]
pub enum Invoices {
    /// List open invoices, the earliest due first
    List {
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// List Zenskar's invoices anew now, and not in a minute or so
    Refresh,
    /// Charge the default payment methods of their customers
    Charge(Charge),
    /// List charge runs, or show what became of the invoices of one
    Runs {
        /// The run to show; without it all are listed
        run: Option<u64>,
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Interrupt a charge run: no other invoice of it is charged
    Interrupt {
        /// The run
        run: u64,
    },
    /// Let an interrupted charge run go on
    Resume {
        /// The run
        run: u64,
    },
}

/// `invoices charge …`
#[derive(Clone, Debug, ClapArgs)]
pub struct Charge {
    /// Their numbers, or their ids in Zenskar
    #[arg(value_name = "INVOICE", required_unless_present = "all_due")]
    pub invoices: Vec<String>,
    /// Every open invoice that is due
    #[arg(long)]
    pub all_due: bool,
    /// Do not wait for what becomes of them
    #[arg(long)]
    pub no_wait: bool,
}

/// `payments …`
#[derive(Clone, Debug, Subcommand)]
pub enum Payments {
    /// List attempts to collect, the latest first
    List {
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Show what was collected on an invoice, and why
    Show {
        /// The invoice's number, or its id in Zenskar
        invoice: String,
    },
    /// Have a collection go on that waits for a person
    Retry {
        /// The invoice's number, or its id in Zenskar
        invoice: String,
        /// Which of its collections, as `why` shows them [default: the last]
        #[arg(long, value_name = "N")]
        number: Option<u64>,
        /// Book what is more than the invoice owes unallocated
        #[arg(long)]
        unallocated: bool,
    },
}

/// `freeze …`
#[derive(Clone, Debug, ClapArgs)]
pub struct Freeze {
    /// Why, for whoever looks later
    #[arg(value_name = "REASON")]
    pub reason: Option<String>,
    /// Show instead whether charges are frozen
    #[arg(long, conflicts_with = "reason")]
    pub show: bool,
}

/// `events …`
#[derive(Clone, Debug, Subcommand)]
pub enum Events {
    /// List events, newest first
    List {
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Show one event as it came
    Show {
        /// Its id in Stripe
        id: String,
    },
    /// Look again at what an event is about
    Replay {
        /// Its id in Stripe
        id: String,
    },
}

/// `dead …`
#[derive(Clone, Debug, Subcommand)]
pub enum Dead {
    /// List dead letters, oldest first
    List {
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Try dead letters again; with --all or --reason little by little, whether or not somebody waits
    Retry(Letters),
    /// Show how far a retry of many is
    Progress,
    /// Stop a retry of many; what was not tried again stays a dead letter
    Cancel,
    /// Drop dead letters; for 30 days they can be taken back
    Drop(Letters),
    /// List dropped letters, the one dropped last first
    Dropped {
        /// The page
        #[command(flatten)]
        page: Page,
    },
    /// Take dropped letters back
    TakeBack(Letters),
    /// List the reasons of dead letters, the most frequent first
    Reasons,
}

/// Which dead letters.
#[derive(Clone, Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub struct Letters {
    /// Their numbers, as `dead list` shows them
    #[arg(value_name = "NUMBER")]
    pub numbers: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// Those with this reason, as `dead reasons` shows it
    #[arg(long)]
    pub reason: Option<String>,
}

/// `wait …`
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Wait {
    /// Until it is ready to do its work
    #[arg(long, required = true)]
    pub ready: bool,
    /// How long to wait at most, such as 30s or 2m
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
}

/// `config …`
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Config {
    /// Show every setting with where it was set, and what waits for a restart
    Show {
        /// Only what is not a default
        #[arg(long)]
        changed: bool,
    },
}

fn rows(text: &str) -> Result<usize, String> {
    let most = crate::engine::command::ROWS_MAX;
    match text.parse::<usize>() {
        Ok(rows) if (1..=most).contains(&rows) => Ok(rows),
        _ => Err(format!("expected 1 to {most}")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "expected a span such as 30s or 2m".to_owned())?;
    Duration::try_from(span).map_err(|_| "expected a span that is not negative".to_owned())
}

/// How long a token works. A day has 24 hours.
fn lifetime(text: &str) -> Result<Duration, String> {
    let most = crate::sync::token::LIFETIME_MAX;
    let wrong = || {
        let days = most.as_secs().div_euclid(DAY_SECONDS);
        format!("expected a span such as 12h or 90d, at most {days}d: every token ends")
    };
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    let span = span.ok().and_then(|span| Duration::try_from(span).ok());
    let lasts = |span: &Duration| span.as_secs() > 0 && *span <= most;
    span.filter(lasts).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn dead_letters_are_named_or_all() {
        let parse = |words: &[&str]| Args::try_parse_from([&["zenstripe", "dead"], words].concat());
        assert!(parse(&["retry", "3", "4"]).is_ok());
        assert!(parse(&["drop", "--all"]).is_ok());
        assert!(parse(&["take-back", "--reason", "answered 422"]).is_ok());
        assert!(parse(&["retry"]).is_err());
        assert!(parse(&["retry", "--all", "--reason", "answered 422"]).is_err());
        assert!(parse(&["retry", "--all", "3"]).is_err());
    }

    #[test]
    fn a_token_ends() {
        for (text, days) in [
            ("90d", Some(90)),
            ("1w", Some(7)),
            ("48h", Some(2)),
            ("366d", Some(366)),
        ] {
            let span = lifetime(text).ok().map(|span| span.as_secs() / DAY_SECONDS);
            assert_eq!(span, days, "{text}");
        }
        for bad in ["never", "0s", "-1d", "367d", "1y", ""] {
            let why = lifetime(bad).unwrap_err();
            assert!(why.contains("every token ends"), "{bad}: {why}");
        }
    }

    #[test]
    fn global_options_stand_anywhere() {
        let args = Args::try_parse_from(["zenstripe", "events", "list", "--json", "--limit", "7"]);
        let args = args.unwrap();
        assert!(args.json);
        assert!(matches!(args.command, Command::Events(Events::List { page }) if page.limit == 7));
        assert!(Args::try_parse_from(["zenstripe", "events", "list", "--limit", "501"]).is_err());
    }
}
