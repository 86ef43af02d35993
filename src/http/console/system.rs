//! System: the daemon itself, the configuration in force, and the outbox.

use super::Desk;
use super::page::{Here, PageQuery, Shell, Tab, Visit, one_page, tabs};
use super::time::grouped;
use crate::engine::command::Command;
use crate::engine::view::{ConfigView, Page, SettingRow, Status, WriteRow};
use crate::http::commands::whole_status;
use crate::http::mask::for_visitor;
use crate::http::reply::Failure;
use crate::model::session::Role;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use axum::routing::get;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/system", get(show))
        .route("/system/outbox", get(outbox))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route("/system/configuration", get(configuration))
}

/// The pages under one heading.
const TABS: [(&str, &str); 3] = [
    ("/system", "Daemon"),
    ("/system/outbox", "Outbox"),
    ("/system/configuration", "Configuration"),
];

/// Those for whoever has this session.
fn tabs_for(visit: &Visit, here: &str) -> Vec<Tab> {
    let mut tabs = tabs(TABS, here);
    if visit.visitor.role < Role::Admin {
        tabs.retain(|(path, ..)| *path != "/system/configuration");
    }
    tabs
}

#[derive(Template)]
#[template(path = "system.html", config = "src/http/console/askama.toml")]
struct SystemPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    status: &'a Status,
}

impl SystemPage<'_> {
    fn number(&self, number: &u64) -> String {
        grouped(*number)
    }

    fn size(&self, bytes: &u64) -> String {
        size(*bytes)
    }

    /// Requests per second that each limiter allows.
    fn rates(&self) -> impl Iterator<Item = (&String, &u64)> {
        let sides = [&self.status.stripe, &self.status.zenskar];
        sides.into_iter().flat_map(|remote| &remote.rates)
    }

    /// Tables that hold something.
    fn tables(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.status.store.rows.iter().filter(|(_, rows)| **rows > 0)
    }
}

/// Bytes in the unit that people read.
fn size(bytes: u64) -> String {
    const KB: u64 = 1_000;
    const MB: u64 = 1_000_000;
    const GB: u64 = 1_000_000_000;
    let (unit, name) = match bytes {
        0..KB => return format!("{bytes} bytes"),
        KB..MB => (KB, "kB"),
        MB..GB => (MB, "MB"),
        _ => (GB, "GB"),
    };
    let tenths = bytes.saturating_mul(10).div_euclid(unit);
    format!("{}.{} {name}", grouped(tenths.div_euclid(10)), tenths % 10)
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let status = whole_status(&visit.desk.doors).await?;
    let status = for_visitor(status, &visit.visitor);
    Ok(visit.answer(Here::Nowhere, &status, |shell| SystemPage {
        shell,
        tabs: tabs_for(&visit, "/system"),
        status: &status,
    }))
}

#[derive(Template)]
#[template(path = "configuration.html", config = "src/http/console/askama.toml")]
struct ConfigurationPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    view: &'a ConfigView,
}

impl ConfigurationPage<'_> {
    /// The settings by table of the file, in its order.
    fn tables(&self) -> Vec<(&str, Vec<&SettingRow>)> {
        let mut tables: Vec<(&str, Vec<&SettingRow>)> = Vec::new();
        for row in &self.view.settings {
            let (table, _) = row.key.split_once('.').unwrap_or((&row.key, ""));
            match tables.last_mut() {
                Some((last, rows)) if *last == table => rows.push(row),
                _ => tables.push((table, vec![row])),
            }
        }
        tables
    }
}

async fn configuration(visit: Visit) -> Response {
    let view = visit.desk.doors.daemon.config();
    visit.answer(Here::Nowhere, &view, |shell| ConfigurationPage {
        shell,
        tabs: tabs_for(&visit, "/system/configuration"),
        view: &view,
    })
}

#[derive(Template)]
#[template(path = "outbox.html", config = "src/http/console/askama.toml")]
struct OutboxPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<WriteRow>,
    is_first: bool,
}

impl OutboxPage<'_> {
    /// How far a write is, as tone and words.
    fn progress(&self, row: &WriteRow) -> (&'static str, &'static str) {
        match row.write.progress.as_str() {
            "waiting" if row.write.attempts == 0 => ("wait", "about to be sent"),
            "waiting" => ("wait", "sent again, since it failed before"),
            "unknown" => ("wait", "sent; whether it arrived is looked at"),
            "replaced" => ("idle", "replaced; it may still arrive"),
            _ => ("bad", "given up"),
        }
    }
}

async fn outbox(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::OutboxList { after, limit };
    let (page, is_first) = one_page::<WriteRow>(&visit, query, order).await?;
    Ok(visit.answer(Here::Nowhere, &page, |shell| OutboxPage {
        shell,
        tabs: tabs_for(&visit, "/system/outbox"),
        page: &page,
        is_first,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_550_000, "1.5 MB"),
            (2_420_000_000, "2.4 GB"),
            (1_234_000_000_000, "1,234.0 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
