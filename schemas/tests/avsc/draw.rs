//! Values of every wire type, drawn from a string of random bytes.
//!
//! Drawing from bytes keeps proptest's shrinking (shorter and smaller bytes give simpler values)
//! and needs one line for each record, which the compiler holds to be complete.

use zeitgeber_schemas::{wire::Bytes, *};

/// Random bytes that values are drawn from; zeros once they have run out.
pub(crate) struct Dice<'a>(pub(crate) &'a [u8]);

impl<'a> Dice<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// The next `length` bytes, or what is left.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        head
    }

    fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        let drawn = self.take(8);
        bytes[..drawn.len()].copy_from_slice(drawn);
        u64::from_le_bytes(bytes)
    }

    /// Small, greatest, least and arbitrary integers within bounds.
    fn integer(&mut self, least: i64, greatest: i64) -> i64 {
        let drawn = match self.byte() % 4 {
            0 => i64::from(self.byte()),
            1 => greatest,
            2 => least,
            _ => self.word() as i64,
        };
        if (least..=greatest).contains(&drawn) {
            return drawn;
        }
        let width = i128::from(greatest) - i128::from(least) + 1;
        (i128::from(least) + i128::from(drawn).rem_euclid(width)) as i64
    }

    fn text(&mut self) -> &'static str {
        let texts = ["", "default", "anna", "zoë", "𝄞\0\n\"", "0123456789abcdef0123456789abcdef"];
        texts[usize::from(self.byte()) % texts.len()]
    }

    fn doubles(&mut self) -> Doubles<'a> {
        let items = usize::from(self.byte()) % 5;
        Doubles::from_le_bytes(self.take(8 * items))
    }

    pub(crate) fn envelope(&mut self) -> Envelope<'static> {
        Envelope {
            tenant: self.text(),
            user_id: self.text(),
            id: self.text(),
            ts: i64::drawn(self),
            recv_ts: Option::drawn(self),
        }
    }

    pub(crate) fn reading(&mut self) -> ReadingBody<'a> {
        ReadingBody {
            device_id: self.text(),
            backfill: bool::drawn(self),
            unknown_fields: bool::drawn(self),
            values: match Kind::drawn(self) {
                Kind::Imu => Values::Imu(self.imu()),
                Kind::Hrv => Values::Hrv(self.doubles()),
                Kind::Environment => Values::Environment(Environment {
                    lux: Option::drawn(self),
                    medi_lux: Option::drawn(self),
                    temp_c: Option::drawn(self),
                    noise_db: Option::drawn(self),
                    malformed: FieldSet::drawn(self),
                }),
            },
        }
    }

    fn imu(&mut self) -> Imu<'a> {
        Imu {
            activity_counts: Option::drawn(self),
            enmo_mg: Option::drawn(self),
            steps: Option::drawn(self),
            lying: Option::drawn(self),
            intensity: Option::drawn(self),
            epoch_s: Option::drawn(self),
            fs_hz: Option::drawn(self),
            acc_g: self.doubles(),
            gyro_dps: self.doubles(),
        }
    }
}

/// A value that can be drawn.
pub(crate) trait Drawn {
    fn drawn(dice: &mut Dice<'_>) -> Self;
}

macro_rules! integers {
    ($($int:ty: $least:expr, $greatest:expr;)*) => {$(
        impl Drawn for $int {
            fn drawn(dice: &mut Dice<'_>) -> Self {
                dice.integer($least, $greatest).try_into().unwrap()
            }
        }
    )*};
}

integers! {
    u16: 0, i64::from(u16::MAX);
    u32: 0, i64::from(u32::MAX);
    u64: 0, i64::MAX;
    i32: i64::from(i32::MIN), i64::from(i32::MAX);
    i64: i64::MIN, i64::MAX;
}

impl Drawn for bool {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        dice.byte() % 2 == 1
    }
}

/// Every double but NaN, which equals nothing; `layout` has a test of NaN's bits.
impl Drawn for f64 {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        match dice.byte() % 4 {
            0 => f64::from(dice.byte()),
            1 => -0.0,
            2 => f64::NEG_INFINITY,
            _ => Some(f64::from_bits(dice.word())).filter(|d| !d.is_nan()).unwrap_or(f64::MAX),
        }
    }
}

