//! One file for each type of target.
