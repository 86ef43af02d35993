//! The verdict: each figure beside the ideal's, its floor and the mark it aims at.

use crate::num::text;
use crate::suite::Round;
use crate::{Outcome, out};
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A limit of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    fn text(self, decimals: usize) -> String {
        match self {
            Self::AtLeast(limit) => format!("≥ {}", text(limit, decimals)),
            Self::AtMost(limit) => format!("≤ {}", text(limit, decimals)),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// In what.
    pub(crate) unit: &'static str,
    /// The daemon's, unless `what` says otherwise.
    pub(crate) value: f64,
    /// What it is measured against, if anything.
    pub(crate) beside: Option<f64>,
    /// Median of the rounds' ratios to it.
    pub(crate) ratio: Option<f64>,
    /// What a release must hold: of the ratio if the figure has one, else of the value.
    pub(crate) floor: Option<Bound>,
    /// What it aims at.
    pub(crate) aim: Option<Bound>,
    /// Whether a missed floor fails the run.
    pub(crate) binding: bool,
    /// Digits after the point.
    #[serde(skip)]
    pub(crate) decimals: usize,
}

impl Figure {
    /// A figure without anything to judge it by.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self {
            what: what.into(),
            unit,
            value,
            beside: None,
            ratio: None,
            floor: None,
            aim: None,
            binding: false,
            decimals: if value < 100.0 { 1 } else { 0 },
        }
    }

    /// Beside another's figure.
    pub(crate) const fn beside(mut self, other: f64, ratio: f64) -> Self {
        self.beside = Some(other);
        self.ratio = Some(ratio);
        self
    }

    /// Judged by a floor and an aim.
    pub(crate) const fn judged(mut self, floor: Bound, aim: Bound) -> Self {
        self.floor = Some(floor);
        self.aim = Some(aim);
        self
    }

    /// Judged by its ratio to the other, and a missed floor fails the run.
    pub(crate) const fn binding(mut self, floor: Bound, aim: Bound) -> Self {
        self.binding = true;
        self.judged(floor, aim)
    }

    fn judged_value(&self) -> f64 {
        match self.ratio {
            Some(ratio) if self.binding => ratio,
            _ => self.value,
        }
    }

    fn holds(&self) -> bool {
        self.floor
            .is_none_or(|floor| floor.holds(self.judged_value()))
    }

    fn verdict(&self) -> &'static str {
        let Some(_) = self.floor else {
            return "";
        };
        let aimed = self.aim.is_some_and(|aim| aim.holds(self.judged_value()));
        match (self.holds(), aimed, self.binding) {
            (true, true, _) => "aim reached",
            (true, false, _) => "ok",
            (false, _, true) => "FAILED",
            (false, _, false) => "floor missed (not binding)",
        }
    }
}

/// Everything a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// What was measured on.
    pub(crate) machine: BTreeMap<&'static str, String>,
    /// What is to be known when reading it.
    pub(crate) remarks: Vec<String>,
    /// The figures, in the order of the table.
    pub(crate) figures: Vec<Figure>,
    /// What was measured, round by round.
    pub(crate) rounds: Vec<Round>,
    /// Whether all binding floors hold.
    pub(crate) ok: bool,
}

impl Record {
    /// Judges the figures.
    pub(crate) fn judge(&mut self) {
        self.ok = self
            .figures
            .iter()
            .all(|figure| !figure.binding || figure.holds());
    }

    /// Prints the table and the remarks.
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header([
            "what", "unit", "measured", "beside", "ratio", "floor", "aim", "verdict",
        ]);
        for figure in &self.figures {
            let by_ratio = figure.binding && figure.ratio.is_some();
            let decimals = if by_ratio { 2 } else { 0 };
            let bound = |bound: Option<Bound>| {
                bound.map_or_else(String::new, |bound| {
                    let times = if by_ratio { "×" } else { "" };
                    format!("{}{times}", bound.text(decimals))
                })
            };
            let number = |value: Option<f64>, decimals| {
                value.map_or_else(String::new, |value| text(value, decimals))
            };
            table.add_row([
                figure.what.clone(),
                figure.unit.to_owned(),
                text(figure.value, figure.decimals),
                number(figure.beside, figure.decimals),
                number(figure.ratio, 2),
                bound(figure.floor),
                bound(figure.aim),
                figure.verdict().to_owned(),
            ]);
        }
        for place in 2..5 {
            if let Some(column) = table.column_mut(place) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        out::line(&format!("\n{table}"));
        for remark in &self.remarks {
            out::line(&format!("note: {remark}"));
        }
        out::line(if self.ok {
            "every binding floor holds"
        } else {
            "a binding floor does not hold"
        });
    }

    /// Writes everything as JSON.
    pub(crate) fn save(&self, path: &Path) -> Outcome<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text).map_err(|error| format!("write {}: {error}", path.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_binding_floor_fails_the_run() {
        let slow = Figure::new("p99", "ms", 9.0).judged(Bound::AtMost(5.0), Bound::AtMost(2.0));
        let weak = Figure::new("rate", "1/s", 900.0)
            .beside(1_000.0, 0.9)
            .binding(Bound::AtLeast(0.7), Bound::AtLeast(1.0));
        let mut record = Record {
            machine: BTreeMap::new(),
            remarks: Vec::new(),
            figures: vec![slow, weak.clone()],
            rounds: Vec::new(),
            ok: false,
        };
        record.judge();
        assert!(record.ok);
        assert_eq!(weak.verdict(), "ok");
        record.figures.push(weak.beside(2_000.0, 0.45));
        record.judge();
        assert!(!record.ok);
    }
}
