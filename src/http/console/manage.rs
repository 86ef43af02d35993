//! Manage: the Customers module in three pages, as plain forms: the sync type, the fields, and what
//! will change in the file. Nothing is kept between them but in their addresses; the last one saves.

use super::Desk;
use super::form::{Fields, Posted};
use super::integration::CARD;
use super::notice::Notice;
use super::outlook::Outlook;
use super::overview::sync_words;
use super::page::{Here, Shell, Visit, see_other};
use super::time::grouped;
use crate::config::edit::CustomersEdit;
use crate::config::words::{Field, SyncDirection, Word};
use crate::engine::command::Command;
use crate::engine::view::{Done, Reloaded};
use crate::http::commands::{ChangeError, Managed, Preview, viewed};
use crate::http::reply::{Class, Failure};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::Uri;
use serde::Serialize;

pub(super) const MANAGE: &str = "/integrations/stripe/manage";

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route(MANAGE, get(choose).post(save))
        .route("/integrations/stripe/manage/fields", get(fields))
        .route("/integrations/stripe/manage/review", get(review))
}

/// The sync types as the wizard has them.
const TYPES: [(&str, &str, &str); 3] = [
    (
        "import-only",
        "Import only",
        "Any customer information update on Stripe is synced with Zenskar.",
    ),
    (
        "export-only",
        "Export only",
        "Any customer information update on Zenskar is synced with Stripe.",
    ),
    (
        "import-and-export",
        "Import and Export",
        "Any update to a selected field on one platform is synced with the other platform.",
    ),
];

/// What a field is called, besides its name in the file.
const fn field_words(field: Field) -> &'static str {
    match field {
        Field::Name => "Name",
        Field::Email => "E-mail",
        Field::Phone => "Phone",
        Field::Address => "Address",
        Field::ShippingName => "Shipping: name",
        Field::ShippingPhone => "Shipping: phone",
        Field::ShippingAddress => "Shipping: address",
        Field::Locale => "Preferred locale",
        Field::TaxIds => "Tax ids (to Zenskar only)",
    }
}

#[derive(Template)]
#[template(path = "manage.html", config = "src/http/console/askama.toml")]
struct ChoosePage<'a> {
    shell: Shell,
    managed: &'a Managed,
}

impl ChoosePage<'_> {
    fn types(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, bool)> {
        // With nothing chosen yet the first is the safest.
        let chosen = match self.managed.sync.as_str() {
            "off" => "import-only",
            sync => sync,
        };
        TYPES
            .into_iter()
            .map(move |(name, title, words)| (name, title, words, name == chosen))
    }
}

/// What the file says now.
fn managed(visit: &Visit) -> Result<Managed, Failure> {
    Ok(visit.desk.doors.daemon.managed()?)
}

async fn choose(visit: Visit) -> Result<Response, Failure> {
    let managed = managed(&visit)?;
    Ok(
        visit.answer(Here::Integrations, &managed, |shell| ChoosePage {
            shell,
            managed: &managed,
        }),
    )
}

#[derive(Template)]
#[template(path = "fields.html", config = "src/http/console/askama.toml")]
struct FieldsPage<'a> {
    shell: Shell,
    sync: &'static str,
    managed: &'a Managed,
    wrong: bool,
}

impl FieldsPage<'_> {
    fn fields(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let chosen = self.managed.fields.as_ref();
        let all = Field::ALL.iter();
        all.map(move |(name, field)| {
            let is_chosen = chosen.is_none_or(|chosen| chosen.iter().any(|one| one == name));
            (*name, field_words(*field), is_chosen)
        })
    }

    fn title(&self) -> &'static str {
        sync_words(self.sync)
    }

    fn is_two_way(&self) -> bool {
        self.sync == "import-and-export"
    }
}

async fn fields(visit: Visit, uri: Uri) -> Result<Response, Failure> {
    let asked = Fields::of_query(&uri)?;
    let sync = direction(&asked)?;
    if sync == SyncDirection::Off {
        return Ok(see_other("/integrations/stripe/manage/review?sync=off"));
    }
    let managed = managed(&visit)?;
    Ok(
        visit.answer(Here::Integrations, &managed, |shell| FieldsPage {
            shell,
            sync: sync.as_str(),
            managed: &managed,
            wrong: asked.has("none"),
        }),
    )
}

/// The review as JSON.
#[derive(Debug, Serialize)]
struct Review<'a> {
    #[serde(flatten)]
    preview: &'a Preview,
    outlook: &'a Outlook,
}

#[derive(Template)]
#[template(path = "review.html", config = "src/http/console/askama.toml")]
struct ReviewPage<'a> {
    shell: Shell,
    preview: &'a Preview,
    outlook: &'a Outlook,
    edit: &'a CustomersEdit,
}

