//! What must be true of those who were made, and of those who were not.

use super::{Expected, Making, Source};
use crate::quiet::text;
use crate::values::drawn;
use crate::wire::Make;
use zenstripe::model::creation::{Creation, Stage, target};
use zenstripe::model::customer::Field;
use zenstripe::model::difference::Held;
use zenstripe::model::link::{Link, LinkState, Side};
use zenstripe::model::work::Subject;

impl Making {
    /// Customers that were made for nobody, for somebody who wants none, or twice.
    pub(super) fn made_wrongly(&mut self) -> Vec<String> {
        let makes = self.makes();
        let mut wrong = Vec::new();
        for (number, make) in makes.iter().enumerate() {
            let is_source =
                |source: &&Source| source.id == make.source && source.side == make.side.other();
            match self.sources.iter().find(is_source).map(|one| one.expected) {
                None => wrong.push(format!("{make:?} was made for nobody")),
                Some(Expected::Not) => wrong.push(format!("{make:?} was made without an order")),
                Some(Expected::Made | Expected::Either) => {}
            }
            // One that a person deleted before anybody could see it may be made again.
            let again =
                |other: &Make| other.source == make.source && self.is_there(other.side, &other.id);
            if makes[..number].iter().any(again) {
                wrong.push(format!("{make:?} was made twice"));
            }
        }
        for make in &makes {
            self.run.count(match make.side {
                Side::Stripe => "made in Stripe",
                Side::Zenskar => "made in Zenskar",
            });
        }
        if self.lost && wrong.is_empty() && !makes.is_empty() {
            self.run.count("made in spite of a lost answer");
        }
        wrong
    }

    /// Customers that should have a counterpart, and have neither that nor a question.
    pub(super) fn not_made(&mut self, links: &[Link]) -> Vec<String> {
        let mut wrong = Vec::new();
        for source in self.sources.clone() {
            if !self.is_there(source.side, &source.id) {
                continue;
            }
            let link = links.iter().find(|link| match source.side {
                Side::Stripe => link.stripe.as_str() == source.id,
                Side::Zenskar => link.zenskar.as_str() == source.id,
            });
            let made = self.makes().iter().any(|make| make.source == source.id);
            match (source.expected, link) {
                (Expected::Either, Some(_)) if made => self.run.count("made by order"),
                (Expected::Either, Some(_)) => self.run.count("not made twice on both sides"),
                (Expected::Either, None) => self.run.count("left to a person"),
                (Expected::Not, _) => {}
                (Expected::Made, Some(link)) if link.state == LinkState::Active => {}
                (Expected::Made, link) => {
                    let subject = source.subject();
                    if self.is_question(&subject) {
                        continue;
                    }
                    let read = self.run.world.process.engine.store.read().unwrap();
                    let (row, waits) = (read.creation(&subject), read.parked(&subject));
                    wrong.push(format!(
                        "{source:?} has no counterpart: {link:?}, {row:?}, {waits:?}"
                    ));
                }
            }
        }
        wrong
    }

    /// Whether a person has to say what becomes of it, or said so.
    fn is_question(&self, subject: &Subject) -> bool {
        let sandbox = &self.run.world.sandbox;
        let read = self.run.world.process.engine.store.read().unwrap();
        let creation = read.creation(subject).unwrap();
        let dead = creation.is_some_and(|one| matches!(one.stage, Stage::Dead(_)));
        // Where the mapping tells nothing of who has none, nobody is made for a customer of Zenskar;
        // where nobody can be searched for, nobody is made there.
        let mut untold = false;
        sandbox.switch(|switches| {
            untold = match target(subject) {
                Side::Stripe => !switches.zenskar.null_for_unmapped,
                Side::Zenskar => switches.zenskar.ignore_filters,
            };
        });
        dead || untold || self.run.dropped.contains(subject)
    }

    /// Creations that go on though nothing is due.
    pub(super) fn under_way(&self) -> Vec<String> {
        let read = self.run.world.process.engine.store.read().unwrap();
        let rows = read.creations(None, usize::MAX).unwrap().into_iter();
        rows.filter(Creation::is_open)
            .map(|row| format!("{row:?} is under way"))
            .collect()
    }

    /// Fields of a linked customer that differ without being shown, or without reason.
    pub(super) fn unequal(&self, link: &Link) -> Vec<String> {
        let (stripe, zenskar) = (link.stripe.as_str(), link.zenskar.as_str());
        let there = self.is_there(Side::Stripe, stripe) && self.is_there(Side::Zenskar, zenskar);
        if !there || link.state != LinkState::Active {
            return Vec::new();
        }
        let read = self.run.world.process.engine.store.read().unwrap();
        let shown = read.differences(&link.stripe).unwrap();
        let (ours, theirs) = (self.run.stripe(stripe), self.run.zenskar(zenskar));
        let is_edited = |side: Side, id: &str| self.edited.contains(&(side, id.to_owned()));
        let makes = self.makes();
        let made = makes
            .iter()
            .find(|make| [stripe, zenskar].contains(&make.id.as_str()));
        let followed = made.is_some_and(|made| !is_edited(made.side, &made.id));
        let mut wrong = Vec::new();
        // Stripe takes no shipping without a name, and no tax id is written to it.
        let compared = [Field::TaxIds, Field::ShippingAddress];
        for field in drawn()
            .into_iter()
            .filter(|field| !compared.contains(field))
        {
            let (ours, theirs) = (&ours[&field], &theirs[&field]);
            if ours == theirs {
                continue;
            }
            let one = shown.iter().find(|one| one.field == field);
            let as_it_is = one.is_some_and(|one| {
                (text(&one.stripe), text(&one.zenskar)) == (ours.as_str(), theirs.as_str())
            });
            let excused = one.is_some_and(|one| match one.why {
                Held::Refused | Held::NotTaken | Held::WouldBlank => true,
                // Without the answer nobody can tell a form of Zenskar's own from an edit.
                Held::NoBase => self.lost && ours.to_lowercase() == theirs.to_lowercase(),
                _ => false,
            });
            if !as_it_is || (followed && !excused) {
                wrong.push(format!(
                    "{stripe} {zenskar} {field}: {ours:?} {theirs:?}, shown {one:?}"
                ));
            }
        }
        wrong
    }
}
