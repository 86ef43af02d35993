//! From rounds to figures, with the floors and aims of a release.

use super::cases::Round;
use super::million::Found;
use super::scan;
use super::{Idle, Sizes, megabytes, middle, millis};
use crate::daemon::RATE;
use crate::load::Report;
use crate::num::{count, float, ratio, text};
use crate::report::Bound::{AtLeast, AtMost};
use crate::report::{Figure, Record};
use crate::yard::{Yard, target};
use crate::{Outcome, out};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Below this share of the bare receiver, the ideal of the run is no ideal.
const IDEAL_SHARE: f64 = 0.2;
/// The share it had when the floors were set.
const IDEAL_SHARE_USUAL: f64 = 0.25;

/// Figures as they come in.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    figures: Vec<Figure>,
    remarks: Vec<String>,
}

/// A value of one case's report.
type Value = fn(&Report) -> f64;

fn p99_ms(report: &Report) -> f64 {
    f64::from(report.p99) / 1_000.0
}

fn cpu(report: &Report) -> f64 {
    report.each(report.server_cpu_micros)
}

fn disk(report: &Report) -> f64 {
    report.each(report.server_written_bytes)
}

fn of(rounds: &[Round], case: &str, value: Value) -> Option<f64> {
    middle(rounds, |round| round.reports.get(case).map(value))
}

