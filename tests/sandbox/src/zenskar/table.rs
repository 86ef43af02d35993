//! Lists of rows other than customers: filters by column, order, cursors, envelope.
//!
//! A filter that is not known is ignored or refused, as the switches say. Not here: what the
//! columns of a row are (see `invoices` and `payments`).

use serde_json::{Value, json};

use super::cursor::{Cursor, Stamp};
use super::customer::Key;
use super::filter::{self, Op};
use super::list::read_limit;
use super::refusal::Refusal;
use super::time::{self, Read};
use crate::stripe::pairs;
use crate::switches::{Envelope, ZenskarSwitches};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// A time, asked for in ISO form.
    Time,
    /// A time, asked for in Unix seconds.
    Unix,
    Flag,
}

/// A column that can be filtered.
pub(crate) type Column = (&'static str, Kind, &'static [Op]);

/// One value of a row's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    /// A number, or a time in microseconds.
    Number(i64),
    Flag(bool),
}

/// Operators of ids and words.
pub(crate) const EXACT: &[Op] = &[Op::Eq, Op::Neq, Op::In, Op::IsNull];
/// Operators of texts.
pub(crate) const TEXT: &[Op] = &[Op::Eq, Op::In, Op::IsNull, Op::Like, Op::Ilike];
/// Operators of texts that cannot be asked for exactly.
pub(crate) const PATTERN: &[Op] = &[Op::Like, Op::Ilike, Op::IsNull];
/// Operators of numbers and times.
pub(crate) const RANGE: &[Op] = &[
    Op::Eq,
    Op::Neq,
    Op::Gt,
    Op::Gte,
    Op::Lt,
    Op::Lte,
    Op::In,
    Op::IsNull,
];

/// What a kind of list takes.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) switches: &'a ZenskarSwitches,
    pub(crate) stamp: Stamp,
    pub(crate) columns: &'a [Column],
    /// Columns that rows can be ordered by; the first is the default.
    pub(crate) orders: &'a [&'static str],
}

#[derive(Debug)]
enum Wanted {
    Text(String),
    Numbers(Vec<i64>),
    Flag(bool),
    Null(bool),
}

#[derive(Debug)]
struct Filter {
    column: &'static str,
    op: Op,
    wanted: Wanted,
}

#[derive(Debug)]
struct Wish {
    filters: Vec<Filter>,
    search: Vec<(Vec<String>, String)>,
    limit: usize,
    order: &'static str,
    descending: bool,
    cursor: Option<Cursor>,
}

/// Answers a list request over `rows`, given with their keys.
pub(crate) fn list<'a, T: 'a>(
    view: &View<'_>,
    query: &str,
    rows: impl Iterator<Item = (Key, &'a T)>,
    cells: impl Fn(&T, &str) -> Vec<Cell>,
    render: impl Fn(&T) -> Value,
) -> Result<Value, Refusal> {
    let wish = read(view, query)?;
    let accepts = |row: &T| {
        let by_column = wish
            .filters
            .iter()
            .all(|f| f.accepts(&cells(row, f.column)));
        by_column
            && (wish.search.is_empty() || {
                let shown = render(row);
                let mut all = wish.search.iter();
                all.all(|(path, text)| filter::contains(&shown, path, text))
            })
    };
    let place = |row: &T| match cells(row, wish.order).first() {
        Some(Cell::Number(number)) => *number,
        _ => i64::MIN,
    };
    let mut all: Vec<(i64, Key, &T)> = rows
        .filter(|(_, row)| accepts(row))
        .map(|(key, row)| (place(row), key, row))
        .collect();
    all.sort_by_key(|(at, key, _)| (*at, *key));
    if wish.descending {
        all.reverse();
    }
    let total = all.len();
    let (page, has_previous, has_next) = cut(&wish, all);
    let edge = |row: Option<&(i64, Key, &T)>, backwards: bool| {
        row.map_or(Value::Null, |(at, key, _)| {
            let (at, key) = (*at, *key);
            json!(view.stamp.encode(&Cursor { at, key, backwards }))
        })
    };
    let next = edge(page.last().filter(|_| has_next), false);
    let previous = edge(page.first().filter(|_| has_previous), true);
    let data: Vec<Value> = page.iter().map(|(_, _, row)| render(row)).collect();
    Ok(match view.switches.envelope {
        Envelope::Results => json!({
            "results": data, "next": next, "previous": previous, "total_count": total,
        }),
        Envelope::Data => json!({ "data": data, "next": next, "total": total }),
    })
}

/// A page, and whether there is more before and after it.
type Page<'a, T> = (Vec<(i64, Key, &'a T)>, bool, bool);

/// The page that a wish asks for, of all rows in their order.
fn cut<'a, T>(wish: &Wish, all: Vec<(i64, Key, &'a T)>) -> Page<'a, T> {
    let total = all.len();
    let after = |row: &(i64, Key, &T), cursor: &Cursor| {
        let (row, edge) = ((row.0, row.1), (cursor.at, cursor.key));
        if wish.descending {
            row < edge
        } else {
            row > edge
        }
    };
    let (from, to) = match &wish.cursor {
        None => (0, wish.limit),
        Some(cursor) if cursor.backwards => {
            let is_before = |row: &&(i64, Key, &T)| {
                !after(row, cursor) && (row.0, row.1) != (cursor.at, cursor.key)
            };
            let before = all.iter().filter(is_before).count();
            (before.saturating_sub(wish.limit), before)
        }
        Some(cursor) => {
            let from = all.iter().take_while(|row| !after(row, cursor)).count();
            (from, from.saturating_add(wish.limit))
        }
    };
    let page: Vec<_> = all.into_iter().take(to).skip(from).collect();
    let shown = from + page.len();
    (page, from > 0, shown < total)
}

