//! The SQL that statements are written in, put into the words of PostgreSQL.
//!
//! Three things differ: parameters are `$1` and not `?1`; which index is used is left to the server's planner; and `CROSS JOIN`, which SQLite
//! reads as "in this order", is a join with a condition. What stands in quotes or in a comment is left as it is.

/// A statement as the server reads it.
pub(super) fn translated(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => copied(rest, quoted_length(rest, first), &mut out),
            '-' if rest.starts_with("--") => {
                copied(rest, rest.find('\n').unwrap_or(rest.len()), &mut out)
            }
            '?' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                out.push('$');
                1
            }
            _ if is_word(first) => word(rest, &mut out),
            _ => copied(rest, first.len_utf8(), &mut out),
        };
        rest = &rest[taken..];
    }
    out
}

/// A statement that begins or ends a transaction as the server reads it. SQLite says with BEGIN how soon it locks; here each statement
/// locks what it changes.
///
/// A COMMIT of a transaction in which a statement failed is answered as if nothing were wrong, although it rolls back. The empty SELECT
/// before it fails then, and so does the COMMIT.
pub(super) fn control(sql: &str) -> &str {
    match Control::of(sql) {
        Some(Control::Begin) if has_word(sql, &["IMMEDIATE", "DEFERRED", "EXCLUSIVE"]) => "BEGIN",
        Some(Control::Commit) => "SELECT; COMMIT",
        _ => sql,
    }
}

/// What a statement does to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// It begins one.
    Begin,
    /// It ends it and keeps what was done.
    Commit,
    /// It ends it and keeps nothing.
    Rollback,
}

const OF_BEGIN: &[&str] = &[
    "TRANSACTION",
    "WORK",
    "IMMEDIATE",
    "DEFERRED",
    "EXCLUSIVE",
    "ISOLATION",
    "LEVEL",
    "READ",
    "ONLY",
    "WRITE",
    "COMMITTED",
    "REPEATABLE",
    "SERIALIZABLE",
    "DEFERRABLE",
];

impl Control {
    /// What one statement does, if it is nothing but that.
    pub(super) fn of(statement: &str) -> Option<Self> {
        let mut words = statement
            .split(|c: char| c.is_whitespace() || c == ';' || c == ',')
            .filter(|word| !word.is_empty());
        let first = words.next()?;
        let is = |word: &str| first.eq_ignore_ascii_case(word);
        let (control, others) = if is("BEGIN") || is("START") {
            (Self::Begin, OF_BEGIN)
        } else if is("COMMIT") || is("END") {
            (Self::Commit, &OF_BEGIN[..2])
        } else if is("ROLLBACK") || is("ABORT") {
            (Self::Rollback, &OF_BEGIN[..2])
        } else {
            return None;
        };
        let fits = |word: &str| others.iter().any(|other| word.eq_ignore_ascii_case(other));
        words.all(fits).then_some(control)
    }

    /// What the last of some statements does that begins or ends a transaction.
    pub(super) fn last_of(statements: &str) -> Option<Self> {
        statements.split(';').rev().find_map(Self::of)
    }

    /// Whether one of some statements begins a transaction, which stays open if a later one fails.
    pub(super) fn is_begun_by(statements: &str) -> bool {
        let mut all = statements.split(';').filter_map(Self::of);
        all.any(|control| control == Self::Begin)
    }
}

fn has_word(sql: &str, words: &[&str]) -> bool {
    sql.split(|c: char| !is_word(c))
        .any(|word| words.iter().any(|other| word.eq_ignore_ascii_case(other)))
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn copied(rest: &str, length: usize, out: &mut String) -> usize {
    out.push_str(&rest[..length]);
    length
}

/// How long what stands in quotes is, with them. A doubled quote ends it and begins the next, which comes to the same.
fn quoted_length(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |at| at + 2)
}

/// Copies a word, or leaves it out with what belongs to it, and tells how much of the text that was.
fn word(rest: &str, out: &mut String) -> usize {
    let length = word_length(rest);
    if rest[..length].eq_ignore_ascii_case("INDEXED")
        && let Some(by) = following(rest, length, "BY")
    {
        let name = by + space(&rest[by..]);
        let gone = name + word_length(&rest[name..]);
        // One of the two spaces beside it goes as well.
        return gone + space(&rest[gone..]);
    }
    if rest[..length].eq_ignore_ascii_case("CROSS")
        && let Some(end) = following(rest, length, "JOIN")
    {
        out.push_str("JOIN");
        return end;
    }
    copied(rest, length, out)
}

/// Where a word ends that follows at `at`, if it is this one.
fn following(rest: &str, at: usize, word: &str) -> Option<usize> {
    let start = at + space(&rest[at..]);
    let end = start + word_length(&rest[start..]);
    (start > at && rest[start..end].eq_ignore_ascii_case(word)).then_some(end)
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !is_word(c)).unwrap_or(text.len())
}

fn space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::{Control, control, translated};

    #[test]
    fn statements_are_put_into_the_words_of_the_server() {
        let cases = [
            (
                "SELECT a FROM t WHERE b = ?1 AND c = ?12",
                "SELECT a FROM t WHERE b = $1 AND c = $12",
            ),
            (
                "SELECT '?1 it''s' FROM \"?2\" WHERE a = ?3",
                "SELECT '?1 it''s' FROM \"?2\" WHERE a = $3",
            ),
            ("SELECT 1 -- ?1 is it\n, ?1", "SELECT 1 -- ?1 is it\n, $1"),
            (
                "SELECT a FROM t INDEXED BY t_b WHERE b = ?1",
                "SELECT a FROM t WHERE b = $1",
            ),
            (
                "FROM n INDEXED BY n_l CROSS JOIN o\n indexed  by o_h\n ON o.a = n.a",
                "FROM n JOIN o\n ON o.a = n.a",
            ),
            ("SELECT a FROM t INDEXED BY t_b", "SELECT a FROM t "),
            (
                "SELECT across, indexed, cross_join FROM t",
                "SELECT across, indexed, cross_join FROM t",
            ),
            ("SELECT 'ä ?1', ä.x, ?2", "SELECT 'ä ?1', ä.x, $2"),
            ("SELECT a ? b, '", "SELECT a ? b, '"),
        ];
        for (written, read) in cases {
            assert_eq!(translated(written), read, "{written}");
        }
    }

    #[test]
    fn what_ends_a_transaction_is_told_from_what_looks_like_it() {
        let cases = [
            ("BEGIN", Some(Control::Begin)),
            ("begin immediate;", Some(Control::Begin)),
            (
                "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                Some(Control::Begin),
            ),
            ("COMMIT", Some(Control::Commit)),
            ("END TRANSACTION", Some(Control::Commit)),
            ("ROLLBACK", Some(Control::Rollback)),
            ("ROLLBACK TO one", None),
            ("SAVEPOINT one", None),
            ("END $$ LANGUAGE plpgsql", None),
            ("BEGIN NEW.a := 1", None),
            ("", None),
        ];
        for (sql, control) in cases {
            assert_eq!(Control::of(sql), control, "{sql}");
        }
        assert_eq!(
            Control::last_of("BEGIN; CREATE TABLE t (a BIGINT)"),
            Some(Control::Begin)
        );
        assert_eq!(
            Control::last_of("BEGIN; SELECT 1; COMMIT;"),
            Some(Control::Commit)
        );
        assert_eq!(control("BEGIN IMMEDIATE"), "BEGIN");
        assert_eq!(control("COMMIT;"), "SELECT; COMMIT");
        assert_eq!(control("ROLLBACK TO one"), "ROLLBACK TO one");
    }
}
