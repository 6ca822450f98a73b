//! Configuration: layers, errors that name what is wrong, and documents that keep up.

use std::{fs, path::Path};

use tempfile::TempDir;
use zeitgeber::config::{Config, DEFAULTS, Origin};
use zeitgeber_processors::tasks::default_configuration;
use zeitgeber_schemas::{Arm, AssignmentPolicy, Daypart, Missing};

fn file(text: &str) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("my.toml");
    fs::write(&path, text).expect("the file is written");
    (dir, path)
}

fn with_file(text: &str) -> Result<Config, String> {
    let (dir, path) = file(text);
    Config::layered(Some(&path), [], &[])
        .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
}

fn variable(name: &str, value: &str) -> Result<Config, String> {
    Config::layered(None, [(name.into(), value.into())], &[]).map_err(|error| error.to_string())
}

fn flag(text: &str) -> Result<Config, String> {
    Config::layered(None, [], &[text.into()]).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_what_the_design_says() {
    let config = Config::layered(None, [], &[]).expect("the defaults hold");
    assert_eq!(config.log.partitions, 16);
    assert_eq!(config.line_bytes_max(), zeitgeber::door::lines::LINE_BYTES_MAX);
    let body = config.configuration();
    assert_eq!((body.policy.alpha, body.policy.lambda, body.policy.epsilon), (0.5, 1.0, 0.1));
    assert_eq!((body.limits.cooldown_min, body.limits.daily_budget), (90, 4));
    assert_eq!(body.feedback.window_ms, 24 * 3_600_000);
    assert_eq!(body.feedback.missing, Missing::Drop);
    let names: Vec<_> = body.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "no_intervention",
            "bright_light",
            "wind_down",
            "movement_break",
            "nap",
            "breathing",
            "caffeine_cutoff"
        ]
    );
    let nap = &body.arms[4];
    assert_eq!((nap.daypart, nap.from_min, nap.to_min), (Daypart::AfterWake, 300, 540));
    assert_eq!(nap.min_kss, Some(6.0));
    assert!(config.effective().iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn each_layer_lies_over_the_one_before_and_leaves_its_origin() {
    let (_dir, path) = file("[decisions.policy]\nalpha = 1\nlambda = 2\n\n[log]\npartitions = 8\n");
    let environment = [
        ("ZEITGEBER_DECISIONS_POLICY_LAMBDA", "3"),
        ("ZEITGEBER_LOG_PARTITIONS", "4"),
        ("ZEITGEBER_CONFIG", "somewhere"),
        ("PATH", "/bin"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let set = ["log.partitions = 2".to_owned(), "decisions.version=two".to_owned()];
    let config = Config::layered(Some(&path), environment, &set).expect("the layers hold");
    assert_eq!(config.log.partitions, 2);
    assert_eq!((config.decisions.policy.alpha, config.decisions.policy.lambda), (1.0, 3.0));
    assert_eq!(config.decisions.version, "two");
    let origin = |key: &str| {
        let setting = config.effective().iter().find(|setting| setting.key == key);
        setting.map(|setting| setting.origin.to_string()).unwrap_or_default()
    };
    assert_eq!(origin("log.partitions"), "--set");
    assert_eq!(origin("decisions.policy.lambda"), "ZEITGEBER_DECISIONS_POLICY_LAMBDA");
    assert_eq!(origin("decisions.policy.alpha"), format!("{}:2", path.display()));
    assert_eq!(origin("decisions.policy.seed"), "default");
}

#[test]
fn an_unknown_key_names_the_key_the_file_the_line_and_the_nearest_key() {
    assert_eq!(
        with_file("[decisions.policy]\nepsilom = 0.1\n").expect_err("a typo"),
        "unknown key `decisions.policy.epsilom` in my.toml:2; the nearest key is \
         `decisions.policy.epsilon`"
    );
    assert_eq!(
        with_file("# a section\n[decision.policy]\nseed = 2\n").expect_err("a typo"),
        "unknown key `decision.policy.seed` in my.toml:3; the nearest key is \
         `decisions.policy.seed`"
    );
    assert_eq!(with_file("xyz = 1\n").expect_err("no key"), "unknown key `xyz` in my.toml:1");
    assert_eq!(
        flag("log.partition=4").expect_err("a typo"),
        "unknown key `log.partition` in --set; the nearest key is `log.partitions`"
    );
    assert_eq!(
        variable("ZEITGEBER_LOG_PARTITION", "4").expect_err("a typo"),
        "unknown key `ZEITGEBER_LOG_PARTITION` in ZEITGEBER_LOG_PARTITION; the nearest key is \
         `ZEITGEBER_LOG_PARTITIONS`"
    );
    variable("ZEITGEBER_LGO_PARTITIONS", "4").expect_err("a slip in the section");
    variable("ZEITGEBER_SOMETHING_ELSE", "4").expect("not ours to judge");
}

#[test]
fn a_wrong_value_names_the_key_the_place_and_what_it_must_be() {
    let error = |text: &str| with_file(text).expect_err("a wrong value");
    assert_eq!(
        error("[log]\npartitions = 0\n"),
        "`log.partitions` in my.toml:2 must be an integer from 1 to 1024, was 0"
    );
    assert_eq!(
        error("[log]\npartitions = \"16\"\n"),
        "`log.partitions` in my.toml:2 must be an integer from 1 to 1024, was \"16\""
    );
    assert_eq!(
        error("[decisions.policy]\nepsilon = nan\n"),
        "`decisions.policy.epsilon` in my.toml:2 must be a number from 0 to 1, was nan"
    );
    assert_eq!(
        error("[decisions.feedback]\nmissing = \"ignore\"\n"),
        "`decisions.feedback.missing` in my.toml:2 must be \"drop\" or \"impute_zero\", was \
         \"ignore\""
    );
    assert_eq!(
        flag("decisions.limits.daily_budget=many").expect_err("a text"),
        "`decisions.limits.daily_budget` in --set must be an integer from 0 to 100, was \"many\""
    );
    assert!(error("[log\npartitions = 1\n").starts_with("my.toml:1 is not TOML: "));
    assert!(flag("log.partitions").expect_err("no =").contains("--set key=value"));
    let missing = Config::layered(Some(Path::new("/no/such.toml")), [], &[]);
    assert!(missing.expect_err("no file").to_string().contains("/no/such.toml"));
}

#[test]
fn arms_are_replaced_as_a_whole_and_checked_one_by_one() {
    let none = "[[decisions.arms]]\nname = \"no_intervention\"\nmessage = \"-\"\n";
    let config = with_file(none).expect("one arm");
    assert_eq!(config.decisions.arms.len(), 1);
    assert_eq!(config.decisions.arms[0].to_min, 1_440);
    let second = |text: &str| with_file(&format!("{none}[[decisions.arms]]\n{text}"));
    let error = |text: &str| second(text).expect_err("a faulty arm");
    assert_eq!(
        error("name = \"walk\"\nmesage = \"Walk.\"\nmessage = \"Walk.\"\n"),
        "unknown key `decisions.arms[1].mesage` in my.toml:1; the nearest key is \
         `decisions.arms[1].message`"
    );
    assert!(error("name = \"walk\"\n").contains("`decisions.arms[1].message`"));
    assert!(error("name = \"Walk!\"\nmessage = \"-\"\n").contains("lower-case"));
    assert!(error("name = \"no_intervention\"\nmessage = \"-\"\n").contains("stands twice"));
    let window = "name = \"walk\"\nmessage = \"-\"\nfrom_min = 60\nto_min = 60\n";
    assert!(error(window).contains("`decisions.arms[1].to_min`"));
    let alone = "[[decisions.arms]]\nname = \"walk\"\nmessage = \"-\"\n";
    assert!(with_file(alone).expect_err("none").contains("without `no_intervention`"));
    let inline = "decisions.arms=[{name = \"no_intervention\", message = \"-\"}]";
    assert_eq!(flag(inline).expect("an inline list").decisions.arms.len(), 1);
}

#[test]
fn pools_are_completed_by_what_holds_without_them_and_checked_one_by_one() {
    let config = with_file("[[pools]]\nname = \"ocr\"\npolicy = \"linucb\"\n").expect("a pool");
    let (pool, usual) = (&config.pools[0], default_configuration());
    assert_eq!((pool.tenant.as_str(), pool.name.as_str()), ("default", "ocr"));
    assert_eq!(pool.body.policy.kind, AssignmentPolicy::Linucb);
    assert_eq!((&pool.body.retry, &pool.body.limits), (&usual.retry, &usual.limits));
    let error = |text: &str| {
        with_file(&format!("[[pools]]\nname = \"a\"\n[[pools]]\n{text}")).expect_err("faulty")
    };
    assert_eq!(
        error("name = \"b\"\npolicy.alhpa = 1.0\n"),
        "unknown key `pools[1].policy.alhpa` in my.toml:1; the nearest key is \
         `pools[1].policy.alpha`"
    );
    assert!(error("name = \"b\"\npolicy = \"fastest\"\n").contains("`pools[1].policy.kind`"));
    assert!(error("version = \"1\"\n").contains("`pools[1].name`"));
    assert!(error("name = \"a\"\n").contains("no other pool"));
    assert!(error("name = \"b\"\ntenant = \"x/y\"\n").contains("without `/`"));
    assert!(error("name = \"b\"\nlimits.queue = 0\n").contains("an integer from 1 to 1000000"));
}

#[test]
fn every_key_has_a_comment_and_stands_in_the_manual() {
    let manual =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"))
            .expect("the manual is there");
    let config = Config::layered(None, [], &[]).expect("the defaults hold");
    for setting in config.effective() {
        assert!(manual.contains(&format!("`{}`", setting.key)), "{} is not in it", setting.key);
        let name = setting.key.rsplit('.').next().unwrap_or_default();
        let lines: Vec<_> = DEFAULTS.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let documented = i > 0 && lines[i - 1].starts_with('#');
            assert!(!line.starts_with(&format!("{name} =")) || documented, "{name} has none");
        }
    }
    for name in Arm::FIELDS {
        assert!(manual.contains(&format!("`{name}`")), "{name} is not in the manual");
        assert!(DEFAULTS.contains(&format!("#   {name} ")), "{name} has no comment");
    }
}

#[test]
fn rule_and_model_of_the_decisions_are_taken_and_must_fit_together() {
    let set = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Config::layered(None, [], &texts)
    };
    let usual = set(&[]).expect("it is sound").configuration();
    assert_eq!(usual.rule, zeitgeber_schemas::PolicyRule::linucb());
    assert_eq!(usual.model, zeitgeber_schemas::LearnerModel::plain());
    let body =
        set(&["decisions.rule.kind=fixed", "decisions.rule.order=[\"nap\"]"]).expect("it is sound");
    assert_eq!(body.configuration().rule.order, ["nap"]);
    let short = ["decisions.model.forgetting=discount", "decisions.model.bucket_h=1"];
    let said = set(&short).expect_err("it is refused").to_string();
    assert!(said.contains("`decisions.model.bucket_h`") && said.contains("at least 23"), "{said}");
    let said = set(&["decisions.rule.order=[\"nab\"]"]).expect_err("it is refused").to_string();
    assert!(said.contains("`decisions.rule.order`") && said.contains("nab"), "{said}");
}