/// A figure of case `ours`, beside the same of case `theirs` where that ran too.
fn pair(
    rounds: &[Round],
    (what, unit): (&str, &'static str),
    (ours, theirs): (&str, &str),
    value: Value,
) -> Option<Figure> {
    let figure = Figure::new(what, unit, of(rounds, ours, value)?);
    let shares = middle(rounds, |round| {
        let (ours, theirs) = (round.reports.get(ours)?, round.reports.get(theirs)?);
        Some(ratio(value(ours), value(theirs)))
    });
    Some(match (of(rounds, theirs, value), shares) {
        (Some(other), Some(share)) => figure.beside(other, share),
        _ => figure,
    })
}

impl Figures {
    /// Adds something to be known when reading the figures.
    pub(crate) fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    fn push(&mut self, figure: Option<Figure>) {
        self.figures.extend(figure);
    }

    /// The figures of the rounds; `daemon` says whether it took part.
    pub(crate) fn of_rounds(&mut self, rounds: &[Round], daemon: bool, sizes: &Sizes) {
        if !rounds.iter().all(Round::is_clean) {
            self.remark("others used the machine: too few rounds were clean, all count".to_owned());
        }
        let rate: Value = Report::accepted_rate;
        self.push(
            of(rounds, "bare", rate).map(|value| Figure::new("bare: hyper + HMAC", "1/s", value)),
        );
        self.push(
            pair(
                rounds,
                ("ideal, beside bare", "1/s"),
                ("ideal", "bare"),
                rate,
            )
            .map(|figure| match figure.ratio {
                Some(_) => figure.binding(AtLeast(IDEAL_SHARE), AtLeast(IDEAL_SHARE_USUAL)),
                None => figure,
            }),
        );
        self.push(
            of(rounds, "ideal", p99_ms)
                .map(|value| Figure::new("ideal: p99 at saturation", "ms", value)),
        );
        self.push(
            of(rounds, "ideal", cpu).map(|value| Figure::new("ideal: CPU an event", "µs", value)),
        );
        self.push(
            of(rounds, "ideal", disk).map(|value| Figure::new("ideal: disk an event", "B", value)),
        );
        if daemon {
            self.acknowledged(rounds);
            self.open(rounds);
            self.through(rounds, sizes);
        } else {
            for (name, what) in [
                ("ideal-500", "ideal: p99 at 500/s"),
                ("ideal-5000", "ideal: p99 at 5,000/s"),
            ] {
                self.push(of(rounds, name, p99_ms).map(|value| Figure::new(what, "ms", value)));
            }
        }
    }

    fn acknowledged(&mut self, rounds: &[Round]) {
        let rate: Value = Report::accepted_rate;
        let both = ("daemon", "ideal");
        self.push(
            pair(rounds, ("durable acknowledged webhooks", "1/s"), both, rate)
                .map(|figure| figure.binding(AtLeast(0.7), AtLeast(1.0))),
        );
        self.push(
            pair(rounds, ("p99 at saturation", "ms"), both, p99_ms)
                .map(|figure| figure.binding(AtMost(3.0), AtMost(1.5))),
        );
        self.push(
            pair(rounds, ("CPU an event at saturation", "µs"), both, cpu)
                .map(|figure| figure.judged(AtMost(70.0), AtMost(45.0))),
        );
        self.push(
            pair(rounds, ("disk an event at saturation", "B"), both, disk)
                .map(|figure| figure.judged(AtMost(12_000.0), AtMost(4_500.0))),
        );
        let what = "acknowledged while linked customers are written";
        self.push(pair(
            rounds,
            (what, "1/s"),
            ("daemon-working", "ideal"),
            rate,
        ));
        self.push(of(rounds, "daemon-working", cpu).map(|value| {
            Figure::new("CPU an event meanwhile, pipeline included", "µs", value)
                .judged(AtMost(130.0), AtMost(80.0))
        }));
        self.push(
            pair(
                rounds,
                ("refusals of bad signatures, beside bare", "1/s"),
                ("daemon-refuses", "bare"),
                Report::answered_rate,
            )
            .map(|figure| figure.binding(AtLeast(0.5), AtLeast(0.8))),
        );
        self.push(of(rounds, "daemon-refuses", disk).map(|value| {
            Figure::new("disk a refusal", "B", value).judged(AtMost(1.0), AtMost(0.0))
        }));
    }

    fn open(&mut self, rounds: &[Round]) {
        self.push(
            pair(
                rounds,
                ("p99 at 500/s, pipeline working", "ms"),
                ("daemon-500", "ideal-500"),
                p99_ms,
            )
            .map(|figure| figure.judged(AtMost(5.0), AtMost(2.0))),
        );
        let both = ("daemon-5000", "ideal-5000");
        self.push(
            pair(
                rounds,
                ("p99 at 5,000/s, pipeline working", "ms"),
                both,
                p99_ms,
            )
            .map(|figure| figure.judged(AtMost(15.0), AtMost(5.0))),
        );
        self.push(
            pair(
                rounds,
                ("disk an event at 500/s", "B"),
                ("daemon-500", "ideal-500"),
                disk,
            )
            .map(|figure| figure.judged(AtMost(66_000.0), AtMost(20_000.0))),
        );
    }

    fn through(&mut self, rounds: &[Round], sizes: &Sizes) {
        let name = "daemon-through";
        let through = |value: fn(&super::cases::Through) -> f64| {
            middle(rounds, |round| round.through.get(name).map(value))
        };
        let Some(rate) = through(|through| through.rate) else {
            return;
        };
        self.remark(format!(
            "the daemon may send {} requests a second to each remote: the most its configuration takes",
            text(f64::from(RATE), 0)
        ));
        self.push(Some(Figure::new(
            "from webhook to Zenskar's answer",
            "1/s",
            rate,
        )));
        // The acknowledged part only: what comes behind it is in the next figure.
        let share = through(|through| float(through.patches))
            .map(|patches| 100.0 * ratio(patches, float(sizes.pipeline)));
        self.push(
            share.map(|share| Figure::new("of these events answered by Zenskar", "%", share)),
        );
    }

    /// The figures of a daemon with an empty store.
    pub(crate) fn idle(&mut self, idle: &Idle) {
        let rss = megabytes(idle.memory.rss_kib);
        self.push(Some(
            Figure::new("idle memory (RSS), empty store", "MB", rss)
                .judged(AtMost(20.0), AtMost(12.0)),
        ));
        let pss = megabytes(idle.memory.pss_kib);
        self.push(Some(Figure::new(
            "idle memory (PSS), empty store",
            "MB",
            pss,
        )));
        self.push(Some(Figure::new(
            "first start to ready, no store yet",
            "ms",
            millis(idle.ready_after),
        )));
    }

    /// The figures with a million linked customers.
    pub(crate) fn million(&mut self, found: &Found) {
        let customers = text(float(found.customers), 0);
        let cold = if found.cold {
            "page cache dropped"
        } else {
            "page cache warm"
        };
        if !found.cold {
            self.remark("the page cache could not be dropped: starts are warm".to_owned());
        }
        let what = |text: &str| format!("{text}, {customers} linked");
        self.push(Some(
            Figure::new(
                what(&format!("clean start to ready, {cold}")),
                "ms",
                found.clean_ms,
            )
            .judged(AtMost(200.0), AtMost(25.0)),
        ));
        self.push(Some(
            Figure::new(
                what(&format!("start after kill -9, {cold}")),
                "ms",
                found.killed_ms,
            )
            .judged(AtMost(500.0), AtMost(50.0)),
        ));
        let rest = megabytes(found.at_rest.rss_kib);
        self.push(Some(Figure::new(what("memory (RSS) at rest"), "MB", rest)));
        let load = megabytes(found.after_load.rss_kib);
        let after = what(&format!(
            "memory (RSS) after {} events",
            text(float(found.events), 0)
        ));
        self.push(Some(
            Figure::new(after, "MB", load).judged(AtMost(150.0), AtMost(100.0)),
        ));
        let pages = &found.pages;
        self.push(Some(
            Figure::new(
                what(&format!("slowest page of the console ({})", pages.slowest)),
                "ms",
                pages.slowest_ms,
            )
            .judged(AtMost(50.0), AtMost(10.0)),
        ));
        let first_load = ratio(float(pages.first_load), 1_000.0);
        self.push(Some(
            Figure::new("first load of the console", "kB", first_load)
                .judged(AtMost(40.0), AtMost(25.0)),
        ));
        let bytes = ratio(float(found.store_bytes), float(found.customers));
        self.push(Some(
            Figure::new(what("store a customer"), "B", bytes)
                .judged(AtMost(2_100.0), AtMost(700.0)),
        ));
    }

    /// The figures of a scan.
    pub(crate) fn scan(&mut self, found: &scan::Found) {
        self.push(Some(
            Figure::new(
                "scan: parse, compare and plan, a second of processor time",
                "1/s",
                found.own_rate,
            )
            .binding(AtLeast(50_000.0), AtLeast(100_000.0)),
        ));
        self.push(Some(
            Figure::new(
                "scan: the same, beside parsing alone",
                "1/s",
                found.own_rate,
            )
            .beside(found.parse_rate, found.own_ratio)
            .binding(AtLeast(0.2), AtLeast(0.5)),
        ));
        let whole = &found.whole;
        let customers = text(float(whole.customers), 0);
        let both = float(2 * whole.customers);
        let what = |text: &str| format!("scan of {customers} on both sides: {text}");
        self.push(Some(Figure::new(what("time"), "s", whole.seconds)));
        self.push(Some(Figure::new(
            what("customers"),
            "1/s",
            ratio(both, whole.seconds),
        )));
        self.push(Some(Figure::new(
            what("CPU a customer"),
            "µs",
            ratio(float(whole.cpu_micros), both),
        )));
        self.push(Some(Figure::new(
            what("disk a customer"),
            "B",
            ratio(float(whole.written_bytes), both),
        )));
        self.push(Some(
            Figure::new(what("most memory (RSS)"), "MB", megabytes(whole.peak_kib))
                .binding(AtMost(200.0), AtMost(100.0)),
        ));
        self.push(Some(
            Figure::new(
                what("pages read again after kill -9"),
                "",
                float(whole.again),
            )
            .binding(AtMost(2.0), AtMost(1.0)),
        ));
    }

    /// The size of the binary: of the release build where there is one, else of the measured one.
    pub(crate) fn size(&mut self, measured: &Path, yard: &Yard) -> Outcome<()> {
        let release = target()?.join("release/zenstripe");
        let is_release = release.is_file();
        let (path, what) = if is_release {
            (release, "binary, release build")
        } else {
            (measured.to_owned(), "binary, measured build")
        };
        let stripped = yard.room("size")?.join("zenstripe");
        let strip = Command::new("strip")
            .arg("-o")
            .arg(&stripped)
            .arg(&path)
            .status();
        let (path, what) = if strip.is_ok_and(|status| status.success()) {
            (stripped, format!("{what}, stripped"))
        } else {
            (path, format!("{what}, as it is"))
        };
        let size = ratio(float(fs::metadata(path)?.len()), 1_000_000.0);
        let figure = Figure::new(what, "MB", size);
        self.push(Some(if is_release {
            figure.binding(AtMost(14.0), AtMost(8.0))
        } else {
            figure
        }));
        Ok(())
    }

    /// The record of a run.
    pub(crate) fn into_record(mut self, rounds: Vec<Round>) -> Record {
        for figure in &mut self.figures {
            if figure.unit == "B" {
                figure.decimals = 0;
            }
        }
        out::note(&format!("{} rounds count", rounds.len()));
        Record {
            machine: machine(count(rounds.len())),
            remarks: self.remarks,
            figures: self.figures,
            rounds,
            ok: false,
        }
    }
}

/// What the run was measured on.
fn machine(rounds: u64) -> BTreeMap<&'static str, String> {
    let first_line = |path: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    BTreeMap::from([
        ("kernel", first_line("/proc/sys/kernel/osrelease")),
        (
            "processor",
            model
                .unwrap_or_default()
                .trim_start_matches([':', ' ', '\t'])
                .to_owned(),
        ),
        ("processors", processors.to_string()),
        ("rounds", rounds.to_string()),
    ])
}
