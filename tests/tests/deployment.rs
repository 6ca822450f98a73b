//! What starts the service elsewhere (containers, systemd, Grafana's provisioning) names files,
//! flags, ports and paths that exist and agree with one another. Nothing here starts a container.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use zeitgeber_tests::{dashboards::dashboards, repository, run, zeitgeber};

/// Where Grafana finds the dashboards in its container.
const DASHBOARDS_AT: &str = "/var/lib/grafana/dashboards";
/// Where Grafana serves runbooks from: the folder behind its path `/public/runbooks`.
const RUNBOOKS_AT: &str = "/usr/share/grafana/public/runbooks";

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    let parsed = serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&text(path));
    let mut parsed = parsed.unwrap_or_else(|error| panic!("{path}: {error}"));
    parsed.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::to_value(parsed).expect("what is read here fits JSON")
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The address that the service listens on unless told otherwise.
fn default_address() -> String {
    let defaults = text("pipeline/src/config/defaults.toml");
    let listen = defaults.lines().find_map(|line| line.strip_prefix("listen = \""));
    listen.expect("there is service.listen").trim_end_matches('"').to_owned()
}

/// Every flag of a command line stands in the command's help.
fn assert_flags_exist(command: &[&str], words: &[&str]) {
    let help = run(zeitgeber().args(command).arg("--help")).stdout;
    let help = String::from_utf8(help).expect("help is text");
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        let known = help.split([' ', '\n', ',']).any(|word| word == *flag);
        assert!(known, "`zeitgeber {command:?}` has no {flag}");
    }
}

#[test]
fn everything_that_compose_mounts_or_builds_from_exists() {
    let compose = yaml("infra/compose.yaml");
    let services = compose["services"].as_object().expect("compose has services");
    let volumes = compose["volumes"].as_object().expect("compose names its volumes");
    let names: Vec<&String> = services.keys().collect();
    let cluster = ["kafka", "schema", "scylla", "topics", "worker-1", "worker-2"];
    let (of_cluster, alone): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| services[*name].get("profiles").is_some());
    assert_eq!(alone, ["grafana", "prometheus", "zeitgeber"]);
    assert_eq!(of_cluster, cluster);
    let (mut mounts, mut used) = (0, BTreeSet::new());
    for (name, service) in services {
        for volume in strings(&service["volumes"]) {
            let from = volume.split(':').next().expect("a volume has a source");
            if from.starts_with('.') {
                let path = repository("infra").join(from);
                assert!(path.exists(), "{name} mounts {from}, which is not there");
                assert!(volume.ends_with(":ro"), "{name} may write to {from}");
                mounts += 1;
            } else {
                assert!(volumes.contains_key(from), "{name} mounts the unnamed volume {from}");
                used.insert(from.to_owned());
            }
        }
        for port in strings(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to others: {port}");
        }
        let once = ["schema", "topics"].contains(&name.as_str());
        let restart = if once { "on-failure" } else { "unless-stopped" };
        assert_eq!(service["restart"], restart, "{name}");
    }
    assert!(mounts >= 6, "compose mounts files of the repository: {mounts}");
    assert_eq!(used.len(), volumes.len(), "every named volume is used: {used:?}");
    let build = &services["zeitgeber"]["build"];
    let context = repository("infra").join(build["context"].as_str().expect("a context"));
    let dockerfile = context.join(build["dockerfile"].as_str().expect("a Dockerfile"));
    assert!(dockerfile.exists(), "{} is not there", dockerfile.display());
}

#[test]
fn compose_starts_the_service_as_it_can_be_started_and_prometheus_finds_it() {
    let compose = yaml("infra/compose.yaml");
    let service = &compose["services"]["zeitgeber"];
    let command = strings(&service["command"]);
    assert_flags_exist(&command[..1], &command);
    let address = default_address();
    let port = address.rsplit(':').next().expect("an address has a port");
    let listens = format!("0.0.0.0:{port}");
    assert!(command.contains(&listens.as_str()), "{command:?} listens on {listens}");
    let targets = yaml("infra/prometheus/targets.compose.yml");
    assert_eq!(targets[0]["targets"][0], format!("zeitgeber:{port}"));
    let bare = yaml("infra/prometheus/targets.yml");
    assert_eq!(bare[0]["targets"][0], address, "a bare machine scrapes the default address");
    let prometheus = yaml("infra/prometheus/prometheus.yml");
    assert_eq!(prometheus["scrape_configs"][0]["file_sd_configs"][0]["files"][0], "targets.yml");
    assert_eq!(prometheus["rule_files"][0], "rules/*.yml");
    let job = prometheus["scrape_configs"][0]["job_name"].as_str().expect("the job has a name");
    let rules =
        text("infra/prometheus/rules/alerts.yml") + &text("infra/prometheus/rules/records.yml");
    let asked: Vec<&str> = rules.split("job=\"").skip(1).collect();
    let ours = |rest: &&str| rest.starts_with(&format!("{job}\""));
    assert!(!asked.is_empty() && asked.iter().all(ours), "rules ask for the job {job}");
}

