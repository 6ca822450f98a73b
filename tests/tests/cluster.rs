//! Workers that share one log on real Kafka and a real database: the log of one machine, whoever
//! dies, freezes or comes back.

#[path = "cluster/account.rs"]
mod account;
#[path = "kafka/kit.rs"]
#[expect(dead_code, reason = "it is the kit of the bus, too")]
mod bus;
#[path = "cluster/day.rs"]
mod day;
#[path = "cluster/deaths.rs"]
mod deaths;
#[path = "cluster/doors.rs"]
mod doors;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/kit.rs"]
mod kit;
#[path = "cluster/load.rs"]
mod load;
#[path = "cluster/standby.rs"]
mod standby;
#[path = "cluster/stream.rs"]
mod stream;
#[path = "http_streams/kit.rs"]
#[expect(dead_code, reason = "it is the kit of all streams")]
mod streams;
