//! Who may know whom, and what may be in the code: over `cargo metadata` and the files themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// The parts of the program.
const PARTS: [&str; 3] = ["guildhall-api", "guildhall-bot", "guildhall-worker"];
/// What measures everything from outside may use everything.
const BENCH: &str = "guildhall-bench";
/// The longest file, in lines.
const LONGEST: usize = 450;

fn metadata() -> Result<Metadata> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let options = ["--locked".to_owned(), "--offline".to_owned()];
    MetadataCommand::new().manifest_path(root).other_options(options).exec().context("cargo metadata")
}

/// The names of a package's own dependencies of these kinds.
fn uses<'p>(package: &'p Package, kinds: &[DependencyKind]) -> BTreeSet<&'p str> {
    package.dependencies.iter().filter(|d| kinds.contains(&d.kind)).map(|d| d.name.as_str()).collect()
}

const SHIPPED: [DependencyKind; 2] = [DependencyKind::Normal, DependencyKind::Build];
const ANY: [DependencyKind; 3] = [DependencyKind::Normal, DependencyKind::Build, DependencyKind::Development];

#[test]
fn the_parts_do_not_know_each_other() -> Result<()> {
    let metadata = metadata()?;
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let uses = uses(package, &ANY);
        if PARTS.contains(&name) {
            let others: Vec<_> = PARTS.iter().filter(|part| uses.contains(**part)).collect();
            ensure!(others.is_empty(), "{name} knows {others:?}");
        }
        let wants_testkit = uses.contains("guildhall-testkit");
        ensure!(!wants_testkit || name == BENCH, "{name} knows the test vocabulary");
    }
    Ok(())
}

#[test]
fn each_library_lives_where_it_belongs() -> Result<()> {
    let metadata = metadata()?;
    // The library, who may use it, and who may besides use it in tests.
    let homes: [(&str, &[&str], &[&str]); 6] = [
        // Tests that make a database of their own.
        ("sqlx", &["guildhall-store", "guildhall-broker", "guildhall-testkit"], &["guildhall-api", "guildhall-worker"]),
        ("lapin", &["guildhall-broker"], &[]),
        ("deadpool-lapin", &["guildhall-broker"], &[]),
        ("serenity", &["guildhall-bot"], &["discord-sim"]),
        ("axum", &["guildhall-api", "guildhall", "discord-sim"], &["guildhall-bot", "guildhall-client"]),
        ("jsonwebtoken", &["guildhall-api"], &["guildhall-testkit"]),
    ];
    for package in metadata.workspace_packages().into_iter().filter(|package| package.name.as_str() != BENCH) {
        let name = package.name.as_str();
        for (library, homes, tests) in homes {
            ensure!(!uses(package, &SHIPPED).contains(library) || homes.contains(&name), "{name} uses {library}");
            let tested = uses(package, &ANY).contains(library);
            ensure!(!tested || homes.contains(&name) || tests.contains(&name), "{name} tests with {library}");
        }
    }
    Ok(())
}

#[test]
fn the_rules_are_pure_and_the_simulator_knows_nobody() -> Result<()> {
    let metadata = metadata()?;
    let named = |name: &str| {
        let packages = metadata.workspace_packages();
        packages.into_iter().find(|package| package.name.as_str() == name).with_context(|| format!("no package {name}"))
    };
    for impure in ["tokio", "sqlx", "serde_json", "axum", "reqwest", "tracing", "lapin", "serenity"] {
        ensure!(!uses(named("guildhall-domain")?, &SHIPPED).contains(impure), "the rules use {impure}");
    }
    let known = uses(named("discord-sim")?, &ANY);
    let ours: Vec<_> = known.iter().filter(|name| name.starts_with("guildhall")).collect();
    ensure!(ours.is_empty(), "the simulated Discord knows {ours:?}");
    for (name, may) in [
        ("guildhall-domain", &[][..]),
        ("guildhall-messages", &["guildhall-domain"][..]),
        ("guildhall-store", &["guildhall-domain", "guildhall-messages"][..]),
        ("guildhall-broker", &["guildhall-messages"][..]),
        ("guildhall-client", &["guildhall-messages", "guildhall-domain"][..]),
        ("guildhall-bot", &["guildhall-domain", "guildhall-messages", "guildhall-broker", "guildhall-client"][..]),
        ("guildhall-api", &["guildhall-domain", "guildhall-messages", "guildhall-broker", "guildhall-store"][..]),
        ("guildhall-worker", &["guildhall-domain", "guildhall-messages", "guildhall-broker", "guildhall-store"][..]),
    ] {
        let uses = uses(named(name)?, &SHIPPED);
        let ours = uses.iter().filter(|used| used.starts_with("guildhall") || **used == "discord-sim");
        let strange: Vec<_> = ours.filter(|used| !may.contains(used)).collect();
        ensure!(strange.is_empty(), "{name} knows {strange:?}");
    }
    Ok(())
}

/// ring is the only provider of cryptography; no C library of the system is needed.
#[test]
fn banned_libraries_are_nowhere() -> Result<()> {
    let metadata = metadata()?;
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let resolved = metadata.resolve.as_ref().context("nothing is resolved")?;
    for node in &resolved.nodes {
        let name = names.get(&node.id).copied().unwrap_or_default();
        for banned in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"] {
            ensure!(name != banned, "{banned} is in the graph: some default feature pulls it in");
        }
    }
    Ok(())
}

/// Every Rust file of ours.
fn files() -> Result<Vec<PathBuf>> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !["target", "data"].contains(&name) && !name.starts_with('.') {
                walk(&path, found)?;
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?, &mut found)?;
    Ok(found)
}

#[test]
fn files_are_short_and_finished() -> Result<()> {
    // Written apart, so that this file does not find itself.
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let ignored = format!("#[{}", "ignore");
    let mut wrong = Vec::new();
    for path in files()? {
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{}: {lines} lines; split it", path.display()));
        }
        for (line, text) in (1..).zip(text.lines()) {
            if unfinished.iter().chain([&ignored]).any(|mark| text.contains(mark.as_str())) {
                wrong.push(format!("{}:{line}: {}", path.display(), text.trim()));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// A module says what it owns; only the tests beside one need not.
#[test]
fn every_module_opens_with_what_it_owns() -> Result<()> {
    let silent: Vec<_> = files()?
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| !text.trim_start().starts_with("//!")))
        .collect();
    ensure!(silent.is_empty(), "no //! in {silent:#?}");
    Ok(())
}
