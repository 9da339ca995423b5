//! The trail itself, through the running server or from the store.

use anyhow::{Context as _, anyhow};

use super::{VerifyArgs, held, said};
use crate::admin::message::{Seal, SealedEvents, SealedFrom};
use crate::admin::{Request, Response};
use crate::audit::proof::{Node, around, consistency};
use crate::audit::tree::Subtree;
use crate::audit::verification::lost;
use crate::audit::{Break, Checkpoint, Verification, Verified};
use crate::cli::reach::{self, Reach};
use crate::cli::report::{Report, remark};
use crate::cli::seal::{self, NO_KEY};
use crate::domain::retention::BLOCK;

/// Events asked for at once.
const PAGE: usize = 500;
const STORED: &str = "the checkpoint of the store";
/// Where those of epochs before come from.
const EARLIER: &str = "the last checkpoint of an earlier epoch";

/// Verifies the trail.
///
/// # Errors
/// A [`Break`]: the trail is not what was sealed. Otherwise it could not be verified.
pub(super) async fn verify(
    reach: &mut Reach,
    args: &VerifyArgs,
    report: &Report,
) -> anyhow::Result<()> {
    let verified = verified(reach, args).await?;
    said::say(&verified, args, report)?;
    if args.checkpoints.is_empty() || args.public_key.is_none() {
        remark(
            "Only checkpoints that were kept elsewhere, with --checkpoint and --public-key, show a trail that was cut or \
             rewritten by somebody who has the keys.",
        );
    }
    Ok(())
}

