//! What differs between two configurations, and which of it a running daemon can take over.
//!
//! Values are printed as the file writes them; there is no secret among them. Whether a change
//! widens what money may be taken, and so needs a confirmation, is not decided here.

use std::fmt;

use super::Config;
use super::keys::{Effect, KEYS};

/// One key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The dotted path.
    pub key: &'static str,
    /// What the new value needs.
    pub effect: Effect,
    /// The value before, in TOML's notation; `None` where it was unset.
    pub old: Option<String>,
    /// The value after.
    pub new: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = self.old.as_deref().unwrap_or("unset");
        let new = self.new.as_deref().unwrap_or("unset");
        write!(f, "{}: {old} -> {new}", self.key)?;
        match self.effect {
            Effect::Reloadable => Ok(()),
            Effect::NeedsRestart => f.write_str(" (needs a restart)"),
        }
    }
}

/// The keys whose values differ, in the order of the file.
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let differing = KEYS.iter().filter(|key| !key.same(old, new));
    differing
        .map(|key| Change {
            key: key.path,
            effect: key.effect,
            old: key.show(old),
            new: key.show(new),
        })
        .collect()
}

/// `new` as a daemon started with `running` can take it over: what needs a restart is still as it
/// was. The changes between the result and `new` are those that wait.
pub fn with_restart_settings_of(running: &Config, new: &Config) -> Config {
    let mut effective = new.clone();
    for key in KEYS.iter().filter(|key| key.effect == Effect::NeedsRestart) {
        key.copy(&mut effective, running);
    }
    effective
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Poll;
    use crate::config::words::{Field, Mode, Winner};
    use std::time::Duration;

    #[test]
    fn changes_are_named_with_both_values() {
        let old = Config::default();
        assert_eq!(changes(&old, &old), []);

        let mut new = old.clone();
        new.stripe.mode = Mode::Live;
        new.stripe.account = Some("acct_1".to_owned());
        new.listen.public = None;
        new.customers
            .conflict
            .fields
            .insert(Field::Email, Winner::Stripe);
        new.events.poll = Poll::Every(Duration::from_secs(90));
        new.limits.decline_rate = 1.0;
        let lines: Vec<String> = changes(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        stripe.mode: "test" -> "live" (needs a restart)
        stripe.account: unset -> "acct_1" (needs a restart)
        listen.public: "127.0.0.1:9480" -> unset (needs a restart)
        customers.conflict: "ask" -> { default = "ask", email = "stripe" }
        events.poll: "adaptive" -> "1m 30s"
        limits.decline_rate: 0.5 -> 1.0
        "#);
    }

    #[test]
    fn what_needs_a_restart_stays_as_it_runs() {
        let running = Config::default();
        let mut new = running.clone();
        new.store.path = "/srv/other.redb".into();
        new.payments.links = true;

        let effective = with_restart_settings_of(&running, &new);
        assert!(effective.payments.links);
        assert_eq!(effective.store, running.store);
        let waiting: Vec<_> = changes(&effective, &new)
            .iter()
            .map(|change| change.key)
            .collect();
        assert_eq!(waiting, ["store.path"]);
    }
}
