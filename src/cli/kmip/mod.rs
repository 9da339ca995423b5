//! `keyledger kmip`: a small KMIP client, for this directory's server or any other.
//!
//! An administrator's act through it is authenticated and recorded like anyone's. Key bytes are shown or written only when asked for by
//! name ([`Command::Get`]), and a file with them is its owner's alone.

pub mod access;
pub mod value;

use std::path::PathBuf;

use clap::Subcommand;
use zeroize::Zeroizing;

use super::WrongUse;
use super::report::{Report, fields, line, table};
use crate::client::Client;
use crate::config::Layout;
use crate::config::layout::write_private;
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, StandardAttribute};
use crate::kmip::enums::{CryptographicAlgorithm, QueryFunction, RevocationReasonCode};
use crate::kmip::payload::revoke::RevocationReason;
use access::Access;

/// The client's access and what it does.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    command: Command,
}

/// One KMIP operation.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a symmetric key and print its Unique Identifier
    Create {
        /// The algorithm: AES, 3DES
        #[arg(long, default_value = "AES")]
        algorithm: String,
        /// The length in bits: 128, 192 or 256 for AES (256 if none is given), 168 for 3DES
        #[arg(long, value_name = "BITS")]
        length: Option<i32>,
        /// What it may be used for
        #[arg(long, default_value = "Encrypt,Decrypt", value_name = "MASK")]
        usage: String,
        /// A Name, unique among the keys of the instance
        #[arg(long)]
        name: Option<String>,
        /// Another attribute; may be repeated
        #[arg(long = "attribute", value_name = "NAME=VALUE")]
        attributes: Vec<String>,
    },
    /// Get a key; its bytes are shown or written only when asked for
    Get {
        /// Its Unique Identifier
        id: String,
        /// Show the key's bytes in hexadecimal
        #[arg(long)]
        show_key: bool,
        /// Write the key's bytes into a new file that only its owner may read
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show attributes: those named, or all
    Attributes {
        /// The key's Unique Identifier
        id: String,
        /// Names as in the standard, such as State
        names: Vec<String>,
    },
    /// Add an attribute to a key, one more instance where it has several
    AddAttribute {
        /// The key's Unique Identifier
        id: String,
        /// The attribute, like x-Owner=ops or Name=vm-17
        #[arg(value_name = "NAME=VALUE")]
        attribute: String,
    },
    /// Give an attribute of a key a new value
    ModifyAttribute {
        /// The key's Unique Identifier
        id: String,
        /// The attribute with its new value
        #[arg(value_name = "NAME=VALUE")]
        attribute: String,
        /// Which instance of it, where there are several
        #[arg(long, value_name = "N")]
        index: Option<u32>,
    },
    /// Delete an attribute of a key
    DeleteAttribute {
        /// The key's Unique Identifier
        id: String,
        /// Its name as in the standard, or x-...
        name: String,
        /// Which instance of it, where there are several
        #[arg(long, value_name = "N")]
        index: Option<u32>,
    },
    /// Activate a key
    Activate {
        /// Its Unique Identifier
        id: String,
    },
    /// Revoke a key: no new use; with a compromise, no use at all
    Revoke {
        /// Its Unique Identifier
        id: String,
        /// Why: Unspecified, Key Compromise, Superseded, Cessation of Operation...
        #[arg(long, default_value = "Unspecified")]
        reason: String,
        /// Why, in words
        #[arg(long)]
        message: Option<String>,
        /// When a compromise happened: 2026-11-23T12:00:00Z, 2026-11-23, or 2h, 7d ago
        #[arg(long, value_name = "TIME")]
        compromised: Option<String>,
    },
    /// Destroy a key: its bytes are gone for ever
    Destroy {
        /// Its Unique Identifier
        id: String,
    },
    /// Find keys and print their Unique Identifiers
    Locate {
        /// Keys with this Name
        #[arg(long)]
        name: Option<String>,
        /// Keys with this attribute; may be repeated
        #[arg(long = "attribute", value_name = "NAME=VALUE")]
        attributes: Vec<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        max: Option<u32>,
    },
    /// Ask the server what it is and can do
    Query,
}

/// Carries out one operation.
///
/// # Errors
/// An argument is wrong, the server cannot be reached or trusted, or it refused.
pub async fn run(layout: &Layout, args: Args, report: &Report) -> anyhow::Result<()> {
    let Args {
        mut access,
        command,
    } = args;
    // Built before connecting: a slip of the finger makes no connection.
    let call = Call::parse(command)?;
    let credential = access.credential()?;
    let options = access.options(layout).await?;
    let mut client = Client::connect(&options).await?;
    if let Some(credential) = credential {
        client = client.with_credential(credential);
    }
    call.run(&mut client, report).await
}