impl Drawn for String {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        dice.text().to_owned()
    }
}

impl Drawn for Bytes {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        let length = usize::from(dice.byte()) % 80;
        Self(dice.take(length).to_vec())
    }
}

impl<const N: usize> Drawn for [u8; N] {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        std::array::from_fn(|_| dice.byte())
    }
}

impl<T: Drawn> Drawn for Option<T> {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        bool::drawn(dice).then(|| T::drawn(dice))
    }
}

impl<T: Drawn> Drawn for Vec<T> {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        let items = dice.byte() % 4;
        (0..items).map(|_| T::drawn(dice)).collect()
    }
}

impl Drawn for PartitionId {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        Self(u16::drawn(dice))
    }
}

impl Drawn for DecisionId {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        Self(u128::from_be_bytes(Drawn::drawn(dice)))
    }
}

impl Drawn for FieldSet {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        Self(dice.byte())
    }
}

impl Drawn for FlagSet {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        Self(dice.byte())
    }
}

impl Drawn for Response {
    fn drawn(dice: &mut Dice<'_>) -> Self {
        match dice.byte() % 5 {
            0 => Self::Accepted,
            1 => Self::Dismissed,
            2 => Self::Rating(f64::drawn(dice)),
            3 => Self::MeasuredChange(f64::drawn(dice)),
            _ => Self::Reward(f64::drawn(dice)),
        }
    }
}

macro_rules! symbols {
    ($($name:ident)*) => {$(
        impl Drawn for $name {
            fn drawn(dice: &mut Dice<'_>) -> Self {
                Self::ALL[usize::from(dice.byte()) % Self::ALL.len()]
            }
        }
    )*};
}

symbols! {
    AgentCommand AssignmentPolicy ControlScope ControlStep Daypart EnergyState Family FeedbackClaim FeedbackStatus ForgettingKind Health Kind
    MaskReason Missing PartName Priority QueueReason Reason RuleKind Scale SchemaId Setback Signal
    Span Stage Suppression Tier
}

macro_rules! records {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Drawn for $name {
            fn drawn(dice: &mut Dice<'_>) -> Self {
                Self { $($field: Drawn::drawn(dice)),* }
            }
        }
    )*};
}

