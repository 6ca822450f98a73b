//! `zeitgeber profile`: one profile by hand.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use zeitgeber::{cycle::OutcomeDetail, door, ingest::Configure};

use super::{
    Failure, Layers, say, session,
    target::{Place, Target},
};

/// Set a person's profile
///
/// The new profile replaces the one before from here on. What is not given falls back to its
/// default, not to the profile before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber profile ada --zone Europe/Berlin --data-dir data\n  \
    zeitgeber profile bob --offset-min -300 --sleep 00:30-08:00 --quiet 21:00-09:00 --data-dir data")]
pub(super) struct Args {
    /// The person
    user: String,
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, default_value = "default")]
    tenant: String,
    /// IANA time zone, for example `Europe/Berlin`
    #[arg(long, conflicts_with = "offset_min")]
    zone: Option<String>,
    /// Fixed offset of local time, minutes east of UTC
    #[arg(long, allow_negative_numbers = true, value_name = "MIN")]
    offset_min: Option<i32>,
    /// Usual sleep [default: 23:00-07:00]
    #[arg(long, value_name = "HH:MM-HH:MM")]
    sleep: Option<String>,
    /// Hours in which nothing may reach the person
    #[arg(long, value_name = "HH:MM-HH:MM")]
    quiet: Option<String>,
    /// How the device scales counts: `unknown`, `actigraph` or `actiwatch`
    #[arg(long, value_name = "SCALE")]
    device_scale: Option<String>,
    /// The device that counts where two report the same minute
    #[arg(long, value_name = "DEVICE")]
    primary_device: Option<String>,
    /// Where interventions reach the person [default: app]
    #[arg(long)]
    channel: Option<String>,
    /// Print what happened as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let document = document(args)?;
    let profile = door::profile::profile(document.to_string().as_bytes())
        .map_err(|refusal| format!("{} ({})", refusal.detail, refusal.reason))?;
    // None: a bus keeps it, and nobody knows yet.
    let changed = match args.target.place()? {
        Place::Log(dir) => {
            let config = session::config(layers)?;
            let mut writer = session::open(&dir, &config, OutcomeDetail::Counts, Configure::Keep)?;
            writer.take(|intake| intake.take_profile(0, &profile))?;
            writer.settle()?;
            Some(writer.finish()?.counts.others > 0)
        }
        #[cfg(feature = "service")]
        Place::Service(client) => {
            let put = client.put_profile(&args.tenant, &args.user, &document)?;
            (!put.is_queued()).then(|| put.outcome != "duplicate")
        }
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    if args.json {
        say::json(&json!({ "user_id": args.user, "tenant": args.tenant, "changed": changed }))?;
    } else {
        let what = match changed {
            Some(true) => "is in force",
            Some(false) => "was in force already",
            None => "is queued: it is in force once its partition's worker has read it",
        };
        say::text(&format!("the profile of {} {what}\n", args.user))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The profile as a producer would send it, so that there is one reader of profiles.
fn document(args: &Args) -> Result<Value, Failure> {
    let mut document = Map::new();
    document.insert("user_id".into(), args.user.clone().into());
    document.insert("tenant".into(), args.tenant.clone().into());
    let texts = [
        ("zone", &args.zone),
        ("device_scale", &args.device_scale),
        ("primary_device", &args.primary_device),
        ("channel", &args.channel),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            document.insert(key.into(), value.clone().into());
        }
    }
    if args.zone.is_none() {
        document.insert("tz_offset_min".into(), args.offset_min.unwrap_or(0).into());
    }
    for (key, span) in [("sleep", &args.sleep), ("quiet_hours", &args.quiet)] {
        if let Some(span) = span {
            let (start, end) = span
                .split_once('-')
                .ok_or_else(|| format!("`{span}` is not HH:MM-HH:MM, for example 23:00-07:00"))?;
            document.insert(key.into(), json!({ "start": start, "end": end }));
        }
    }
    Ok(Value::Object(document))
}