/// A command whose arguments were understood.
enum Call {
    Create(Vec<Attribute>),
    Get {
        id: String,
        show_key: bool,
        output: Option<PathBuf>,
    },
    Attributes {
        id: String,
        names: Vec<AttributeName>,
    },
    AddAttribute(String, Attribute),
    ModifyAttribute(String, Attribute),
    DeleteAttribute {
        id: String,
        name: AttributeName,
        index: Option<u32>,
    },
    Activate(String),
    Revoke {
        id: String,
        reason: RevocationReason,
        compromised: Option<i64>,
    },
    Destroy(String),
    Locate {
        criteria: Vec<Attribute>,
        max: Option<u32>,
    },
    Query,
}

impl Call {
    fn parse(command: Command) -> Result<Self, WrongUse> {
        Ok(match command {
            Command::Create {
                algorithm,
                length,
                usage,
                name,
                attributes,
            } => {
                let mut all = key_attributes(&algorithm, length, &usage)?;
                all.extend(criteria(name, &attributes)?);
                Self::Create(all)
            }
            Command::Get {
                id,
                show_key,
                output,
            } => Self::Get {
                id,
                show_key,
                output,
            },
            Command::Attributes { id, names } => {
                let names = names
                    .iter()
                    .map(|name| AttributeName::from_text(name))
                    .collect();
                Self::Attributes { id, names }
            }
            Command::AddAttribute { id, attribute } => {
                Self::AddAttribute(id, value::attribute(&attribute)?)
            }
            Command::ModifyAttribute {
                id,
                attribute,
                index,
            } => {
                let attribute = value::attribute(&attribute)?;
                Self::ModifyAttribute(id, Attribute { index, ..attribute })
            }
            Command::DeleteAttribute { id, name, index } => {
                let name = AttributeName::from_text(&name);
                Self::DeleteAttribute { id, name, index }
            }
            Command::Activate { id } => Self::Activate(id),
            Command::Revoke {
                id,
                reason,
                message,
                compromised,
            } => Self::revocation(id, &reason, message, compromised.as_deref())?,
            Command::Destroy { id } => Self::Destroy(id),
            Command::Locate {
                name,
                attributes,
                max,
            } => Self::Locate {
                criteria: criteria(name, &attributes)?,
                max,
            },
            Command::Query => Self::Query,
        })
    }

    fn revocation(
        id: String,
        reason: &str,
        message: Option<String>,
        compromised: Option<&str>,
    ) -> Result<Self, WrongUse> {
        let code = value::named(RevocationReasonCode::ALL, reason, |code| code.name())?;
        let compromised = compromised.map(value::seconds).transpose()?;
        Ok(Self::Revoke {
            id,
            reason: RevocationReason { code, message },
            compromised,
        })
    }

    async fn run(self, client: &mut Client, report: &Report) -> anyhow::Result<()> {
        match self {
            Self::Create(attributes) => {
                let id = client.create(attributes).await?;
                done(report, &id, || id.clone())?;
            }
            Self::Get {
                id,
                show_key,
                output,
            } => get(client, &id, show_key, output, report).await?,
            Self::Attributes { id, names } => {
                let attributes = client.attributes(&id, names).await?;
                show_attributes(&attributes, report)?;
            }
            Self::AddAttribute(id, attribute) => {
                let kept = client.add_attribute(&id, attribute).await?;
                show_attributes(&[kept], report)?;
            }
            Self::ModifyAttribute(id, attribute) => {
                let kept = client.modify_attribute(&id, attribute).await?;
                show_attributes(&[kept], report)?;
            }
            Self::DeleteAttribute { id, name, index } => {
                let deleted = client.delete_attribute(&id, name, index).await?;
                show_attributes(&[deleted], report)?;
            }
            Self::Activate(id) => {
                client.activate(&id).await?;
                done(report, &id, || format!("activated {id}"))?;
            }
            Self::Revoke {
                id,
                reason,
                compromised,
            } => {
                client.revoke(&id, reason, compromised).await?;
                done(report, &id, || format!("revoked {id}"))?;
            }
            Self::Destroy(id) => {
                client.destroy(&id).await?;
                done(report, &id, || format!("destroyed {id}"))?;
            }
            Self::Locate { criteria, max } => {
                let found = client.locate(criteria, max).await?;
                let none = || "no key matches".to_owned();
                report.list(&found, || {
                    if found.is_empty() {
                        none()
                    } else {
                        found.join("\n")
                    }
                })?;
            }
            Self::Query => query(client, report).await?,
        }
        Ok(())
    }
}