impl ReviewPage<'_> {
    fn before(&self) -> &'static str {
        sync_words(&self.preview.managed.sync)
    }

    fn after(&self) -> &'static str {
        sync_words(self.edit.sync.as_str())
    }

    fn sync(&self) -> &'static str {
        self.edit.sync.as_str()
    }

    fn names(&self) -> Vec<&'static str> {
        let fields = self.edit.fields.iter().flatten();
        fields.map(|field| field.as_str()).collect()
    }

    fn address(&self) -> String {
        address(self.edit)
    }

    fn number(&self, number: &u64) -> String {
        grouped(*number)
    }

    /// What happens once it is saved, a sentence each.
    fn consequences(&self) -> Vec<&'static str> {
        match self.edit.sync {
            SyncDirection::Off => {
                vec!["No change is written any more. Links and what was decided are kept."]
            }
            SyncDirection::ImportOnly => vec![
                "From now on, what changes in Stripe is written to Zenskar. Edits in Zenskar stay, and are listed as drift.",
                "What differs already is not written: it is listed in the plan, and written if you apply that.",
            ],
            SyncDirection::ExportOnly => vec![
                "From now on, what changes in Zenskar is written to Stripe. Edits in Stripe stay, and are listed as drift.",
                "What differs already is not written: it is listed in the plan, and written if you apply that.",
            ],
            SyncDirection::ImportAndExport => vec![
                "From now on, a change of a selected field on either side is written to the other. Where both sides change it, you are asked.",
                "What differs already is not written: it is listed in the plan, and written if you apply that.",
            ],
        }
    }
}

async fn review(visit: Visit, uri: Uri) -> Result<Response, Failure> {
    let asked = Fields::of_query(&uri)?;
    let edit = edit(&asked)?;
    if edit.fields.as_ref().is_some_and(Vec::is_empty) {
        let back = format!("{MANAGE}/fields?sync={}&none=true", edit.sync.as_str());
        return Ok(see_other(&back));
    }
    let preview = visit.desk.doors.daemon.preview(&edit)?;
    let outlook = Outlook::of(&visit, &preview).await?;
    let review = Review {
        preview: &preview,
        outlook: &outlook,
    };
    Ok(
        visit.answer(Here::Integrations, &review, |shell| ReviewPage {
            shell,
            preview: &preview,
            outlook: &outlook,
            edit: &edit,
        }),
    )
}

async fn save(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let edit = edit(&posted.fields)?;
    let seen = posted.fields.text("seen").to_owned();
    let daemon = std::sync::Arc::clone(&desk.doors.daemon);
    // Whether or not the browser waits: a file that was changed is also taken over, or put back.
    let (order, who) = (edit.clone(), posted.visitor.who.clone());
    let doors = desk.doors.clone();
    let saved = desk.doors.actions.spawn(async move {
        let reloaded = daemon.change_customers(&order, &seen).await?;
        let changed = reloaded.changed.clone();
        // The journal is told by a command; one that fails is in the log, and the file is changed.
        let noted: Result<Done, Failure> =
            viewed(&doors, Command::ConfigurationNote { changed, who }).await;
        drop(noted);
        Ok::<Reloaded, ChangeError>(reloaded)
    });
    let saved = saved.await.map_err(|error| Failure::internal(&error))?;
    match saved {
        Ok(reloaded) => {
            let message = match edit.sync {
                SyncDirection::Off => "saved: customer sync is off".to_owned(),
                sync => format!("saved: customer sync is {}", sync_words(sync.as_str())),
            };
            let pending = reloaded.pending_restart.join("; ");
            let notice = Notice {
                hint: (!pending.is_empty()).then(|| format!("Waits for a restart: {pending}")),
                ..Notice::good(message)
            };
            desk.notices.put(posted.visitor.key, notice);
            Ok(see_other(CARD))
        }
        Err(error) => {
            desk.notices
                .put(posted.visitor.key, Notice::bad(&error.into()));
            Ok(see_other(&address(&edit)))
        }
    }
}

/// The review's address for this change.
pub(super) fn address(edit: &CustomersEdit) -> String {
    let mut address = format!("{MANAGE}/review?sync={}", edit.sync.as_str());
    for field in edit.fields.iter().flatten() {
        address.push_str("&fields=");
        address.push_str(field.as_str());
    }
    address
}

fn direction(fields: &Fields) -> Result<SyncDirection, Failure> {
    // The first page has a box for the module besides the types.
    if fields.has("module") && fields.text("module") == "off" {
        return Ok(SyncDirection::Off);
    }
    let named = fields.text("sync");
    let mut known = SyncDirection::ALL.iter();
    let found = known.find(|(word, _)| *word == named);
    found
        .map(|(_, sync)| *sync)
        .ok_or_else(|| Failure::new(Class::Malformed, "invalid", "There is no such sync type."))
}

/// What the form asks for. Off leaves the fields as they are.
pub(super) fn edit(fields: &Fields) -> Result<CustomersEdit, Failure> {
    let sync = direction(fields)?;
    if sync == SyncDirection::Off {
        return Ok(CustomersEdit { sync, fields: None });
    }
    let chosen = fields.all("fields");
    let known = Field::ALL.iter();
    let known: Vec<Field> = known
        .filter(|(word, _)| chosen.contains(word))
        .map(|(_, field)| *field)
        .collect();
    if chosen
        .iter()
        .any(|name| !Field::ALL.iter().any(|(word, _)| word == name))
    {
        return Err(Failure::new(
            Class::Malformed,
            "invalid",
            "There is no such field.",
        ));
    }
    Ok(CustomersEdit {
        sync,
        fields: Some(known),
    })
}
