//! Drives [`keyledger_fuzz::bodies::read`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| keyledger_fuzz::bodies::read(data));

#[cfg(not(fuzzing))]
fn main() {
    keyledger_fuzz::replay(keyledger_fuzz::bodies::read);
}
