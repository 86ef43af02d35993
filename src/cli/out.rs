//! The one place that prints.
//!
//! # Guarantees
//!
//! - A reader that went away is no failure: the rest is thrown away and the command ends as it
//!   would have.
//! - Text from a remote cannot reach the terminal's controls: control characters are replaced.
//! - Colour only where it was asked for, or where a terminal reads and `NO_COLOR` is not set.

use crate::cli::environment::Environment;
use crate::cli::error::Failure;
use crate::model::time::Timestamp;
use clap::ColorChoice;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};

/// Escape sequences for the few words that carry meaning by colour as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Look at this.
    Warning,
    /// This is broken.
    Bad,
    /// A heading.
    Strong,
    /// Text like any other.
    Plain,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Strong => "1",
            Self::Plain => "0",
        }
    }
}

/// Standard output and standard error of a command.
pub struct Out {
    json: bool,
    terminal: bool,
    colours: bool,
    error_colours: bool,
    now: Timestamp,
    streams: RefCell<Streams>,
}

struct Streams {
    output: Box<dyn Write>,
    errors: Box<dyn Write>,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out")
            .field("json", &self.json)
            .field("colours", &self.colours)
            .finish_non_exhaustive()
    }
}

impl Out {
    /// The process's own streams; `now` is what times are told relative to.
    #[must_use]
    pub fn new(json: bool, choice: ColorChoice, env: &Environment, now: Timestamp) -> Self {
        let coloured = |terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !env.no_color,
        };
        Self {
            json,
            terminal: io::stdout().is_terminal(),
            colours: coloured(io::stdout().is_terminal()),
            error_colours: coloured(io::stderr().is_terminal()),
            now,
            streams: RefCell::new(Streams {
                output: Box::new(io::stdout()),
                errors: Box::new(io::stderr()),
            }),
        }
    }

    /// Whether JSON was asked for.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a terminal reads what is printed.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints over the last line of progress; for a terminal.
    pub fn progress(&self, text: &str) {
        let text = format!("\r\x1b[K{}", tame(text));
        put_bytes(&mut *self.streams.borrow_mut().output, text.as_bytes());
    }

    /// Takes the last line of progress away, where there can be one.
    pub fn progress_ends(&self) {
        if self.terminal {
            self.progress("");
        }
    }

    /// Prints a value as JSON on one line.
    pub fn json_line<T: Serialize>(&self, value: &T) {
        match serde_json::to_value(value) {
            Ok(value) => put(&mut *self.streams.borrow_mut().output, &value.to_string()),
            Err(error) => self.note(&format!("error: {error}")),
        }
    }

    /// Prints a line.
    pub fn line(&self, text: &str) {
        let text = tame(text);
        put(&mut *self.streams.borrow_mut().output, &text);
    }

    /// Prints a line on standard error: progress, and what does not belong to the result.
    pub fn note(&self, text: &str) {
        let text = tame(text);
        put(&mut *self.streams.borrow_mut().errors, &text);
    }

    /// Prints on standard error what brings its own colours and is our own.
    pub fn note_trusted(&self, text: &str) {
        put(&mut *self.streams.borrow_mut().errors, text);
    }

    /// Whether standard error takes colours.
    #[must_use]
    pub const fn has_error_colours(&self) -> bool {
        self.error_colours
    }

    /// Prints a value as JSON, indented.
    pub fn json<T: Serialize>(&self, value: &T) {
        // By way of a value: every view is made one already, and the code to write each of them
        // as text besides makes the binary larger.
        match serde_json::to_value(value) {
            Ok(value) => put(
                &mut *self.streams.borrow_mut().output,
                &format!("{value:#}"),
            ),
            Err(error) => self.note(&format!("error: {error}")),
        }
    }

    /// Prints rows under a heading, or `empty` where there is none.
    pub fn table(&self, heading: &[&str], rows: Vec<Vec<String>>, empty: &str) {
        if rows.is_empty() {
            self.line(empty);
            return;
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(heading.iter().copied());
        for row in rows {
            table.add_row(row.iter().map(|cell| tame(cell).replace('\n', " ")));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for (index, line) in table.to_string().lines().enumerate() {
            let line = line.trim_end();
            if index == 0 {
                self.line_of(Tone::Strong, line);
            } else {
                self.line(line);
            }
        }
    }

    /// Prints a failure on standard error.
    pub fn failure(&self, failure: &Failure) {
        let mut streams = self.streams.borrow_mut();
        if self.json {
            put(&mut *streams.errors, &failure.json().to_string());
            return;
        }
        let line = |tone, word: &str, text: &str| {
            let word = if self.error_colours {
                painted(tone, word)
            } else {
                word.to_owned()
            };
            format!("{word} {}", tame(text))
        };
        let mut lines = vec![line(Tone::Bad, "error:", &failure.message)];
        let causes = failure.causes.iter();
        lines.extend(causes.map(|cause| line(Tone::Strong, "because:", cause)));
        let hint = failure.hint.iter();
        lines.extend(hint.map(|hint| line(Tone::Good, "hint:", hint)));
        put(&mut *streams.errors, &lines.join("\n"));
    }

    /// `text` in this tone, where colours are taken.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let text = tame(text);
        if self.colours && tone != Tone::Plain {
            painted(tone, &text)
        } else {
            text
        }
    }

    /// Prints our own line, which may hold painted words; what is foreign in it was tamed.
    pub fn painted_line(&self, text: &str) {
        put(&mut *self.streams.borrow_mut().output, text);
    }

    fn line_of(&self, tone: Tone, text: &str) {
        let text = self.paint(tone, text);
        self.painted_line(&text);
    }

    /// An instant for a person: `2026-11-23 01:20:05 UTC (3 min ago)`.
    #[must_use]
    pub fn when(&self, rfc3339: &str) -> String {
        when(self.now, rfc3339)
    }

    /// An instant for a person, as its distance alone: `3 min ago`.
    #[must_use]
    pub fn ago(&self, rfc3339: &str) -> String {
        match rfc3339.parse::<jiff::Timestamp>() {
            Ok(at) => distance(self.now.seconds().saturating_sub(at.as_second())),
            Err(_) => rfc3339.to_owned(),
        }
    }
}

