//! The command line as it is typed.

use clap::{Args as ClapArgs, ColorChoice, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Where the configuration is unless told otherwise.
pub const CONFIG: &str = "/etc/zenstripe/zenstripe.toml";

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
    /// Customers and their links
    #[command(subcommand)]
    Customers(Customers),
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
    /// Try dead letters again
    Retry(Letters),
    /// Give dead letters up for good
    Drop(Letters),
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
        assert!(parse(&["retry"]).is_err());
        assert!(parse(&["retry", "--all", "3"]).is_err());
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