fn read(view: &View<'_>, query: &str) -> Result<Wish, Refusal> {
    let switches = view.switches;
    let default = view.orders.first().copied().unwrap_or("created_at");
    let mut wish = Wish {
        filters: Vec::new(),
        search: Vec::new(),
        limit: 10,
        order: default,
        descending: true,
        cursor: None,
    };
    let (mut sort_key, mut sort_type) = (None, None);
    for (name, value) in pairs(query) {
        match name.as_str() {
            "limit" => wish.limit = read_limit(&value)?.min(switches.max_limit),
            "order" => (wish.order, wish.descending) = read_order(view, &value)?,
            "sort_key" => sort_key = Some(value),
            "sort_type" => sort_type = Some(value),
            "include_line_items" | "expand" => {}
            "cursor" if value.is_empty() => {}
            "cursor" => wish.cursor = Some(view.stamp.decode(&value)?),
            _ if switches.ignore_filters => {}
            "search" => wish.search.extend(filter::searches(&value)),
            _ => match filter_of(view, &name, &value)? {
                Some(filter) => wish.filters.push(filter),
                None if switches.refuse_unknown_filters => {
                    let loc = ["query", name.as_str()];
                    let message = "extra fields not permitted";
                    return Err(Refusal::field(&loc, message, "value_error.extra"));
                }
                None => {}
            },
        }
    }
    if let Some(key) = sort_key {
        wish.order = read_order(view, &key)?.0;
        wish.descending = sort_type.is_none_or(|kind: String| kind.eq_ignore_ascii_case("desc"));
    }
    Ok(wish)
}

fn read_order(view: &View<'_>, value: &str) -> Result<(&'static str, bool), Refusal> {
    let (name, descending) = value
        .strip_prefix('-')
        .map_or((value, false), |name| (name, true));
    match view.orders.iter().find(|known| **known == name) {
        Some(known) => Ok((known, descending)),
        None if view.switches.ignore_filters => Ok(("created_at", descending)),
        None => {
            let message = format!("Invalid order field: {name}");
            Err(Refusal::detail(400, &message))
        }
    }
}

fn filter_of(view: &View<'_>, name: &str, value: &str) -> Result<Option<Filter>, Refusal> {
    let split = name.rsplit_once("__");
    let with_op = split.and_then(|(field, suffix)| Some((field, filter::op_of(suffix)?)));
    let (field, op) = with_op.unwrap_or((name, Op::Eq));
    let mut columns = view.columns.iter();
    let known = columns.find(|(column, _, ops)| *column == field && ops.contains(&op));
    let Some((column, kind, _)) = known else {
        return Ok(None);
    };
    let loc = ["query", name];
    let wanted = match kind {
        _ if op == Op::IsNull => Wanted::Null(read_flag(value, &loc)?),
        Kind::Flag => Wanted::Flag(read_flag(value, &loc)?),
        Kind::Text => Wanted::Text(value.to_owned()),
        Kind::Number | Kind::Time | Kind::Unix => {
            let texts = value.split(',');
            let read = |text: &str| read_number(*kind, text, &loc, view.switches);
            Wanted::Numbers(texts.map(read).collect::<Result<_, _>>()?)
        }
    };
    Ok(Some(Filter { column, op, wanted }))
}

fn read_flag(value: &str, loc: &[&str]) -> Result<bool, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => {
            let message = "value could not be parsed to a boolean";
            Err(Refusal::field(loc, message, "type_error.bool"))
        }
    }
}

fn read_number(
    kind: Kind,
    text: &str,
    loc: &[&str],
    switches: &ZenskarSwitches,
) -> Result<i64, Refusal> {
    let whole = || Refusal::field(loc, "value is not a valid integer", "type_error.integer");
    match kind {
        Kind::Unix => {
            let seconds: i64 = text.parse().map_err(|_| whole())?;
            Ok(seconds.saturating_mul(1_000_000))
        }
        Kind::Time => match time::read(text) {
            Some(Read::Aware(_)) if switches.aware_times_fail => Err(Refusal::server()),
            Some(Read::Naive(us) | Read::Aware(us)) => Ok(us),
            None => {
                let message = "invalid datetime format";
                Err(Refusal::field(loc, message, "value_error.datetime"))
            }
        },
        _ => text.parse().map_err(|_| whole()),
    }
}

impl Filter {
    fn accepts(&self, cells: &[Cell]) -> bool {
        match &self.wanted {
            Wanted::Null(wanted) => cells.is_empty() == *wanted,
            Wanted::Flag(wanted) => cells.contains(&Cell::Flag(*wanted)),
            Wanted::Numbers(wanted) => cells.iter().any(|cell| match cell {
                Cell::Number(number) => filter::times_accept(self.op, *number, wanted),
                _ => false,
            }),
            Wanted::Text(wanted) => cells.iter().any(|cell| match cell {
                Cell::Text(text) => filter::text_accepts(self.op, text, wanted),
                _ => false,
            }),
        }
    }
}
