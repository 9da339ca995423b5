//! `keyledger node`: the nodes that share a database on a server.

pub mod join;
pub mod prepare;
mod prepared;

use clap::Subcommand;

use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::Node;
use crate::admin::{Request, Response};
use crate::config::Layout;

/// What to do with nodes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give another node a number and a name, and write what it needs into a directory that is carried to it
    Prepare(prepare::Args),
    /// Make this directory that of a node that was prepared, and begin its trail
    Join(join::Args),
    /// List the nodes: their numbers, names, when they joined and when they were last alive
    List,
}

/// Carries out a command.
///
/// # Errors
/// A file cannot be read or made, the database cannot be used, or the router refused.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    if let Command::Join(args) = command {
        return join::run(layout, &args, report).await;
    }
    let mut reach = Reach::open(layout).await?;
    let done = match command {
        Command::Prepare(args) => prepare::run(layout, &mut reach, &args, report).await,
        _ => list(&mut reach, report).await,
    };
    reach.close().await;
    done
}

async fn list(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let nodes = match reach.run(Request::NodeList).await? {
        Response::Nodes(nodes) => nodes,
        other => return Err(reach::unexpected(&other)),
    };
    report.list(&nodes, || as_table(&nodes))?;
    Ok(())
}

fn as_table(nodes: &[Node]) -> String {
    if nodes.is_empty() {
        return "the database is a file: this server is its only node".to_owned();
    }
    let heading = ["NUMBER", "NAME", "JOINED", "LAST ALIVE", "RELEASE"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(nodes.iter().map(|node| {
        let or =
            |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        vec![
            node.number.to_string(),
            node.name.clone(),
            or(&node.joined, "not yet"),
            or(&node.seen, "-"),
            or(&node.release, "-"),
        ]
    }));
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_with_what_is_known_of_them() {
        assert!(as_table(&[]).contains("a file"));
        let node = Node {
            number: 2,
            name: "kms2".to_owned(),
            prepared: Some("2026-11-26T00:00:00Z".to_owned()),
            joined: None,
            seen: None,
            release: None,
        };
        let text = as_table(&[node]);
        let row = text.lines().nth(1).unwrap();
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells, ["2", "kms2", "not", "yet", "-", "-"]);
    }
}
