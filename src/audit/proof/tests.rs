use tlog_tiles::HashReader;

use super::*;
use crate::audit::Tree;
use crate::crypto::digest::leaf_hash;

const SIZE_MAX: u64 = 35;

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

/// The hash of a node as RFC 6962 §2.1 defines it.
fn hash(node: &Node) -> Hash {
    match node.end - node.start {
        1 => leaf(node.start),
        leaves => {
            let middle = node.start + leaves.next_power_of_two() / 2;
            node_hash(&hash(&(node.start..middle)), &hash(&(middle..node.end)))
        }
    }
}

fn hashes(nodes: &[Node]) -> Vec<Hash> {
    nodes.iter().map(hash).collect()
}

fn root(size: u64) -> Hash {
    let whole = 0..size;
    if whole.is_empty() {
        sha256(&[])
    } else {
        hash(&whole)
    }
}

/// The hashes of a tree as `tlog_tiles` stores them.
struct Theirs(Vec<tlog_tiles::Hash>);

impl Theirs {
    fn new() -> Self {
        let mut all = Self(Vec::new());
        for number in 0..SIZE_MAX {
            let more = tlog_tiles::stored_hashes(number, &number.to_be_bytes(), &all);
            all.0.extend(more.unwrap());
        }
        all
    }
}

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let at = |index: &u64| self.0[usize::try_from(*index).unwrap()];
        Ok(indexes.iter().map(at).collect())
    }
}

#[test]
fn inclusion_is_proved_as_by_others_and_by_nothing_else() {
    let theirs = Theirs::new();
    for size in 1..=SIZE_MAX {
        for index in 0..size {
            let proof = hashes(&inclusion(index, size).unwrap());
            let expected = tlog_tiles::prove_record(size, index, &theirs).unwrap();
            assert!(proof.iter().eq(expected.iter().map(|hash| &hash.0)));
            let by = |leaf, hashes: &[Hash]| root_by_inclusion(leaf, index, size, hashes);
            assert_eq!(by(leaf(index), &proof), Some(root(size)));
            assert_ne!(by(leaf(index + 1), &proof), Some(root(size)));
            let longer = [proof.clone(), vec![leaf(0)]].concat();
            assert_eq!(by(leaf(index), &longer), None);
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][0] ^= 1;
                assert_ne!(by(leaf(index), &altered), Some(root(size)));
                assert_eq!(by(leaf(index), &proof[..at]), None);
            }
        }
        assert_eq!(inclusion(size, size), None);
    }
}

#[test]
fn consistency_is_proved_as_by_others_and_by_nothing_else() {
    let theirs = Theirs::new();
    for size in 1..=SIZE_MAX {
        for old in 1..=size {
            let proof = hashes(&consistency(old, size).unwrap());
            let expected = tlog_tiles::prove_tree(size, old, &theirs).unwrap();
            assert!(
                proof.iter().eq(expected.iter().map(|hash| &hash.0)),
                "{old} of {size}"
            );
            let (before, after) = ((old, root(old)), (size, root(size)));
            assert!(is_consistent(before, after, &proof), "{old} of {size}");
            let other = root(size + 1);
            assert!(!is_consistent((old, other), after, &proof));
            assert!(!is_consistent(before, (size, other), &proof));
            let longer = [proof.clone(), vec![leaf(0)]].concat();
            assert!(!is_consistent(before, after, &longer));
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][0] ^= 1;
                assert!(!is_consistent(before, after, &altered));
                assert!(!is_consistent(before, after, &proof[..at]));
            }
        }
        assert_eq!(consistency(size + 1, size), None);
        assert!(is_consistent((0, root(0)), (size, root(size)), &[]));
        assert!(!is_consistent((0, root(1)), (size, root(size)), &[]));
    }
}

#[test]
fn a_range_and_what_is_around_it_give_the_root_and_nothing_else_does() {
    for size in 1..=SIZE_MAX {
        for first in 0..size {
            for end in [first + 1, first + 2, (first + size).div_ceil(2), size] {
                let range = first..end.clamp(first + 1, size);
                let (left, right) = around(&range, size).unwrap();
                let whole = left
                    .iter()
                    .cloned()
                    .chain([range.clone()])
                    .chain(right.iter().cloned());
                let ends: Vec<_> = whole.map(|node| (node.start, node.end)).collect();
                assert!(
                    ends.windows(2).all(|two| two[0].1 == two[1].0),
                    "{range:?} of {size}"
                );
                assert!(left.len() + right.len() <= NODES_MAX);
                let rebuilt = |range: &Range<u64>, left: &[Hash], right: &[Hash]| {
                    let mut tree = Tree::of_subtrees(first, left)?;
                    range
                        .clone()
                        .for_each(|number| tree.push(leaf(number), &mut Vec::new()));
                    tree.root_with(size, right)
                };
                let (left, right) = (hashes(&left), hashes(&right));
                assert_eq!(
                    rebuilt(&range, &left, &right),
                    Some(root(size)),
                    "{range:?} of {size}"
                );
                assert_ne!(
                    rebuilt(&(first..range.end - 1), &left, &right),
                    Some(root(size))
                );
                for at in 0..right.len() {
                    assert_eq!(rebuilt(&range, &left, &right[..at]), None);
                    let mut altered = right.clone();
                    altered[at][0] ^= 1;
                    assert_ne!(rebuilt(&range, &left, &altered), Some(root(size)));
                }
                for at in 0..left.len() {
                    assert_eq!(rebuilt(&range, &left[..at], &right), None);
                    let mut altered = left.clone();
                    altered[at][0] ^= 1;
                    assert_ne!(rebuilt(&range, &altered, &right), Some(root(size)));
                }
            }
        }
        assert_eq!(around(&(0..size + 1), size), None);
        assert_eq!(around(&(size..size), size), None);
    }
}

#[test]
fn one_event_needs_no_more_than_its_inclusion() {
    for index in 0..SIZE_MAX {
        let (left, right) = around(&(index..index + 1), SIZE_MAX).unwrap();
        let mut all = [left, right].concat();
        let mut path = inclusion(index, SIZE_MAX).unwrap();
        all.sort_by_key(|node| node.start);
        path.sort_by_key(|node| node.start);
        assert_eq!(all, path);
    }
}

#[test]
fn the_largest_trees_have_proofs_of_bounded_length() {
    let whole = u64::MAX;
    assert_eq!(inclusion(0, whole).unwrap().len(), 64);
    assert!(consistency(whole / 3, whole).unwrap().len() <= NODES_MAX);
    let (left, right) = around(&(whole / 3..whole / 2), whole).unwrap();
    assert!(left.len() + right.len() <= NODES_MAX);
}