records! {
    ConfigurationBody { version, policy, limits, feedback, arms, rule, model, rollout }
    PolicyRule { kind, spread, draws, order }
    LearnerModel { forgetting, bucket_h, half_life_h, window_h, two_matrices, warm_start, shared }
    Rollout { stage, percent }
    Policy { alpha, lambda, epsilon, seed }
    Limits { cooldown_min, daily_budget }
    FeedbackPolicy { window_ms, missing }
    Arm { name, message, daypart, from_min, to_min, min_kss, dose_cap, valid_for_min, suspended }
    Eligible { arm, incarnation, mean, width, ucb, propensity }
    Masked { arm, reason }
    DecisionMade { decision_id, at_ms, analysis_end_ms, feature_version, configuration,
        model_version, features, eligible, masked, greedy, chosen, incarnation, propensity, explore,
        seed, stage, stopped }
    ControlBody { step, scope, name }
    ShadowDecided { decision_id, configuration, eligible, masked, stopped, greedy, chosen,
        incarnation, propensity, explore, seed }
    DecisionWithheld { at_ms, analysis_end_ms, configuration, scope }
    InterventionIssued { decision_id, arm, channel, message, at_ms, valid_until_ms }
    InterventionSuppressed { decision_id, arm, reason }
    FeedbackBody { decision_id, response, corrects, simulated, user_id, claim }
    FeedbackRecorded { decision_id, feedback_id, status, arm, incarnation, features, reward,
        replaces, decided_ms, corrects, given_ms, shows }
    FeedbackNoted { decision_id, feedback_id, claim, corrects, given_ms, shows, reward, arm,
        incarnation, features, replaces, stands, decided_ms }
    FeedbackParked { decision_id, feedback_id, until_ms }
    FeedbackOrphaned { decision_id, feedback_id, tenant, user_id, given_ms, detail }
    OutcomeExpired { decision_id, arm, incarnation, features, imputed, decided_ms, unshown }
    Cursor { source, name, line, repeats }
    Repeat { line, reason, user_id, kind }
    ChunkHeader { format, decide_version, partition, number, first_position, events, min_ts,
        max_ts, cursors, previous, codec }
    RawBytes { head, length, hash, rest_hash }
    Recorded { schema, seal, payload }
    Entry { subject, tenant, schema, id, ts, recv_ts, source, line, raw, seal, payload, events }
    OffsetChange { from_ms, offset_min }
    ProfileBody { zone, tzdb, offset_min, offsets, sleep_start_min, sleep_end_min,
        quiet_start_min, quiet_end_min, device_scale, primary_device, channel }
    MinuteRhythm { valid_minutes, n_hours, is, iv, l5, l5_onset_min, m10, m10_onset_min, ra,
        mesor, amplitude, acrophase_rad, peak_h, r2, r2_two, orthophase_h }
    HourlyRhythm { n_hours, is, iv, mesor, amplitude, acrophase_rad }
    HeartSummary { accepted_records, intervals, intervals_300_2000, rmssd_ms, mean_nn_ms }
    LightSummary { n, mean_log10_lux_plus1, minutes_ge_250, day_frac_ge250, evening_frac_le10,
        night_frac_le1 }
    Part { name, weight, value }
    Composite { vitality, confidence, parts, energy, risks }
    RhythmAnalysed { span, window_start_ms, window_end_ms, offset_min, revision, algorithm,
        signal, all_minutes, wear_minutes, nonwear_minutes, hourly, heart, light, coverage,
        recent_activity, recent_light, kss, kss_forecast, composite }
    FeatureValue { name, unit, value, low, high }
    FamilyAnalysed { family, signal, algorithm, version, window_start_ms, window_end_ms, coverage,
        wear, flags, values, carry }
    DayAnalysed { day_start_ms, day_end_ms, offset_min, revision, families }
    ReadingAccepted { dropped_fields, dropped_intervals, flags }
    DeadLettered { reason, detail }
    SubjectOpened { user_id }
    Unreadable { reason, detail, kind, key }
    PoolPolicy { kind, threshold, alpha, lambda, epsilon, features, seed }
    RetryPolicy { max_attempts, backoff_ms, backoff_max_ms, jitter }
    PoolLimits { queue, agents, retained }
    RewardWeights { success, quality, latency, cost }
    PoolBody { version, policy, heartbeat_ttl_ms, escalate_after_ms, timeout_ms, time_to_live_ms,
        retry, limits, reward }
    TickBody { at_ms }
    PersonTickBody { at_ms }
    PoolOpened { pool }
    Resources { cpu_milli, memory_mib, gpu }
    Label { name, value }
    AgentProfile { capabilities, capacity, labels, tier, weight, resources }
    AgentBody { command, profile, load, leases }
    AgentRegistered { agent, replaces }
    AgentSeen { agent, load }
    AgentHealthChanged { agent, from, to }
    Payload { content_type, reference, inline }
    TaskBody { priority, capabilities, features, complexity, deadline_ms, timeout_ms, retry, needs,
        payload }
    TaskCancelBody { why }
    TaskStartBody { agent, lease }
    TaskResultBody { agent, lease, success, error, latency_ms, cost, quality, output }
    TaskQueued { task, reason }
    TaskEscalated { task, priority }
    TaskAssigned { task, agent, lease, attempt, lease_until_ms, policy, propensity, decision_id }
    TaskStarted { task, agent, lease }
    TaskCompleted { task, agent, lease, attempt, latency_ms }
    TaskFailed { task, agent, lease, attempt, reason, retry_at_ms }
    TaskReleased { task, agent, lease, reason }
    TaskCancelled { task, agent, lease }
    TaskExpired { task, agent, lease }
    TaskDeadLettered { task, failures, reason }
}
