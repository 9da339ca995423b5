//! A transcript, read.

/// A step of a transcript, with the number of its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// Go on with this connection; it is opened when it is first met.
    On(String),
    /// Close a connection.
    Close(String),
    /// What the instance asks for from here on: a user name and a password, or nothing.
    Credential(Option<(String, String)>),
    /// One message, and what it is answered.
    Exchange(Exchange),
    /// What has been recorded since the start.
    Events(Vec<Line>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Exchange {
    pub(super) version: (i32, i32),
    pub(super) credential: Option<(String, String)>,
    pub(super) items: Vec<Item>,
    pub(super) answers: Vec<Line>,
}

/// One batch item: `Operation [#id] [arguments]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) operation: Operation,
    pub(super) id: Option<u8>,
    pub(super) arguments: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    DiscoverVersions,
    Query,
    Create,
    Get,
    GetAttributes,
    AddAttribute,
    Activate,
    Revoke,
    Destroy,
}

/// A line that is compared as words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
}

/// Where the indented lines that follow belong.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Nothing,
    Items,
    Answers,
    Events,
}

impl Script {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self { steps: Vec::new() };
        let mut part = Part::Nothing;
        for (index, raw) in text.lines().enumerate() {
            let number = index + 1;
            let line = raw.trim();
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            let wrong = |what: &str| format!("line {number}: {what}: {line}");
            if raw.starts_with(' ') {
                script
                    .indented(
                        part,
                        Line {
                            number,
                            text: line.to_owned(),
                        },
                    )
                    .map_err(wrong)?;
            } else {
                part = script.begin(number, line).map_err(wrong)?;
            }
        }
        let starts = script
            .steps
            .first()
            .is_some_and(|step| matches!(step.what, What::On(_)));
        if starts {
            Ok(script)
        } else {
            Err("it starts with `on CONNECTION`".to_owned())
        }
    }

    /// A line at the margin begins a step, or the answers of one.
    fn begin(&mut self, line: usize, text: &str) -> Result<Part, &'static str> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (what, part) = match word {
            "on" => (What::On(rest.to_owned()), Part::Nothing),
            "close" => (What::Close(rest.to_owned()), Part::Nothing),
            "credential" => (What::Credential(asked(rest)?), Part::Nothing),
            "send" => (What::Exchange(exchange(rest)?), Part::Items),
            "events" => (What::Events(Vec::new()), Part::Events),
            "answer" => return Ok(Part::Answers),
            _ => return Err("not on, close, credential, send, answer or events"),
        };
        self.steps.push(Step { line, what });
        Ok(part)
    }

    fn indented(&mut self, part: Part, line: Line) -> Result<(), &'static str> {
        let last = self.steps.last_mut().map(|step| &mut step.what);
        match (part, last) {
            (Part::Items, Some(What::Exchange(exchange))) => {
                exchange.items.push(item(&line.text)?);
            }
            (Part::Answers, Some(What::Exchange(exchange))) => exchange.answers.push(line),
            (Part::Events, Some(What::Events(events))) => events.push(line),
            _ => return Err("belongs to nothing"),
        }
        Ok(())
    }
}

/// `USERNAME PASSWORD`, or `none`.
fn asked(text: &str) -> Result<Option<(String, String)>, &'static str> {
    if text == "none" {
        return Ok(None);
    }
    let (username, password) = text.split_once(' ').ok_or("no USERNAME PASSWORD")?;
    Ok(Some((username.to_owned(), password.to_owned())))
}

/// `VERSION [as USERNAME PASSWORD]`.
fn exchange(text: &str) -> Result<Exchange, &'static str> {
    let mut words = text.split(' ');
    let version = words.next().and_then(version).ok_or("no version")?;
    let credential = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some("as"), Some(username), Some(password)) => {
            Some((username.to_owned(), password.to_owned()))
        }
        _ => return Err("not `as USERNAME PASSWORD`"),
    };
    Ok(Exchange {
        version,
        credential,
        ..Exchange::default()
    })
}

pub(super) fn version(text: &str) -> Option<(i32, i32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn item(text: &str) -> Result<Item, &'static str> {
    let (operation, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let operation = match operation {
        "DiscoverVersions" => Operation::DiscoverVersions,
        "Query" => Operation::Query,
        "Create" => Operation::Create,
        "Get" => Operation::Get,
        "GetAttributes" => Operation::GetAttributes,
        "AddAttribute" => Operation::AddAttribute,
        "Activate" => Operation::Activate,
        "Revoke" => Operation::Revoke,
        "Destroy" => Operation::Destroy,
        _ => return Err("no operation of transcripts"),
    };
    let mut id = None;
    if let Some(after) = rest.strip_prefix('#') {
        let (number, after) = after.split_once(' ').unwrap_or((after, ""));
        id = Some(number.parse().map_err(|_| "no item id")?);
        rest = after;
    }
    Ok(Item {
        operation,
        id,
        arguments: rest.to_owned(),
    })
}
