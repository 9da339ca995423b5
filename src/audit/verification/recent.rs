//! The last leaves of a trail that is verified as it was delivered: what comes again is known by them, and the tree of a little while ago.

use std::collections::{HashSet, VecDeque};

use crate::audit::tree::{Hash, Tree};

/// How many leaves are held.
pub const KEPT: usize = 1 << 20;
/// Leaves from one tree that is held to the next.
const STEP: u64 = 1 << 10;

/// The last leaves.
pub(super) struct Recent {
    /// How many are held, or some more.
    kept: usize,
    /// Trees before the leaves that are held, each [`STEP`] leaves after the one before.
    trees: VecDeque<Tree>,
    /// The leaves since the first of these trees.
    leaves: VecDeque<Hash>,
    seen: HashSet<Hash>,
}

impl Recent {
    /// Nothing yet; holds the last `kept` leaves.
    pub(super) fn keeping(kept: usize) -> Self {
        Self {
            kept,
            trees: VecDeque::new(),
            leaves: VecDeque::new(),
            seen: HashSet::new(),
        }
    }

    /// Whether this leaf is held.
    pub(super) fn contains(&self, leaf: &Hash) -> bool {
        self.seen.contains(leaf)
    }

    /// Takes the leaf that comes after those of `tree`.
    pub(super) fn push(&mut self, tree: &Tree, leaf: Hash) {
        let begins = self
            .trees
            .back()
            .is_none_or(|last| tree.size() - last.size() >= STEP);
        if begins {
            self.trees.push_back(tree.clone());
            if self.leaves.len() > self.kept {
                self.forget_a_step();
            }
        }
        self.leaves.push_back(leaf);
        self.seen.insert(leaf);
    }

    fn forget_a_step(&mut self) {
        let (Some(oldest), Some(next)) = (self.trees.pop_front(), self.trees.front()) else {
            return;
        };
        for _ in oldest.size()..next.size() {
            if let Some(leaf) = self.leaves.pop_front() {
                self.seen.remove(&leaf);
            }
        }
    }

    /// The tree of the first `size` leaves, if that is not too long ago.
    pub(super) fn tree_at(&self, size: u64) -> Option<Tree> {
        let begins = self.trees.front()?.size();
        let at = self.trees.iter().rposition(|tree| tree.size() <= size)?;
        let mut tree = self.trees.get(at)?.clone();
        let skipped = usize::try_from(tree.size() - begins).ok()?;
        let wanted = usize::try_from(size - tree.size()).ok()?;
        if self.leaves.len() < skipped + wanted {
            return None;
        }
        let leaves = self.leaves.iter().skip(skipped).take(wanted);
        leaves.for_each(|leaf| tree.push(*leaf, &mut Vec::new()));
        Some(tree)
    }

    /// Forgets the leaves from the one of index `size` on.
    pub(super) fn cut(&mut self, size: u64) {
        while self.trees.back().is_some_and(|tree| tree.size() >= size) && self.trees.len() > 1 {
            self.trees.pop_back();
        }
        let Some(begins) = self.trees.front().map(Tree::size) else {
            return;
        };
        let left = usize::try_from(size.saturating_sub(begins)).unwrap_or(usize::MAX);
        while self.leaves.len() > left {
            if let Some(leaf) = self.leaves.pop_back() {
                self.seen.remove(&leaf);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::leaf_hash;

    fn leaf(number: u64) -> Hash {
        leaf_hash(&number.to_be_bytes())
    }

    fn grown(recent: &mut Recent, tree: &mut Tree, numbers: std::ops::Range<u64>) {
        for number in numbers {
            recent.push(tree, leaf(number));
            tree.push(leaf(number), &mut Vec::new());
        }
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::default();
        (0..size).for_each(|number| tree.push(leaf(number), &mut Vec::new()));
        tree
    }

    #[test]
    fn the_trees_of_a_while_ago_are_known_and_those_before_are_not() {
        let kept = 4 * STEP;
        let mut recent = Recent::keeping(usize::try_from(kept).unwrap());
        let mut now = Tree::default();
        let size = kept + 3 * STEP + 7;
        grown(&mut recent, &mut now, 0..size);
        assert!(recent.leaves.len() <= usize::try_from(kept + 2 * STEP).unwrap());
        assert_eq!(recent.seen.len(), recent.leaves.len());
        for known in [size, size - 1, size - STEP, size - kept] {
            assert_eq!(recent.tree_at(known), Some(tree(known)), "{known}");
        }
        assert_eq!(recent.tree_at(0), None);
        assert_eq!(recent.tree_at(size + 1), None);
        assert!(recent.contains(&leaf(size - 1)) && !recent.contains(&leaf(0)));
    }

    #[test]
    fn what_was_cut_is_forgotten_and_grown_anew() {
        for cut in [0, 5, STEP - 1, STEP, STEP + 1, 2 * STEP] {
            let (mut recent, mut now) = (Recent::keeping(KEPT), Tree::default());
            grown(&mut recent, &mut now, 0..2 * STEP + 9);
            let mut now = recent.tree_at(cut).unwrap();
            recent.cut(cut);
            assert!(!recent.contains(&leaf(cut)));
            assert_eq!(recent.tree_at(cut + 1), None);
            grown(&mut recent, &mut now, cut..3 * STEP);
            for size in [0, cut, cut + 1, 3 * STEP] {
                assert_eq!(recent.tree_at(size), Some(tree(size)), "{size} after {cut}");
            }
        }
    }
}
