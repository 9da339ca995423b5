//! The rules that a test can check: layers, lengths, comments, documents, and what must not be in the tree.

mod catalogue;
mod documents;
mod layers;
mod sources;
mod tree;
