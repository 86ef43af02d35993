//! What the pages about money share: what is to be known first, and the words for how far something
//! is.

use super::page::{Shell, Visit};
use crate::engine::command::Command;
use crate::engine::view::{CollectionRow, InvoiceRow, MoneyStatus, Status};
use crate::http::commands::viewed;
use crate::http::reply::Failure;
use crate::model::time::Timestamp;
use askama::Template;

/// The lists under one heading.
pub(super) const TABS: [(&str, &str); 3] = [
    ("/invoices", "Open"),
    ("/charges", "Charge runs"),
    ("/freeze", "Freeze"),
];

/// Money at one glance.
pub(super) async fn glance(visit: &Visit) -> Result<MoneyStatus, Failure> {
    let status: Status = viewed(&visit.desk.doors, Command::Status).await?;
    Ok(status.money)
}

/// What is to be known before anything else on a page about money, the loudest first.
#[derive(Template)]
#[template(path = "money.html", config = "src/http/console/askama.toml")]
struct Notes<'a> {
    shell: &'a Shell,
    money: &'a MoneyStatus,
}

/// The same as markup; rendered by itself: compiled into every page it makes the binary larger.
pub(super) fn notes(shell: &Shell, money: &MoneyStatus) -> askama::Result<String> {
    Notes { shell, money }.render()
}

/// How far a collection is, as tone, picture and words.
pub(super) fn stage(row: &CollectionRow) -> Badge {
    let words = row.stage.as_str();
    let tone = match words {
        "booked" => "good",
        "declined" | "refused" => "bad",
        _ if row.awaits_person => "bad",
        "needs the customer" | "unknown" | "taken, booking unknown" => "warn",
        "canceled" | "expired" | "withdrawn" => "idle",
        _ => "wait",
    };
    let words = match words {
        "unknown" => "not known yet",
        "booked, not yet seen" => "booked, being checked",
        other => other,
    };
    Badge::new(tone, words)
}

/// A state as a word and a picture.
#[derive(Template)]
#[template(
    source = "<span class=\"badge {{ tone }}\"><svg class=\"i\" aria-hidden=\"true\"><use href=\"#{{ picture }}\"/></svg>{{ words }}</span>",
    ext = "html"
)]
pub(super) struct Badge {
    tone: &'static str,
    picture: &'static str,
    words: String,
}

impl Badge {
    pub(super) fn new(tone: &'static str, words: &str) -> Self {
        let picture = if tone == "warn" { "bad" } else { tone };
        Self {
            tone,
            picture,
            words: words.to_owned(),
        }
    }
}

/// An invoice's status in words.
pub(super) fn status(row: &InvoiceRow) -> Badge {
    match row.status.as_str() {
        "paid" => Badge::new("good", "paid"),
        "partially_paid" => Badge::new("wait", "partly paid"),
        "approved" => Badge::new("wait", "open"),
        "gone" => Badge::new("idle", "gone from Zenskar"),
        other => Badge::new("idle", other),
    }
}

/// Why nobody can have an invoice charged, as far as is known without asking. That its customer is not
/// linked here is no reason: the customer in Zenskar may name its partner.
pub(super) fn blocked(row: &InvoiceRow) -> Option<String> {
    let why = match row.status.as_str() {
        "approved" | "partially_paid" if row.due.minor <= 0 => "nothing of it is due",
        "approved" | "partially_paid" if row.due.currency.is_none() => "its currency is not known",
        "approved" | "partially_paid" => return row.refused.clone(),
        "paid" => "it is paid",
        "gone" => "Zenskar does not know it any more",
        _ => "it is not open in Zenskar",
    };
    Some(why.to_owned())
}

/// A day of ISO 8601 as people read it.
pub(super) fn day(day: &str) -> String {
    let parsed = day.parse::<jiff::civil::Date>();
    parsed.map_or_else(
        |_| day.to_owned(),
        |day| day.strftime("%-d %B %Y").to_string(),
    )
}

/// What is to be said of an invoice's due date.
pub(super) fn lateness(row: &InvoiceRow, now: Timestamp) -> Option<Badge> {
    let today = now.to_string();
    let today = today.split('T').next().unwrap_or_default();
    let due = row.due_date.as_deref().unwrap_or_default();
    let is_past = due < today;
    (row.is_due && row.due.minor > 0)
        .then(|| Badge::new("warn", if is_past { "overdue" } else { "due today" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::view::Amount;

    #[test]
    fn what_waits_for_a_person_is_loud_however_far_it_is() {
        for (words, awaits_person, tone, shown) in [
            ("booked", false, "good", "booked"),
            ("taken, not booked", true, "bad", "taken, not booked"),
            ("taken, not booked", false, "wait", "taken, not booked"),
            ("unknown", false, "warn", "not known yet"),
            ("expired", false, "idle", "expired"),
        ] {
            let row = CollectionRow {
                stage: words.to_owned(),
                awaits_person,
                ..CollectionRow::default()
            };
            let badge = stage(&row);
            assert_eq!((badge.tone, badge.words.as_str()), (tone, shown));
        }
    }

    #[test]
    fn an_invoice_is_charged_where_nothing_speaks_against_it() {
        let open = InvoiceRow {
            status: "approved".to_owned(),
            due: Amount {
                minor: 1,
                currency: Some("USD".to_owned()),
                text: String::new(),
            },
            ..InvoiceRow::default()
        };
        assert_eq!(blocked(&open), None);
        let void = InvoiceRow {
            status: "void".to_owned(),
            ..open.clone()
        };
        assert!(blocked(&void).is_some());
        let frozen = InvoiceRow {
            refused: Some("frozen".to_owned()),
            ..open
        };
        assert_eq!(blocked(&frozen).as_deref(), Some("frozen"));
    }

    #[test]
    fn a_due_date_is_late_from_the_day_after_it() {
        let now = Timestamp::from_seconds(1_000_000_000);
        for (due, is_due, words) in [
            ("2001-09-08", true, Some("overdue")),
            ("2001-09-09", true, Some("due today")),
            ("2001-09-10", false, None),
        ] {
            let row = InvoiceRow {
                due_date: Some(due.to_owned()),
                is_due,
                due: Amount {
                    minor: 1,
                    ..Amount::default()
                },
                ..InvoiceRow::default()
            };
            let badge = lateness(&row, now).map(|badge| badge.words);
            assert_eq!(badge.as_deref(), words, "{due}");
        }
        assert_eq!(day("2001-09-08"), "8 September 2001");
        assert_eq!(day("soon"), "soon");
    }
}
