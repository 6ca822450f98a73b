//! Pools of agents from outside: the life of tasks, its laws, and what is learnt.

mod kit;
mod laws;
mod learning;
mod life;
mod policies;