/// Writes a line; a closed pipe, and a full disk behind one, change nothing about the command.
fn put(to: &mut dyn Write, text: &str) {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(b'\n');
    put_bytes(to, &bytes);
}

fn put_bytes(to: &mut dyn Write, bytes: &[u8]) {
    if let Err(error) = to.write_all(bytes).and_then(|()| to.flush()) {
        // There is nobody left to tell.
        drop(error);
    }
}

/// `text` without control characters other than line breaks and tabs.
fn tame(text: &str) -> String {
    let hostile = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if text.contains(hostile) {
        text.replace(hostile, "\u{fffd}")
    } else {
        text.to_owned()
    }
}

fn painted(tone: Tone, text: &str) -> String {
    format!("\x1b[{}m{text}\x1b[0m", tone.code())
}

fn when(now: Timestamp, rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(at) => {
            let shown = at.strftime("%Y-%m-%d %H:%M:%S UTC");
            let distance = distance(now.seconds().saturating_sub(at.as_second()));
            format!("{shown} ({distance})")
        }
        Err(_) => rfc3339.to_owned(),
    }
}

/// How long ago, or how far ahead, `seconds` are.
fn distance(seconds: i64) -> String {
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{} ago", span(seconds.unsigned_abs())),
        _ => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// A span in its largest unit, rounded down: `3 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "min")];
    UNITS
        .iter()
        .find_map(|(unit, name)| {
            let count = seconds.checked_div(*unit)?;
            // Below two of a unit the smaller one says more.
            (count >= 2).then(|| format!("{count} {name}"))
        })
        .unwrap_or_else(|| format!("{seconds} s"))
}

/// A size for a person: `12.3 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let whole = bytes.div_euclid(unit);
            let tenth = bytes.rem_euclid(unit).saturating_mul(10).div_euclid(unit);
            return format!("{whole}.{tenth} {name}");
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_and_by_distance() {
        let now = Timestamp::from_seconds(1_780_000_000);
        for (at, text) in [
            ("2026-05-28T20:26:40Z", "2026-05-28 20:26:40 UTC (now)"),
            (
                "2026-05-28T20:23:40Z",
                "2026-05-28 20:23:40 UTC (3 min ago)",
            ),
            ("2026-05-28T22:26:40+02:00", "2026-05-28 20:26:40 UTC (now)"),
            ("2026-05-28T20:28:00Z", "2026-05-28 20:28:00 UTC (in 80 s)"),
            ("2026-05-20T20:28:00Z", "2026-05-20 20:28:00 UTC (7 d ago)"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(when(now, at), text);
        }
    }

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, text) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_550_000, "1.5 MB"),
            (70_000_000_000, "70.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn foreign_text_does_not_reach_the_terminal_s_controls() {
        assert_eq!(tame("a\x1b[31mb\r\nc"), "a\u{fffd}[31mb\u{fffd}\nc");
    }
}
