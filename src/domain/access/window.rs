//! Hours of the week in which a client may act: `mon-fri 08:00-18:00 +01:00`.
//!
//! Days, hours, and how far the clock they are read from is ahead of UTC. The distance is fixed: no summer time comes and goes, so that a
//! window means the same on every machine and in every year.

use std::fmt;
use std::str::FromStr;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_DAYS: u8 = 0b111_1111;
const MINUTES_PER_DAY: u16 = 24 * 60;
const SECONDS_PER_DAY: i64 = 86_400;
/// The farthest that a clock is from UTC, in minutes.
const OFFSET_MAX: i16 = 14 * 60;

/// Hours of some days of the week. From an hour to an earlier one means into the next day; the window then belongs to the day it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// A bit for each day, Monday first.
    days: u8,
    /// The first minute of the day that is in it.
    from: u16,
    /// The first minute that is not.
    until: u16,
    /// Minutes that the clock is ahead of UTC.
    offset: i16,
}

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no window; write days, hours and, unless it is UTC, an offset, such as `mon-fri 08:00-18:00 +01:00`, `sat,sun 00:00-24:00` \
     or `daily 22:00-06:00`"
)]
pub struct WindowError(String);

impl Window {
    /// Whether a time, in seconds since 1970, is in it.
    #[must_use]
    pub fn contains(&self, now: i64) -> bool {
        let local = now.saturating_add(i64::from(self.offset) * 60);
        let minute = local.rem_euclid(SECONDS_PER_DAY) / 60;
        // The first day of 1970 was a Thursday.
        let today = (local.div_euclid(SECONDS_PER_DAY) + 3).rem_euclid(7);
        let on = |day: i64| self.days & (1 << day.rem_euclid(7)) != 0;
        let (from, until) = (i64::from(self.from), i64::from(self.until));
        if from < until {
            on(today) && from <= minute && minute < until
        } else {
            (on(today) && from <= minute) || (on(today - 1) && minute < until)
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let mut words = text.split_whitespace();
        let (days, hours, offset) = (words.next(), words.next(), words.next());
        let window = || {
            let (from, until) = hours?.split_once('-')?;
            let (from, until) = (minute_of(from)?, minute_of(until)?);
            let window = Self {
                days: days_of(days?)?,
                from,
                until,
                offset: offset.map_or(Some(0), offset_of)?,
            };
            (from != until && from < MINUTES_PER_DAY).then_some(window)
        };
        match (window(), words.next()) {
            (Some(window), None) => Ok(window),
            _ => Err(WindowError(text.chars().take(80).collect())),
        }
    }
}

fn days_of(text: &str) -> Option<u8> {
    if text == "daily" {
        return Some(ALL_DAYS);
    }
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        // From Saturday to Monday goes over the end of the week.
        let span = (last + 7 - first) % 7;
        (first..=first + span).for_each(|day| days |= 1 << (day % 7));
    }
    Some(days)
}

/// `08:00` as minutes; up to `24:00`, the end of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_PER_DAY).then_some(minute)
}

fn two_digits(text: &str) -> Option<u16> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// `+01:00` as minutes; `Z` is none.
fn offset_of(text: &str) -> Option<i16> {
    if text == "Z" || text == "UTC" {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let minutes = i16::try_from(minute_of(rest)?).ok()?;
    (minutes <= OFFSET_MAX).then_some(sign * minutes)
}

impl fmt::Display for Window {
    /// The one way each window is written; [`FromStr`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = (0..7).filter(|day| self.days & (1 << day) != 0);
        let held: Vec<_> = held.filter_map(|day| DAYS.get(day).copied()).collect();
        let days = if self.days == ALL_DAYS {
            "daily".to_owned()
        } else {
            held.join(",")
        };
        let (from, until) = (self.from, self.until);
        write!(f, "{days} {:02}:{:02}", from / 60, from % 60)?;
        write!(f, "-{:02}:{:02}", until / 60, until % 60)?;
        let away = self.offset.unsigned_abs();
        match self.offset {
            0 => f.write_str(" UTC"),
            1.. => write!(f, " +{:02}:{:02}", away / 60, away % 60),
            _ => write!(f, " -{:02}:{:02}", away / 60, away % 60),
        }
    }
}
