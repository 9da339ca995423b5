//! What may be quoted of what a program writes to standard error: its last line, without anything that could be key material.

/// The most characters of a line that is quoted.
const QUOTED_CHARACTERS_MAX: usize = 200;
/// A piece of what is known to be secret: so many bytes of it in a row.
const PIECE: usize = 12;
/// A piece of what may be: so many digits of base64, or of hexadecimal with or without marks in between, in a row.
const RUN: usize = 16;

/// The last line of what a program wrote to standard error, to be appended to a reason: cut, and with a mark in the place of whatever has the
/// look of key material. Nothing of it where it holds a piece of one of `secrets`.
pub(super) fn said(errors: &[u8], secrets: &[&[u8]]) -> String {
    let text = String::from_utf8_lossy(errors);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let line = last.unwrap_or_default().trim();
    if line.is_empty() {
        return String::new();
    }
    if secrets.iter().any(|secret| holds_piece(line, secret)) {
        return ": what it said is left out, for it holds key material".to_owned();
    }
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let line = blotted(line, is_digit, is_digit);
    let line = blotted(&line, |c| is_hex(c) || " :,;-x\t".contains(c), is_hex);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = line
        .chars()
        .map(printable)
        .take(QUOTED_CHARACTERS_MAX)
        .collect();
    format!(": {line}")
}

fn holds_piece(line: &str, secret: &[u8]) -> bool {
    let holds = |piece: &[u8]| line.as_bytes().windows(PIECE).any(|part| part == piece);
    secret.windows(PIECE).any(holds)
}

/// The line with a mark for each run of characters that belong together and of which at least [`RUN`] count.
fn blotted(line: &str, belongs: impl Fn(char) -> bool, counts: impl Fn(char) -> bool) -> String {
    let mut blotted = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if run.chars().filter(|c| counts(*c)).count() < RUN {
            blotted.push_str(run);
        } else {
            blotted.push('…');
        }
        let end = after.find(&belongs).unwrap_or(after.len());
        let (between, after) = after.split_at(end);
        blotted.push_str(between);
        rest = after;
    }
    blotted
}

#[cfg(test)]
mod tests {
    use super::said;

    const SECRET: &[u8] = b"c2VjcmV0IGtleSBtYXRlcmlhbA==";

    #[test]
    fn the_last_line_is_quoted_and_cut() {
        assert_eq!(said(b"", &[SECRET]), "");
        assert_eq!(said(b"one\ntwo\n \n", &[SECRET]), ": two");
        assert_eq!(
            said("no key ".repeat(100).as_bytes(), &[]).chars().count(),
            202
        );
        assert_eq!(said(b"a\x1b[31mb", &[SECRET]), ": a [31mb");
        let usual = "curl: (7) Failed to connect to kms.example.com port 443 after 2 ms: refused";
        assert_eq!(said(usual.as_bytes(), &[SECRET]), format!(": {usual}"));
    }

    #[test]
    fn no_piece_of_what_is_secret_is_quoted() {
        let leaked = [b"request was {\"plain\":\"", &SECRET[3..15]].concat();
        let quoted = said(&leaked, &[b"", SECRET]);
        assert!(
            quoted.contains("left out") && !quoted.contains("cmV0"),
            "{quoted}"
        );
    }

    #[test]
    fn what_has_the_look_of_a_key_is_blotted_out() {
        for (key, left) in [
            ("MDEyMzQ1Njc4OWFiY2RlZg==", "…"),
            ("0123456789abcdef", "…"),
            ("01 23 45 67 89 ab cd ef", "…"),
            ("01:23:45:67:89:AB:CD:EF", "…"),
            ("0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef", "…"),
            ("0123456789-_cdefghij", "…"),
            ("0123456789abcde", "0123456789abcde"),
        ] {
            let line = format!("key=({key}) is wrong");
            let quoted = said(line.as_bytes(), &[]);
            assert_eq!(quoted, format!(": key=({left}) is wrong"), "{key}");
        }
        let two = said(
            "(aaaaaaaaaaaaaaaaaaaa)(é)(bbbbbbbbbbbbbbbbbbbb)".as_bytes(),
            &[],
        );
        assert_eq!(two, ": (…)(é)(…)");
    }
}
