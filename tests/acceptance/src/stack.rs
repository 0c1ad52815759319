//! What a test runs against: a stack that was deployed before, or a server of its own.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::api::{Caller, Merchant};
use crate::client::Client;
use crate::clock;
use crate::server::{Launch, Server};

/// A running Postback and its admin key.
#[derive(Debug)]
pub struct Stack {
    client: Client,
    admin_key: String,
    home: Option<Home>,
}

/// A server of the test's own, and where it lives. The server ends before its folder goes.
#[derive(Debug)]
struct Home {
    server: Option<Server>,
    launch: Launch,
    folder: TempDir,
}

impl Stack {
    /// The stack that the environment names, or a fresh one.
    ///
    /// # Panics
    /// When the environment is incomplete, or the server does not start.
    #[track_caller]
    pub fn up() -> Self {
        match env::var("POSTBACK_URL") {
            Err(_) => Self::start(None),
            Ok(url) => {
                let admin_key = env::var("POSTBACK_ADMIN_KEY")
                    .expect("POSTBACK_ADMIN_KEY must be set along with POSTBACK_URL");
                let host = env::var("POSTBACK_HOST_HEADER").ok();
                let client = Client::new(&url, host.as_deref())
                    .unwrap_or_else(|error| panic!("POSTBACK_URL: {error}"));
                Self { client, admin_key, home: None }
            }
        }
    }

    /// Whether the environment has named it.
    pub fn is_deployed(&self) -> bool {
        self.home.is_none()
    }

    /// A fresh server whose process and disk the test may ruin; `None`, with a note, when the
    /// environment names a stack.
    ///
    /// # Panics
    /// When the server does not start.
    #[track_caller]
    pub fn own() -> Option<Self> {
        may_start_servers().then(|| Self::start(None))
    }

    /// The same, with its data in this directory.
    ///
    /// # Panics
    /// When the server does not start.
    #[track_caller]
    pub fn own_in(data: PathBuf) -> Option<Self> {
        may_start_servers().then(|| Self::start(Some(data)))
    }

    #[track_caller]
    fn start(data: Option<PathBuf>) -> Self {
        let folder = scratch_folder();
        let data = data.unwrap_or_else(|| folder.path().join("data"));
        let admin_key = format!("acceptance-admin-{}", clock::unique());
        let mut launch = Launch::new(&data, folder.path(), &admin_key);
        let (server, ready) = launch.start();
        let url = ready["url"].as_str().expect("the server says its url");
        let client = Client::new(url, None).unwrap_or_else(|error| panic!("{error}"));
        // A restart comes back where providers know it.
        launch.listen = client.address();
        Self { client, admin_key, home: Some(Home { server: Some(server), launch, folder }) }
    }

    /// A client of the stack.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The operator's key.
    pub fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Whoever has the admin key.
    pub fn admin(&self) -> Caller {
        Caller::new(&self.client, Some(&self.admin_key))
    }

    /// Whoever has this key, or none.
    pub fn caller(&self, key: Option<&str>) -> Caller {
        Caller::new(&self.client, key)
    }

    /// A new merchant with a key of its own.
    ///
    /// # Panics
    /// When the API refuses.
    #[track_caller]
    pub fn merchant(&self) -> Merchant {
        self.merchant_with(json!({}))
    }

    /// A new merchant with these fields besides its name.
    ///
    /// # Panics
    /// When the API refuses.
    #[track_caller]
    pub fn merchant_with(&self, fields: serde_json::Value) -> Merchant {
        Merchant::create(self.admin(), &self.client, fields)
    }

    /// How its server is started.
    ///
    /// # Panics
    /// When the stack was deployed before.
    pub fn launch(&self) -> &Launch {
        &self.home.as_ref().expect("the stack is the test's own").launch
    }

    /// The running server.
    ///
    /// # Panics
    /// When there is none, or the stack was deployed before.
    pub fn server(&mut self) -> &mut Server {
        self.home_mut().server.as_mut().expect("the server was started")
    }

    /// Hands over the server, to be ended.
    ///
    /// # Panics
    /// When there is none, or the stack was deployed before.
    pub fn take_server(&mut self) -> Server {
        self.home_mut().server.take().expect("the server was started")
    }

    /// Starts the server again, on the same data directory and port.
    ///
    /// # Panics
    /// When it does not start, still runs, or the stack was deployed before.
    #[track_caller]
    pub fn restart(&mut self) {
        let home = self.home_mut();
        assert!(home.server.is_none(), "the server still runs");
        home.server = Some(home.launch.start().0);
    }

    /// Everything that its servers have printed; `None` when the stack was deployed before.
    pub fn logs(&self) -> Option<String> {
        let home = self.home.as_ref()?;
        let files = fs::read_dir(home.folder.path()).expect("the folder is there");
        let paths = files.map(|file| file.expect("the folder can be read").path());
        let logs = paths.filter(|path| path.is_file());
        let texts = logs.map(|path| fs::read(path).expect("logs can be read"));
        Some(texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
    }

    #[track_caller]
    fn home_mut(&mut self) -> &mut Home {
        self.home.as_mut().expect("the stack is the test's own")
    }
}

/// A folder that goes with the test.
///
/// # Panics
/// When it cannot be made.
pub fn scratch_folder() -> TempDir {
    tempfile::Builder::new().prefix("postback-acceptance-").tempdir().expect("a folder can be made")
}

/// Whether this run starts servers of its own. Prints a note if not.
pub fn may_start_servers() -> bool {
    let own = env::var_os("POSTBACK_URL").is_none();
    if !own {
        eprintln!("skipped: this test needs a server of its own, and POSTBACK_URL names another");
    }
    own
}
