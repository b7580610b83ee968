//! Any bytes as the file in which a daemon leaves its IPVS services to the next one: nothing may panic, and what is read is read again
//! from what is written of it.
#![no_main]

use keepalived::role::ledger::file::Left;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(left) = Left::decode(data) {
        let bytes = left.clone().encode().expect("bytes");
        assert_eq!(Left::decode(&bytes), Some(left));
    }
});
