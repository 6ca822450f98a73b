//! The learners' laws: whatever the order, the batches, the partitions and the way through the
//! network, the same outcomes give the same bits; and each model is what its paper says.

mod kit;
mod merging;
mod models;
mod peers;
mod policies;
mod remodelling;