/// Verifies the trail and gives what was verified.
///
/// # Errors
/// As [`verify`].
pub(super) async fn verified(reach: &mut Reach, args: &VerifyArgs) -> anyhow::Result<Verified> {
    loop {
        let seal = seal::seal(reach, Request::Seal).await?;
        let expected = expected(&seal, args)?;
        let broken = match since(reach, &seal, expected).await {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        // Events may be removed while they are verified: it moves on, and comes to an end.
        let now = seal::seal(reach, Request::Seal).await?;
        if now.first == seal.first {
            return Err(broken);
        }
    }
}

/// Verifies the trail, from the first event there was on, against checkpoints that were read before it.
async fn since(
    reach: &mut Reach,
    seal: &Seal,
    expected: Vec<(String, Checkpoint)>,
) -> anyhow::Result<Verified> {
    let verification = match seal.first {
        0 => Verification::new(expected),
        _ => cut(reach, seal, expected).await?,
    };
    let mut verification = verification.collecting();
    // What comes while it is verified is for the next time.
    let mut end = None;
    loop {
        let request = SealedFrom {
            from: verification.next(),
            limit: PAGE,
        };
        let page = match reach.run(Request::SealedEvents(request)).await? {
            Response::SealedEvents(page) => page,
            other => return Err(reach::unexpected(&other)),
        };
        let end = *end.get_or_insert(page.head);
        take(&mut verification, &page, end)?;
        compare_kept(reach, verification.completed()).await?;
        if verification.next() >= end {
            // Read after the events: an epoch may have begun meanwhile, and none is ever taken off the list.
            let seal = seal::seal(reach, Request::Seal).await?;
            return compared(verification.end()?, &seal);
        }
    }
}

/// Compares the hashes of subtrees, as they follow from the events, with those that the store keeps and signs from.
async fn compare_kept(reach: &mut Reach, subtrees: Vec<Subtree>) -> anyhow::Result<()> {
    if subtrees.is_empty() {
        return Ok(());
    }
    let nodes = subtrees.iter().map(Subtree::node).collect();
    let kept = seal::tree_hashes(reach, nodes).await?;
    let wrong = subtrees.iter().zip(&kept);
    let wrong = wrong.filter(|(subtree, kept)| subtree.hash != **kept);
    let Some((subtree, _)) = wrong.min_by_key(|(subtree, _)| subtree.level) else {
        return Ok(());
    };
    let Node { start, end } = subtree.node();
    let what = format!(
        "the hash that the store keeps of the events from {start} to {} is not theirs: it was altered, or one of them was",
        end - 1
    );
    Err(Break::at(start, what).into())
}

/// The verification of a trail whose first events were removed, by the hashes that are kept of them.
async fn cut(
    reach: &mut Reach,
    seal: &Seal,
    expected: Vec<(String, Checkpoint)>,
) -> anyhow::Result<Verification> {
    let first = seal.first;
    if !first.is_multiple_of(BLOCK) {
        // Whole blocks are removed, and nothing else.
        let missing = first / BLOCK * BLOCK;
        let what = format!("event {missing} is missing");
        return Err(Break::at(missing, what).into());
    }
    let marks: Vec<_> = seal
        .epochs
        .iter()
        .map(|one| (one.epoch, one.first))
        .collect();
    let lost = |(source, one): &(String, Checkpoint)| lost(&marks, source, one);
    if let Some(broken) = expected.iter().find_map(lost) {
        return Err(broken.into());
    }
    let (left, _) = around(&(first..first + 1), first + 1).unwrap_or_default();
    let left = seal::tree_hashes(reach, left).await?;
    let (earlier, later): (Vec<_>, Vec<_>) = expected
        .into_iter()
        .partition(|(_, checkpoint)| checkpoint.size < first);
    let verification = Verification::of_part(first, &left, &marks, later);
    let verification = verification.context("the server's list of epochs cannot be")?;
    let mut verification = verification.as_cut();
    for (source, checkpoint) in earlier {
        let nodes = consistency(checkpoint.size, first).unwrap_or_default();
        let hashes = seal::tree_hashes(reach, nodes).await?;
        verification.earlier(&source, &checkpoint, &hashes)?;
    }
    Ok(verification)
}

/// What was verified, where the list of epochs that goes with sequences is that of the events.
fn compared(verified: Verified, seal: &Seal) -> anyhow::Result<Verified> {
    let listed = seal.epochs.iter().map(|one| (one.epoch, one.first));
    let found = verified.epochs.iter().map(|span| (span.epoch, span.first));
    if found.eq(listed.take(verified.epochs.len())) {
        return Ok(verified);
    }
    let what = "the store lists other epochs than its events begin".to_owned();
    Err(Break {
        sequence: None,
        what,
    }
    .into())
}

/// Verifies the events of a page that lie before `end`.
fn take(verification: &mut Verification, page: &SealedEvents, end: u64) -> anyhow::Result<()> {
    let before_end = page.events.iter().filter(|event| event.sequence < end);
    let first = verification.next();
    for event in before_end {
        let kept = seal::hash(&event.leaf_hash).context("the server gave no hash with an event")?;
        verification.event(event.sequence, event.json.as_bytes(), Some(&kept))?;
    }
    let next = verification.next();
    match &page.unreadable {
        Some(found) if found.sequence == next && next < end => {
            let what = format!("event {next} cannot be read: {}", found.problem);
            Err(Break::at(next, what).into())
        }
        _ if next < end && next == first => {
            Err(Break::at(next, format!("event {next} is missing")).into())
        }
        _ => Ok(()),
    }
}

/// The checkpoints that the trail must agree with, each with where it comes from.
fn expected(seal: &Seal, args: &VerifyArgs) -> anyhow::Result<Vec<(String, Checkpoint)>> {
    let mut notes = Vec::new();
    for path in &args.checkpoints {
        notes.push((path.display().to_string(), held::note(path)?));
    }
    let key = match (held::key(args.public_key.as_deref())?, &seal.public_key) {
        (Some(given), _) => given,
        (None, Some(stored)) => stored.parse()?,
        (None, None) if notes.is_empty() && seal.checkpoint.is_none() => return Ok(Vec::new()),
        (None, None) => return Err(anyhow!("{NO_KEY}, or give --public-key")),
    };
    let open = |(source, note): (String, String)| {
        let opened = held::open(&source, &note, Some(&key))?;
        Ok((source, opened))
    };
    let stored = seal.checkpoint.iter().map(|note| {
        let opened = Checkpoint::open_of_origin(note, &key).map_err(|error| Break {
            sequence: None,
            what: format!("{STORED} proves nothing: {error}"),
        })?;
        Ok((STORED.to_owned(), opened))
    });
    // One that another key signed proves nothing to this one.
    let earlier = seal.earlier.iter();
    let earlier = earlier.filter_map(|note| Checkpoint::open_of_origin(note, &key).ok());
    let earlier = earlier.map(|opened| Ok((EARLIER.to_owned(), opened)));
    earlier
        .chain(stored)
        .chain(notes.into_iter().map(open))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::message::NewEpoch;
    use crate::cli::master::PassphraseArgs;
    use crate::cli::tests::initialised;

    #[tokio::test]
    async fn an_epoch_that_begins_while_the_trail_is_verified_is_no_break() {
        let (_directory, layout, _) = initialised().await;
        let passphrase = PassphraseArgs::default();
        let reach = Reach::open_with_master_key(&layout, &passphrase).await;
        let mut reach = reach.unwrap();
        let before = seal::seal(&mut reach, Request::Checkpoint).await.unwrap();
        let note = before.checkpoint.clone().unwrap();
        let expected = vec![(STORED.to_owned(), Checkpoint::unverified(&note).unwrap())];
        let reason = "because".to_owned();
        let begin = Request::NewEpoch(NewEpoch { reason });
        reach.run(begin).await.unwrap();
        let verified = since(&mut reach, &before, expected).await.unwrap();
        assert_eq!((verified.epochs.len(), verified.agreed), (2, 1));
        reach.close().await;
    }
}
