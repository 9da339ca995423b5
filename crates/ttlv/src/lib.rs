//! Reader and writer of TTLV.
