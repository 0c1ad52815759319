//! Servers that a person uses, kept in a file that only that person may read.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use crate::table::Table;
use crate::terminal::{DIM, GOOD};

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Keep a server and a key to it; the first one kept is the one in use
    Add {
        /// What to call it
        name: String,
        /// The server
        #[arg(long, value_name = "URL")]
        url: String,
        /// The key; read from standard input if not given, which keeps it out of the shell's history
        #[arg(long, env = "POSTBACK_KEY", hide_env_values = true)]
        key: Option<String>,
    },
    /// Show what is kept, without the keys
    List,
    /// Use this one where no other is named
    Use {
        /// Its name
        name: String,
    },
    /// Forget one
    Remove {
        /// Its name
        name: String,
    },
}

/// Everything that is kept.
#[derive(Default, Serialize, Deserialize)]
struct Profiles {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// One server. Holds a key, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Profile {
    pub(super) url: String,
    pub(super) key: String,
}

pub(crate) fn run(command: &ProfileCommand) -> Result<ExitCode, Box<dyn Error>> {
    let path = path()?;
    let mut kept = read(&path)?;
    match command {
        ProfileCommand::Add { name, url, key } => {
            let key = match key {
                Some(key) => key.clone(),
                None => key_from_input()?,
            };
            kept.current.get_or_insert_with(|| name.clone());
            kept.profiles.insert(name.clone(), Profile { url: url.clone(), key });
            write(&path, &kept)?;
            println!("{GOOD}kept{GOOD:#}  {name}  {DIM}{}{DIM:#}", path.display());
        }
        ProfileCommand::List => {
            let mut table = Table::new(&["", "PROFILE", "URL"]);
            for (name, profile) in &kept.profiles {
                let mark = if kept.current.as_ref() == Some(name) { "*" } else { "" };
                table.row([mark.to_owned(), name.clone(), profile.url.clone()]);
            }
            table.print();
        }
        ProfileCommand::Use { name } => {
            known(&kept, name)?;
            kept.current = Some(name.clone());
            write(&path, &kept)?;
        }
        ProfileCommand::Remove { name } => {
            known(&kept, name)?;
            kept.profiles.remove(name);
            kept.current = kept.current.filter(|current| current != name);
            write(&path, &kept)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The profile of this name, or the one in use.
pub(super) fn find(name: Option<&str>) -> Result<Option<Profile>, Box<dyn Error>> {
    // Without a home there is no profile, and most commands need none.
    let Ok(path) = path() else { return Ok(None) };
    let kept = read(&path)?;
    match name.or(kept.current.as_deref()) {
        None => Ok(None),
        Some(name) => Ok(Some(known(&kept, name)?.clone())),
    }
}

fn known<'k>(kept: &'k Profiles, name: &str) -> Result<&'k Profile, String> {
    kept.profiles.get(name).ok_or_else(|| {
        format!("no profile `{name}`; `postback profile list` shows those there are")
    })
}

fn key_from_input() -> Result<String, Box<dyn Error>> {
    if io::stdin().is_terminal() {
        anstream::eprintln!("key (it will be shown as you type; end with Ctrl-D):");
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let key = text.trim();
    if key.is_empty() { Err("no key was given".into()) } else { Ok(key.to_owned()) }
}

fn path() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("POSTBACK_CONFIG") {
        return Ok(path.into());
    }
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let config = config.or_else(home).ok_or("neither XDG_CONFIG_HOME nor HOME is set")?;
    Ok(config.join("postback").join("profiles.json"))
}

fn read(path: &Path) -> Result<Profiles, Box<dyn Error>> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|_| {
            format!("{} is not what `postback profile` writes", path.display()).into()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Profiles::default()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display()).into()),
    }
}

/// Beside the old one first, so that a full disk costs no keys.
fn write(path: &Path, kept: &Profiles) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    // Whatever is there may be readable by others.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(serde_json::to_string_pretty(kept)?.as_bytes())?;
    file.sync_all()?;
    Ok(fs::rename(&new, path)?)
}
