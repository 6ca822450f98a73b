//! Nothing but a place for the test `same_bits`: `infra/same_bits.sh` builds it anew for each
//! generation of x86-64, and what the core's own tests need beside it would be built, too.