#[test]
fn the_workers_of_compose_start_as_they_can_be_started_on_settings_that_can_be_read() {
    let compose = yaml("infra/compose.yaml");
    for name in ["schema", "topics", "worker-1"] {
        let words = strings(&compose["services"][name]["command"]);
        let flags = words.iter().map(|word| word.split('=').next().expect("a word has a begin"));
        let flags: Vec<&str> = flags.collect();
        let commands = flags.iter().take_while(|word| !word.starts_with("--")).count();
        assert_flags_exist(&flags[..commands], &flags[commands..]);
    }
    let workers = ["worker-1", "worker-2"].map(|name| &compose["services"][name]["command"]);
    assert_eq!(workers[0], workers[1], "workers differ in nothing");
    let settings = repository("infra/cluster.toml");
    run(zeitgeber().arg("--config").arg(settings).arg("config"));
}

#[test]
fn the_image_runs_as_nobody_special_and_asks_whether_it_is_ready() {
    let dockerfile = text("infra/Dockerfile");
    let stages = dockerfile.lines().filter(|line| line.starts_with("FROM ")).count();
    assert_eq!(stages, 2, "what builds is not what runs");
    let address = default_address();
    assert!(dockerfile.contains("\nUSER zeitgeber\n"), "it does not run as root");
    assert!(dockerfile.contains(&format!("{address}/readyz")), "its health is /readyz");
    let last = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ["));
    let last = last.expect("it has a command").trim_end_matches(']');
    let words: Vec<&str> = last.split(", ").map(|word| word.trim_matches('"')).collect();
    assert_flags_exist(&words[..1], &words);
    assert!(text("infra/compose.yaml").contains(&format!("data:{}", words[2])), "data are kept");
}

#[test]
fn the_unit_starts_the_service_and_waits_for_its_stop() {
    let unit = text("infra/systemd/zeitgeber.service");
    let setting = |key: &str| {
        let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("the unit has no {key}"))
    };
    let words: Vec<&str> = setting("ExecStart").split(' ').collect();
    assert_flags_exist(&words[1..2], &words[1..]);
    assert!(words.contains(&format!("/var/lib/{}", setting("StateDirectory")).as_str()));
    let defaults = text("pipeline/src/config/defaults.toml");
    let stop_s = defaults.lines().find_map(|line| line.strip_prefix("stop_s = "));
    let stop_s: u64 = stop_s.and_then(|text| text.parse().ok()).expect("service.stop_s");
    let patience = setting("TimeoutStopSec").trim_end_matches('s').parse::<u64>();
    assert!(patience.is_ok_and(|patience| patience > stop_s), "systemd waits longer than stop_s");
    for (key, value) in [("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("UMask", "0077")]
    {
        assert_eq!(setting(key), value, "{key}");
    }
    assert_ne!(setting("User"), "root");
}

#[test]
fn grafana_is_given_the_dashboards_runbooks_and_data_source_that_the_panels_ask_for() {
    let provider = yaml("infra/grafana/provisioning/dashboards/zeitgeber.yml");
    assert_eq!(provider["providers"][0]["options"]["path"], DASHBOARDS_AT);
    let compose = yaml("infra/compose.yaml");
    let grafana = &compose["services"]["grafana"];
    let volumes = strings(&grafana["volumes"]);
    let mounted = |from: &str, to: &str| volumes.contains(&format!("{from}:{to}:ro").as_str());
    assert!(mounted("./grafana/dashboards", DASHBOARDS_AT), "{volumes:?}");
    assert!(mounted("../docs/runbooks", RUNBOOKS_AT), "{volumes:?}");
    assert!(mounted("./grafana/provisioning", "/etc/grafana/provisioning"), "{volumes:?}");
    let home = &grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(*home, format!("{DASHBOARDS_AT}/overview.json"));
    let source = yaml("infra/grafana/provisioning/datasources/prometheus.yml");
    let uid = source["datasources"][0]["uid"].as_str().expect("the data source has a uid");
    for (file, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().expect("it has variables");
        let value = |name: &str| {
            let variable = variables.iter().find(|variable| variable["name"] == name);
            variable.unwrap_or_else(|| panic!("{file}: no {name}"))["current"]["value"].clone()
        };
        assert_eq!(value("datasource"), uid, "{file}");
        assert_eq!(value("runbooks"), "/public/runbooks", "{file}");
    }
}