fn done(report: &Report, id: &str, text: impl FnOnce() -> String) -> std::io::Result<()> {
    report.record(&serde_json::json!({ "uniqueIdentifier": id }), text)
}

fn key_attributes(
    algorithm: &str,
    length: Option<i32>,
    usage: &str,
) -> Result<Vec<Attribute>, WrongUse> {
    let named = value::named(CryptographicAlgorithm::ALL, algorithm, |held| held.name())?;
    // Not every server has a length of its own for either.
    let usual = match named {
        CryptographicAlgorithm::Aes => Some(256),
        CryptographicAlgorithm::Des3 => Some(168),
        _ => None,
    };
    let length = length.or(usual).map(|bits| {
        Attribute::standard(
            StandardAttribute::CryptographicLength,
            AttributeValue::Integer(bits),
        )
    });
    let algorithm = Attribute::standard(
        StandardAttribute::CryptographicAlgorithm,
        AttributeValue::Enumeration(named.code()),
    );
    let usage = Attribute::standard(
        StandardAttribute::CryptographicUsageMask,
        AttributeValue::Integer(value::usage_mask(usage)?),
    );
    Ok([Some(algorithm), length, Some(usage)]
        .into_iter()
        .flatten()
        .collect())
}

fn criteria(name: Option<String>, attributes: &[String]) -> Result<Vec<Attribute>, WrongUse> {
    let name = name.map(value::name);
    let others = attributes.iter().map(|text| value::attribute(text));
    name.into_iter().map(Ok).chain(others).collect()
}

async fn get(
    client: &mut Client,
    id: &str,
    show_key: bool,
    output: Option<PathBuf>,
    report: &Report,
) -> anyhow::Result<()> {
    let answer = client.get(id).await?;
    let key = &answer.key;
    let bytes = key.material.expose();
    if let Some(path) = &output {
        write_private(path, bytes)?;
    }
    let shown = show_key.then(|| Zeroizing::new(hex::encode(bytes)));
    let shown = shown.as_ref().map(|text| text.as_str().to_owned());
    let algorithm = key.algorithm.map(|held| held.name().to_owned());
    let record = serde_json::json!({
        "uniqueIdentifier": answer.unique_identifier,
        "format": key.format.name(),
        "algorithm": algorithm,
        "length": key.length,
        "bytes": bytes.len(),
        "key": shown,
    });
    report.record(&record, || {
        let hint = "not shown; give --show-key or --output FILE".to_owned();
        let written = output.as_ref().map(|path| format!("in {}", path.display()));
        fields(&[
            ("id", Some(answer.unique_identifier.to_string())),
            ("format", Some(key.format.name().to_owned())),
            ("algorithm", algorithm.clone()),
            ("length", key.length.map(|bits| bits.to_string())),
            ("key", Some(shown.clone().or(written).unwrap_or(hint))),
        ])
    })?;
    Ok(())
}

fn show_attributes(attributes: &[Attribute], report: &Report) -> std::io::Result<()> {
    let shown = attributes
        .iter()
        .map(|held| (held.name.text(), value::text(held)));
    let shown: Vec<(&str, String)> = shown.collect();
    let records = attributes.iter().zip(&shown).map(|(held, (name, value))| {
        serde_json::json!({ "name": name, "index": held.index.unwrap_or(0), "value": value })
    });
    report.list(&records.collect::<Vec<_>>(), || {
        let rows = shown
            .iter()
            .map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            "no such attribute is set".to_owned()
        } else {
            table(&rows)
        }
    })
}

async fn query(client: &mut Client, report: &Report) -> anyhow::Result<()> {
    let functions = vec![
        QueryFunction::QueryOperations,
        QueryFunction::QueryObjects,
        QueryFunction::QueryServerInformation,
    ];
    let answer = client.query(functions).await?;
    let versions = client.discover_versions().await.unwrap_or_default();
    let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
    let operations: Vec<_> = answer.operations.iter().map(|held| held.name()).collect();
    let types: Vec<_> = answer.object_types.iter().map(|held| held.name()).collect();
    let record = serde_json::json!({
        "vendor": answer.vendor_identification,
        "versions": versions,
        "operations": operations,
        "objectTypes": types,
    });
    if report.format() == super::report::Format::Text {
        line(&fields(&[
            ("vendor", answer.vendor_identification.clone()),
            ("versions", Some(versions.join(", "))),
            ("operations", Some(operations.join(", "))),
            ("object types", Some(types.join(", "))),
        ]))?;
        return Ok(());
    }
    report.record(&record, String::new)?;
    Ok(())
}

#[cfg(test)]
mod tests;
